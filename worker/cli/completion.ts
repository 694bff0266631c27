import { type Command, defineCommand } from "./command.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

export const command: Command = defineCommand({
  words: ["completion"],
  summary: "Print a completion script for your shell",
  arguments: { shell: { summary: "bash, zsh or fish" } },
  examples: [
    "oa completion bash >> ~/.bash_completion",
    'oa completion zsh > "$' + '{fpath[1]}/_oa"',
    "oa completion fish > ~/.config/fish/completions/oa.fish",
  ],
  run: async ({ args, commands, print }) => {
    const script = scriptFor(args.shell, await commands());
    if (script === undefined) {
      return { rejected: true, code: "usage", message: `no completion for ${args.shell}; one of: bash, zsh, fish` };
    }
    print({ shell: args.shell, script }, script);
    return 0;
  },
});

function scriptFor(shell: string, commands: readonly Command[]): string | undefined {
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return `#compdef oa\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
    case "fish":
      return fish(commands);
    default:
      return undefined;
  }
}

function optionNames(command: Command): readonly string[] {
  return [...Object.keys(command.options ?? {}), ...Object.keys(GLOBAL_OPTIONS)].map((name) => `--${name}`);
}

/** The words that may follow `path`, by path. */
function followers(commands: readonly Command[]): ReadonlyMap<string, readonly string[]> {
  const next = new Map<string, Set<string>>();
  for (const { words } of commands) {
    for (const [index, word] of words.entries()) {
      const path = words.slice(0, index).join(" ");
      next.set(path, (next.get(path) ?? new Set()).add(word));
    }
  }
  return new Map([...next].map(([path, words]) => [path, [...words].sort()]));
}

function bash(commands: readonly Command[]): string {
  const next = followers(commands);
  const paths = new Set([...next.keys(), ...commands.map(({ words }) => words.join(" "))]);
  const cases = [...paths].map((path) => {
    const command = commands.find(({ words }) => words.join(" ") === path);
    const options =
      command === undefined ? Object.keys(GLOBAL_OPTIONS).map((name) => `--${name}`) : optionNames(command);
    return `    "${path}") words="${(next.get(path) ?? []).join(" ")}"; options="${options.join(" ")}" ;;`;
  });
  return `# oa completion
_oa() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words options word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    case "\${path:+$path }$word" in
      ${[...paths]
        .filter((path) => path !== "")
        .map((path) => `"${path}"`)
        .join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _oa oa
`;
}

function fish(commands: readonly Command[]): string {
  const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = ["# oa completion", "complete -c oa -e"];
  for (const [path, words] of followers(commands)) {
    const when = path === "" ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${path}`;
    for (const word of words) {
      const summary = commands.find(({ words: own }) => own.join(" ") === `${path} ${word}`.trim())?.summary ?? "";
      lines.push(`complete -c oa -f -n ${quote(when)} -a ${word} -d ${quote(summary)}`);
    }
  }
  for (const command of commands) {
    const when = command.words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    for (const [name, option] of Object.entries(command.options ?? {})) {
      const value = option.type === "flag" ? "" : " -r";
      lines.push(`complete -c oa -n ${quote(when)} -l ${name}${value} -d ${quote(option.summary)}`);
    }
  }
  for (const [name, option] of Object.entries(GLOBAL_OPTIONS)) {
    lines.push(`complete -c oa -l ${name}${option.type === "flag" ? "" : " -r"} -d ${quote(option.summary)}`);
  }
  return `${lines.join("\n")}\n`;
}
