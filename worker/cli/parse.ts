import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Argument, Command, Option } from "./command.ts";

/** Options every command has. */
export const GLOBAL_OPTIONS = {
  data: { type: "text", value: "DIR", summary: "Data folder (OA_DATA; default: the platform's)" },
  json: { type: "flag", summary: "Print exactly one JSON document on stdout" },
  help: { type: "flag", summary: "Show help with examples" },
  version: { type: "flag", summary: "Print the version" },
  "no-color": { type: "flag", summary: "No colours (also NO_COLOR)" },
} as const satisfies Readonly<Record<string, Option>>;

export interface GlobalValues {
  readonly data: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
  readonly color: boolean;
}

interface Token {
  readonly kind: "option" | "word";
  /** The option's name without dashes, or the word. */
  readonly text: string;
  readonly value?: string;
}

type Value = string | number | boolean | readonly string[] | undefined;

/** The words that may name a command, in order: those before the first option that is not global. */
export function leadingWords(argv: readonly string[]): readonly string[] {
  const words: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const text = argv[index] ?? "";
    if (text === "--") return words;
    if (!text.startsWith("-")) {
      words.push(text);
      continue;
    }
    const name = longName(text.split("=", 1)[0] ?? "");
    const option: Option | undefined = own(GLOBAL_OPTIONS, name);
    if (option === undefined) return words;
    if (option.type !== "flag" && !text.includes("=")) index += 1;
  }
  return words;
}

/** What of the global options can be told before the command line is known to be right; for saying what is wrong. */
export function roughGlobals(argv: readonly string[]): { readonly json: boolean; readonly color: boolean } {
  const end = argv.indexOf("--");
  const options = end === -1 ? argv : argv.slice(0, end);
  return { json: options.includes("--json"), color: !options.includes("--no-color") };
}

/** Parses a command line whose first `command.words.length` words name the command. */
export function parseCommandLine(
  argv: readonly string[],
  command: Pick<Command, "words" | "options" | "arguments"> | null,
):
  | {
      readonly globals: GlobalValues;
      readonly options: Readonly<Record<string, Value>>;
      readonly args: Readonly<Record<string, Value>>;
    }
  | Rejection {
  const known: Readonly<Record<string, Option>> = { ...(command?.options ?? {}), ...GLOBAL_OPTIONS };
  const tokens = tokenize(argv, known);
  if ("rejected" in tokens) return tokens;
  const given = new Map<string, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "word") words.push(token.text);
    else given.set(token.text, [...(given.get(token.text) ?? []), token.value ?? ""]);
  }
  const help = given.has("help") || given.has("version");
  const values: Record<string, Value> = {};
  for (const [name, option] of Object.entries(known)) {
    const value = optionValue(name, option, given.get(name), help);
    if (typeof value === "object" && "rejected" in value) return value;
    values[name] = value as Value;
  }
  const args = argumentValues(command?.arguments ?? {}, words.slice(command?.words.length ?? 0), help);
  if ("rejected" in args) return args as Rejection;
  const { data, json, version } = values;
  const globals = {
    data: typeof data === "string" ? data : undefined,
    json: json === true,
    help: given.has("help"),
    version: version === true,
    color: !given.has("no-color"),
  };
  return { globals, options: values, args: args as Readonly<Record<string, Value>> };
}

function tokenize(argv: readonly string[], known: Readonly<Record<string, Option>>): readonly Token[] | Rejection {
  const tokens: Token[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const text = argv[index] ?? "";
    if (text === "--")
      return [...tokens, ...argv.slice(index + 1).map((word) => ({ kind: "word" as const, text: word }))];
    if (!text.startsWith("-") || text === "-") {
      tokens.push({ kind: "word", text });
      continue;
    }
    const equals = text.indexOf("=");
    const name = longName(equals === -1 ? text : text.slice(0, equals));
    const option = own(known, name);
    if (option === undefined) {
      return reject("usage", `unknown option ${text.split("=", 1)[0]}${suggestion(name, Object.keys(known), "--")}`);
    }
    if (option.type === "flag") {
      if (equals !== -1) return reject("usage", `--${name} takes no value`);
      tokens.push({ kind: "option", text: name });
      continue;
    }
    const value = equals === -1 ? argv[index + 1] : text.slice(equals + 1);
    if (equals === -1) index += 1;
    // A value that looks like an option is a forgotten value; `--name=--odd` says it on purpose.
    if (value === undefined || (equals === -1 && value.startsWith("--"))) {
      return reject("usage", `--${name} needs a value: --${name} ${option.value}`);
    }
    tokens.push({ kind: "option", text: name, value });
  }
  return tokens;
}

function longName(text: string): string {
  return text === "-h" ? "help" : text.replace(/^--?/, "");
}

function optionValue(
  name: string,
  option: Option,
  given: readonly string[] | undefined,
  help: boolean,
): Value | Rejection {
  if (option.type === "flag") return given !== undefined;
  if (given !== undefined && given.length > 1 && !(option.type === "text" && option.repeat === true)) {
    return reject("usage", `--${name} may be given once`);
  }
  const text = given?.[0];
  if (text === undefined && option.required === true && !help) {
    return reject("usage", `--${name} ${option.value} is required`);
  }
  if (option.type === "integer") {
    if (text === undefined) return option.default;
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= option.min && number <= option.max)) {
      return reject("usage", `--${name} must be a whole number from ${option.min} to ${option.max}, not ${text}`);
    }
    return number;
  }
  for (const value of given ?? []) {
    if (option.choices !== undefined && !option.choices.includes(value)) {
      const nearest = suggestion(value, option.choices, "");
      return reject("usage", `--${name} must be one of ${option.choices.join(", ")}, not ${value}${nearest}`);
    }
  }
  return option.repeat === true ? (given ?? []) : (text ?? option.default);
}

function argumentValues(
  declared: Readonly<Record<string, Argument>>,
  words: readonly string[],
  help: boolean,
): Readonly<Record<string, Value>> | Rejection {
  const values: Record<string, Value> = {};
  let rest = words;
  for (const [name, argument] of Object.entries(declared)) {
    if (rest.length === 0 && argument.optional !== true && !help) {
      return reject("usage", `<${name}> is missing: ${argument.summary.toLowerCase()}`);
    }
    values[name] = argument.repeat === true ? rest : rest[0];
    rest = argument.repeat === true ? [] : rest.slice(1);
  }
  const alone = Object.values(declared).at(-1)?.alone;
  return rest.length === 0 || help ? values : reject("usage", alone ?? `unexpected argument ${rest[0]}`);
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** ` (did you mean …?)` where something known is close, else nothing. */
export function suggestion(text: string, known: readonly string[], prefix: string): string {
  const near = known
    .map((name) => ({ name, distance: distance(text, name) }))
    .filter(({ name, distance: edits }) => edits <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? "" : ` (did you mean ${prefix}${near.name}?)`;
}

/** Levenshtein distance; both texts are a person's words, cut to a length that keeps this cheap. */
function distance(first: string, second: string): number {
  const [a, b] = [first.slice(0, 40), second.slice(0, 40)];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
