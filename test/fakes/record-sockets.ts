/** Preloaded into a real worker: every address that it, or a library in it, connects to is a line in OA_SOCKETS. */
import { appendFileSync } from "node:fs";
import { Socket } from "node:net";

const { connect } = Socket.prototype;
Socket.prototype.connect = function (this: Socket, ...args: readonly unknown[]) {
  appendFileSync(process.env.OA_SOCKETS ?? "", `${JSON.stringify(args[0])}\n`);
  return connect.apply(this, args as unknown as Parameters<typeof connect>);
} as typeof connect;
