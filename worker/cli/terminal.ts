import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { REASONS } from "@oa/shared/core/reasons.ts";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { CommandContext, ExitCode } from "./command.ts";

/** The part of a command's context that speaks. */
export type Terminal = Pick<
  CommandContext,
  "print" | "write" | "note" | "progress" | "fail" | "confirm" | "style" | "json"
> & {
  /** Clears the progress line and waits until stdout has taken everything. */
  readonly end: () => Promise<void>;
};

const PROGRESS_AFTER_MS = 1_000;
const PROGRESS_EVERY_MS = 100;

/** Opens stdout, stderr and stdin for one command. */
export function openTerminal(options: { readonly json: boolean; readonly color: boolean }): Terminal {
  const { stdin, stdout, stderr } = process;
  const started = performance.now();
  let printed = false;
  let shown = 0;
  let width = 0;
  const clear = (): void => {
    if (width > 0) stderr.write(`\r${" ".repeat(width)}\r`);
    width = 0;
  };
  // A reader that went away (`oa runs | head -1`) has what it wanted.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });

  const print = (json: unknown, human: string | (() => string)): void => {
    if (printed) throw new Error("assertion failed: a command answers once");
    printed = true;
    clear();
    if (options.json) {
      stdout.write(`${JSON.stringify(json)}\n`);
      return;
    }
    const text = typeof human === "string" ? human : human();
    if (text !== "") stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  };
  const note = (line: string): void => {
    clear();
    stderr.write(`${line}\n`);
  };
  const style: Terminal["style"] = (format, text) =>
    options.color ? styleText(format, text, { stream: stdout }) : text;

  return {
    json: options.json,
    print,
    note,
    style,
    write: (text) =>
      new Promise((resolve, reject) => {
        clear();
        printed = true;
        stdout.write(text, (error) => (error ? reject(error) : resolve()));
      }),
    progress: (line) => {
      const now = performance.now();
      if (!stderr.isTTY || now - started < PROGRESS_AFTER_MS || now - shown < PROGRESS_EVERY_MS) return;
      shown = now;
      const text = line.replaceAll(/\p{Cc}/gu, " ").slice(0, Math.max(10, (stderr.columns ?? 80) - 1));
      clear();
      stderr.write(text);
      width = text.length;
    },
    fail: (rejection: Rejection, keys = {}): ExitCode => {
      note(`oa: ${plain(rejection.message)} (${rejection.code})`);
      if (options.json && !printed) {
        const { code, message, details } = rejection;
        print({ ...keys, error: details === undefined ? { code, message } : { code, message, details } }, "");
      }
      return REASONS[rejection.code].exit;
    },
    confirm: async (question) => {
      if (!stdin.isTTY || !stderr.isTTY) return undefined;
      clear();
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        const gone = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
        const answer = await Promise.race([lines.question(`${question} [y/N] `), gone]);
        return /^y(es)?$/i.test(answer.trim());
      } catch (error) {
        // Ctrl-C at a question is a no.
        if (error instanceof Error && error.name === "AbortError") return false;
        throw error;
      } finally {
        lines.close();
      }
    },
    end: async () => {
      clear();
      await new Promise<void>((resolve) => stdout.write("", () => resolve()));
    },
  };
}

/** Text from outside as one harmless line: no control characters, so nothing can repaint a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, " ");
}
