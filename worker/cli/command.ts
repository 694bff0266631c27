import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlClient } from "./control-client.ts";

/** `--name`: true where it is given. */
export interface FlagOption {
  readonly type: "flag";
  readonly summary: string;
}

/** `--name VALUE`: text; with `repeat` it may be given several times and is always a list. */
export interface TextOption {
  readonly type: "text";
  /** What help calls the value, e.g. `FILE`. */
  readonly value: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly required?: boolean;
  readonly repeat?: boolean;
  readonly default?: string;
}

/** `--name N`: a whole number from `min` to `max`. */
export interface IntegerOption {
  readonly type: "integer";
  readonly value: string;
  readonly summary: string;
  readonly min: number;
  readonly max: number;
  readonly required?: boolean;
  readonly default?: number;
}

export type Option = FlagOption | TextOption | IntegerOption;

/** A word after the command's own words, in the order of declaration; only the last may be optional or repeated. */
export interface Argument {
  readonly summary: string;
  readonly optional?: boolean;
  readonly repeat?: boolean;
  /** What is said to a word after it, where that word may be a secret: it is not repeated. */
  readonly alone?: string;
}

type ValueOf<O> = O extends FlagOption
  ? boolean
  : O extends { readonly type: "text"; readonly repeat: true }
    ? readonly string[]
    : O extends { readonly type: "text"; readonly required: true } | { readonly type: "text"; readonly default: string }
      ? string
      : O extends { readonly type: "text" }
        ? string | undefined
        : O extends { readonly required: true } | { readonly default: number }
          ? number
          : number | undefined;

type ArgumentValueOf<A> = A extends { readonly repeat: true }
  ? readonly string[]
  : A extends { readonly optional: true }
    ? string | undefined
    : string;

type Options = Readonly<Record<string, Option>>;
type Arguments = Readonly<Record<string, Argument>>;

/** 0 done, 1 failed, 2 wrong usage, 3 refused (invalid, unsigned, not permitted). */
export type ExitCode = 0 | 1 | 2 | 3;

/** What a command may use. Everything it says goes through here, so that `--json` and pipes are kept everywhere. */
export interface CommandContext<O extends Options = Options, A extends Arguments = Arguments> {
  readonly options: { readonly [Name in keyof O]: ValueOf<O[Name]> };
  readonly args: { readonly [Name in keyof A]: ArgumentValueOf<A[Name]> };
  /** The data folder: `--data`, else OA_DATA, else the platform's. It need not exist. */
  readonly data_dir: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** True with `--json`: stdout holds exactly one JSON document. */
  readonly json: boolean;
  /** The answer: `json` with `--json`, else the text for people. Once per command. */
  readonly print: (json: unknown, human: string | (() => string)) => void;
  /** Writes to stdout as it is, waiting for a slow reader; for output that is not one document (an export). */
  readonly write: (text: string) => Promise<void>;
  /** One line for people on stderr, in every mode. */
  readonly note: (line: string) => void;
  /** Shown on a terminal once the command has taken a second; silent when piped. */
  readonly progress: (line: string) => void;
  /** Says no: the sentence on stderr, `{"error", …keys}` with `--json`; returns the code's exit status. */
  readonly fail: (rejection: Rejection, keys?: Readonly<Record<string, unknown>>) => ExitCode;
  /** Asks on the terminal; false for anything but yes. Undefined where there is no terminal to ask on. */
  readonly confirm: (question: string) => Promise<boolean | undefined>;
  readonly style: (format: "bold" | "dim" | "green" | "red" | "yellow", text: string) => string;
  /** Every command there is. */
  readonly commands: () => Promise<readonly Command[]>;
  /** The control API of the data folder's worker: the running daemon's, else an in-process one. */
  readonly api: () => Promise<ControlClient>;
}

/**
 * One command as data: parsing, help and completion read the same object. Its module is loaded whenever help is, so
 * it imports what is heavy inside `run`.
 */
export interface CommandOf<O extends Options, A extends Arguments> {
  readonly words: readonly string[];
  /** One line, a verb first. */
  readonly summary: string;
  readonly arguments?: A;
  readonly options?: O;
  /** Whole command lines, at least one. */
  readonly examples: readonly string[];
  /** Returns an exit status, or a rejection, which is said as `fail` says it. A thrown `Fault` is said the same way. */
  run(context: CommandContext<O, A>): Promise<ExitCode | Rejection>;
}
export type Command = CommandOf<Options, Arguments>;

/** Declares a command; `context.options` and `context.args` get their types from the declaration. */
export function defineCommand<const O extends Options = never, const A extends Arguments = never>(
  command: CommandOf<
    [O] extends [never] ? Record<never, Option> : O,
    [A] extends [never] ? Record<never, Argument> : A
  >,
): Command {
  return command as unknown as Command; // the parser gives `run` exactly what was declared
}

/** An answer of the control API that says no. */
export interface ApiError {
  readonly code: ReasonCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}
