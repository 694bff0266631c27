import type { Command, Option } from "./command.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

/** Help for the whole tool: every command with its summary. */
export function rootHelp(commands: readonly Command[], version: string): string {
  const rows = commands.map((command) => [usage(command), command.summary] as const);
  return [
    `oa ${version}: agent upgrades that run on your own machine while you sleep`,
    "",
    "Usage: oa <command> [options]",
    "",
    "Commands:",
    ...columns(rows),
    "",
    "Options of every command:",
    ...columns(optionRows(GLOBAL_OPTIONS)),
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused.",
    "`oa <command> --help` shows examples.",
    "",
  ].join("\n");
}

/** Help for one command. */
export function commandHelp(command: Command): string {
  const args = Object.entries(command.arguments ?? {}).map(([name, { summary }]) => [`<${name}>`, summary] as const);
  return [
    command.summary,
    "",
    `Usage: oa ${usage(command)} [options]`,
    ...(args.length > 0 ? ["", "Arguments:", ...columns(args)] : []),
    ...(command.options === undefined ? [] : ["", "Options:", ...columns(optionRows(command.options))]),
    "",
    "Options of every command:",
    ...columns(optionRows(GLOBAL_OPTIONS)),
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

/** Help for the first words of several commands, e.g. `oa market`. */
export function groupHelp(words: readonly string[], commands: readonly Command[]): string {
  const rows = commands.map((command) => [usage(command), command.summary] as const);
  return [`Usage: oa ${words.join(" ")} <command>`, "", "Commands:", ...columns(rows), ""].join("\n");
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

/** Two columns, the first as wide as its longest cell. */
function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
