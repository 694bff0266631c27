import { readSync } from "node:fs";
import type { ReadStream, WriteStream } from "node:tty";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { AskPassphrase } from "../adapters/key-file.ts";

const MOST = 1_000;

/**
 * Where a passphrase comes from: the file descriptor that OA_PASSPHRASE_FD names, else OA_PASSPHRASE, else the terminal,
 * which does not show it. Never an argument, which other users of the machine can read. Faults: passphrase_needed,
 * canceled.
 */
export function passphraseFrom(
  env: Readonly<Record<string, string | undefined>>,
  terminal: { readonly input: ReadStream; readonly output: WriteStream },
): AskPassphrase {
  return async (what) => {
    const fd = env.OA_PASSPHRASE_FD;
    if (fd !== undefined && fd !== "") return readDescriptor(fd);
    if (env.OA_PASSPHRASE !== undefined) return env.OA_PASSPHRASE;
    const { input, output } = terminal;
    if (input.isTTY && output.isTTY) return readUnseen(input, output, `Passphrase of ${what}: `);
    throw new Fault(
      "passphrase_needed",
      `${what} is encrypted and there is no terminal to ask on: give its passphrase on the file descriptor that OA_PASSPHRASE_FD names, or in OA_PASSPHRASE`,
    );
  };
}

/** The next line, byte by byte: what follows it is the next key's. */
function readDescriptor(text: string): string {
  if (!/^\d{1,4}$/.test(text)) throw new Fault("usage", "OA_PASSPHRASE_FD is not the number of a file descriptor");
  const line = Buffer.alloc(MOST);
  let length = 0;
  try {
    while (length < MOST && readSync(Number(text), line, length, 1, null) === 1 && line[length] !== 10) length += 1;
  } catch (error) {
    throw new Fault("passphrase_needed", `no passphrase could be read from file descriptor ${text}`, { cause: error });
  }
  return line.subarray(0, length).toString("utf8").replace(/\r$/, "");
}

/** Reads a line of a terminal without showing it. Ctrl-C is a no. Fault: canceled. */
export function readUnseen(input: ReadStream, output: WriteStream, question: string, most = MOST): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = "";
  const onData = (chunk: string): void => {
    for (const key of chunk) {
      if (key === "\r" || key === "\n") resolve(line);
      else if (key === "\u0003" || key === "\u0004") reject(new Fault("canceled", "nothing was given"));
      else if (key === "\u007f" || key === "\b") line = [...line].slice(0, -1).join("");
      else if (key >= " " && line.length < most) line += key;
    }
  };
  output.write(question);
  input.setRawMode(true).setEncoding("utf8").on("data", onData).resume();
  return promise.finally(() => {
    input.off("data", onData).setRawMode(false).pause();
    output.write("\n");
  });
}
