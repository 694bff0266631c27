import type { Command, Option } from "./command.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

/** What an owner looks for first comes first. A command's first word says where it stands. */
export const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["This machine", ["up", "service", "doctor", "export", "engine", "edge", "completion"]],
  ["Find and install", ["market", "plan", "why-not", "install", "installs", "updates", "rollback", "receipt"]],
  ["Run and watch", ["run", "runs", "schedule", "why", "search"]],
  ["Stay in charge", ["approvals", "policy", "kill-switch", "secrets", "token", "pair", "audit"]],
  ["Write and publish", ["upgrade", "key"]],
  ["Rate, moderate and mirror", ["rate", "report", "reputation", "moderate", "curate", "site"]],
];

/** Help for the whole tool: every command with its summary, in lines of at most `width` where they can be broken. */
export function rootHelp(commands: readonly Command[], version: string, width = Number.POSITIVE_INFINITY): string {
  const left = Math.max(...commands.map((command) => usage(command).length));
  const groups = GROUPS.flatMap(([title, words]) => {
    const rows = words.flatMap((word) =>
      commands
        .filter((command) => command.words[0] === word)
        .map((command) => [usage(command).padEnd(left), command.summary] as const),
    );
    return [`${title}:`, ...columns(rows, width), ""];
  });
  return [
    `oa ${version}: agent upgrades that run on your own machine while you sleep`,
    "",
    "Usage: oa <command> [options]",
    "",
    ...groups,
    "Options of every command:",
    ...columns(optionRows(GLOBAL_OPTIONS), width),
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused.",
    "`oa <command> --help` shows examples.",
    "",
  ].join("\n");
}

/** Help for one command. */
export function commandHelp(command: Command, width?: number): string {
  const args = Object.entries(command.arguments ?? {}).map(([name, { summary }]) => [`<${name}>`, summary] as const);
  return [
    command.summary,
    "",
    `Usage: oa ${usage(command)} [options]`,
    ...(args.length > 0 ? ["", "Arguments:", ...columns(args, width)] : []),
    ...(command.options === undefined ? [] : ["", "Options:", ...columns(optionRows(command.options), width)]),
    "",
    "Options of every command:",
    ...columns(optionRows(GLOBAL_OPTIONS), width),
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

/** Help for the first words of several commands, e.g. `oa market`. */
export function groupHelp(words: readonly string[], commands: readonly Command[], width?: number): string {
  const rows = commands.map((command) => [usage(command), command.summary] as const);
  return [`Usage: oa ${words.join(" ")} <command>`, "", "Commands:", ...columns(rows, width), ""].join("\n");
}

/** The same as data, for `--help --json`. */
export function helpData(command: Command): object {
  const { words, summary, examples } = command;
  return { words, summary, arguments: command.arguments ?? {}, options: command.options ?? {}, examples };
}

function usage(command: Command): string {
  const args = Object.entries(command.arguments ?? {}).map(([name, { optional, repeat }]) => {
    const text = `<${name}>${repeat === true ? "…" : ""}`;
    return optional === true ? `[${text}]` : text;
  });
  return [...command.words, ...args].join(" ");
}

function optionRows(options: Readonly<Record<string, Option>>): readonly (readonly [string, string])[] {
  return Object.entries(options).map(([name, option]) => {
    if (option.type === "flag") return [`--${name}`, option.summary];
    const notes = [
      option.required === true ? "required" : "",
      option.type === "text" && option.repeat === true ? "may be repeated" : "",
      option.type === "text" && option.choices !== undefined ? `one of ${option.choices.join(", ")}` : "",
      option.default === undefined || option.default === "" ? "" : `default ${option.default}`,
    ].filter((note) => note !== "");
    return [`--${name} ${option.value}`, `${option.summary}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`];
  });
}

/** Two columns, the first as wide as its longest cell, the second broken between words where a line gets too long. */
function columns(rows: readonly (readonly [string, string])[], width = Number.POSITIVE_INFINITY): readonly string[] {
  const first = Math.max(...rows.map(([left]) => left.length));
  const room = Math.max(24, width - first - 4);
  return rows.flatMap(([left, right]) =>
    broken(right, room).map((line, index) => `  ${(index === 0 ? left : "").padEnd(first)}  ${line}`),
  );
}

function broken(text: string, room: number): readonly string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
