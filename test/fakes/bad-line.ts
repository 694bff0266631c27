import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What a line does with a connection, decided by the request that comes over it. */
export type Passing =
  /** Both ways, as it should. */
  | "through"
  /** The request arrives, and its answer is lost: nothing of it, or only its beginning. */
  | "lose_answer"
  | "cut_answer"
  /** The request arrives twice; the first answer is given. */
  | "twice"
  /** Nothing arrives, and nobody says so. */
  | "swallow";

export interface BadLine {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/**
 * A fake network between two machines: a real TCP proxy in front of an HTTP server, which treats each request as `how`
 * says. It closes every connection after one answer, so that each request is judged.
 */
export async function openBadLine(server_url: string, how: (request: string) => Passing): Promise<BadLine> {
  const { hostname, port, host } = new URL(server_url);
  const open = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    return socket;
  };
  const ask = (request: string, onData: (bytes: Buffer) => void, onEnd: () => void): void => {
    const there = keep(connect(Number(port), hostname));
    there.on("data", onData);
    there.on("close", onEnd);
    there.write(request);
  };
  const line = createServer((here) => {
    keep(here);
    let request = "";
    here.on("data", (bytes: Buffer) => {
      request += bytes.toString("latin1");
      const [head = "", body] = request.split("\r\n\r\n", 2);
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < length) return;
      const whole = request.replace(/^host: .*$/im, `host: ${host}`).replace(/^connection: .*$/im, "connection: close");
      request = "";
      const bytesOf = Buffer.from(whole, "latin1").toString("latin1");
      switch (how(whole)) {
        case "swallow":
          return;
        case "lose_answer":
          return ask(
            bytesOf,
            () => undefined,
            () => here.destroy(),
          );
        case "cut_answer": {
          let answer = Buffer.alloc(0);
          return ask(
            bytesOf,
            (some) => {
              answer = Buffer.concat([answer, some]);
            },
            () => here.write(answer.subarray(0, answer.length - 4), () => here.destroy()),
          );
        }
        case "twice":
          return ask(
            bytesOf,
            (some) => here.write(some),
            () =>
              ask(
                bytesOf,
                () => undefined,
                () => here.end(),
              ),
          );
        default:
          return ask(
            bytesOf,
            (some) => here.write(some),
            () => here.end(),
          );
      }
    });
  });
  await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
  const { port: at } = line.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${at}`,
    close: () =>
      new Promise((resolve) => {
        line.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
