import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Command, CommandContext, ExitCode } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import type { ControlClient } from "./control-client.ts";
import { commandHelp, groupHelp, helpData, rootHelp } from "./help.ts";
import { leadingWords, parseCommandLine, roughGlobals, suggestion } from "./parse.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

function version(): string {
  const file = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")) as { version: string };
  return file.version;
}

/** The data folder where none is named. */
function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "OpenAgents");
  // The XDG specification: a relative path is to be ignored.
  const base = env.XDG_DATA_HOME !== undefined && isAbsolute(env.XDG_DATA_HOME) ? env.XDG_DATA_HOME : undefined;
  return join(base ?? join(homedir(), ".local", "share"), "openagents");
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  const terminal = openTerminal(roughGlobals(argv));
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    return terminal.fail(asRejection(error));
  } finally {
    await terminal.end();
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const all = leadingWords(argv);
  const words = all[0] === "help" ? all.slice(1) : all;
  const name = [words.slice(0, 3), words.slice(0, 2), words.slice(0, 1)]
    .map((some) => some.join(" "))
    .find((key) => Object.hasOwn(COMMANDS, key));
  const names = Object.keys(COMMANDS);
  if (name === undefined) return withoutCommand(argv, words, all[0] === "help", terminal);
  const command = (await COMMANDS[name]?.())?.command;
  if (command === undefined) throw new Error(`assertion failed: no command ${name}`);
  const help = all[0] === "help";
  const parsed = parseCommandLine(help ? ["--help", ...argv] : argv, command);
  if (isRejection(parsed)) {
    const typed = words.slice(0, 2).join(" ");
    // What was typed whole was meant: only `oa installs aprove` may have meant another command.
    const meant = words.length > command.words.length && typed !== name ? suggestion(typed, names, "oa ") : "";
    return terminal.fail({ ...parsed, message: `${parsed.message}${meant}; see oa ${name} --help` });
  }
  if (parsed.globals.help) {
    terminal.print(helpData(command), () => commandHelp(command, process.stdout.columns));
    return 0;
  }
  if (parsed.globals.version) return printVersion(terminal);
  return run(command, parsed, terminal);
}

/** No command is named: help, the version, or what is wrong. */
async function withoutCommand(
  argv: readonly string[],
  words: readonly string[],
  help: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const names = Object.keys(COMMANDS);
  const group = names.filter((name) => words.length > 0 && name.startsWith(`${words[0]} `));
  if (words.length > 0 && (group.length === 0 || words.length > 1)) {
    const known = [...new Set(names.flatMap((name) => [name, name.split(" ", 1)[0] ?? ""]))];
    const text = group.length > 0 ? words.slice(0, 2).join(" ") : (words[0] ?? "");
    return terminal.fail(reject("usage", `unknown command ${text}${suggestion(text, known, "oa ")}; see oa --help`));
  }
  const parsed = parseCommandLine(
    argv.filter((word) => word.startsWith("-")),
    null,
  );
  if (isRejection(parsed)) return terminal.fail(parsed);
  if (parsed.globals.version) return printVersion(terminal);
  const list = await loaded(words.length > 0 ? group : names);
  const width = process.stdout.columns;
  const text = words.length > 0 ? groupHelp(words, list, width) : rootHelp(list, version(), width);
  if (parsed.globals.help || help) {
    terminal.print({ version: version(), commands: list.map(helpData) }, text);
    return 0;
  }
  if (!terminal.json) terminal.note(text);
  return terminal.fail(reject("usage", words.length > 0 ? `oa ${words[0]} needs one more word` : "name a command"));
}

async function loaded(names: readonly string[]): Promise<readonly Command[]> {
  const commands = await Promise.all(names.flatMap((name) => COMMANDS[name]?.() ?? []));
  return commands.map(({ command }) => command);
}

function printVersion(terminal: Terminal): ExitCode {
  terminal.print({ version: version() }, version());
  return 0;
}

async function run(
  command: Command,
  parsed: Exclude<ReturnType<typeof parseCommandLine>, Rejection>,
  terminal: Terminal,
): Promise<ExitCode> {
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      abort.abort(reject("canceled", `stopped by ${signal}`));
      // A second one means now.
      process.once(signal, () => process.exit(1));
    });
  }
  const data_dir = resolve(parsed.globals.data ?? process.env.OA_DATA ?? defaultDataDir(process.env));
  let client: Promise<ControlClient> | undefined;
  const context: CommandContext = {
    ...terminal,
    options: parsed.options as CommandContext["options"],
    args: parsed.args as CommandContext["args"],
    data_dir,
    cwd: process.cwd(),
    env: process.env,
    signal: abort.signal,
    commands: () => loaded(Object.keys(COMMANDS)),
    api: () => {
      client ??= import("./control-client.ts").then(({ openControlClient }) =>
        openControlClient({ data_dir, env: process.env }),
      );
      return client;
    },
  };
  try {
    const result = await command.run(context);
    return isRejection(result) ? terminal.fail(result) : result;
  } catch (error) {
    return terminal.fail(asRejection(error));
  } finally {
    // One that could not be opened has been said already.
    await client?.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }
}

function asRejection(error: unknown): Rejection {
  if (isRejection(error)) return error;
  if (error instanceof Fault) return reject(error.code, error.message, error.details);
  if (process.env.OA_DEBUG !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return reject("internal", error instanceof Error ? error.message : String(error));
}

// Handles a command left open (a keep-alive socket) must not keep a finished command waiting.
process.exit(await main(process.argv.slice(2)));
