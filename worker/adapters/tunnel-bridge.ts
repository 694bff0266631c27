/**
 * Runs inside a Linux sandbox, where there is no network but its own 127.0.0.1: passes connections on to the worker's
 * tunnel, then starts the command and ends as it does. Arguments: the tunnel's Unix socket, the port, the command.
 */
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { constants } from "node:os";

const [path = "", port = "", command = "", ...args] = process.argv.slice(2);

const server = createServer((near) => {
  const far = connect({ path });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on("error", () => one.destroy());
    one.on("close", () => other.destroy());
    one.pipe(other);
  }
});

server.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(command, args, { stdio: "inherit" });
  child.on("error", (error) => {
    process.stderr.write(`${command} could not be started: ${error.message}\n`);
    process.exit(127);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
});
