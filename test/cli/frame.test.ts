import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { COMMANDS } from "@oa/worker/cli/commands.ts";
import { commandHelp, GROUPS, rootHelp } from "@oa/worker/cli/help.ts";
import { document, oa, spawnOa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-cli-"));
after(() => rmSync(folder, { recursive: true }));
const commands = await Promise.all(
  Object.entries(COMMANDS).map(async ([name, load]) => ({ name, command: (await load()).command })),
);

describe("every command", () => {
  for (const { name, command } of commands) {
    it(`oa ${name} is called what the table calls it, and its help has an example of itself`, () => {
      assert.equal(command.words.join(" "), name);
      assert.notEqual(command.examples.length, 0);
      for (const example of command.examples) {
        assert.match(example, new RegExp(`^oa ${name}( |$)`), example);
        assert.ok(commandHelp(command).includes(example));
      }
      assert.doesNotMatch(command.summary, /\.$/, "a summary is no sentence");
      const optional = Object.values(command.arguments ?? {}).slice(0, -1);
      assert.ok(optional.every((argument) => argument.optional !== true && argument.repeat !== true));
    });
  }
  it("has help that exits 0 on stdout alone", async () => {
    const said = await oa(["audit", "verify", "--help"]);
    assert.equal(said.code, 0);
    assert.match(said.stdout, /^Usage: oa audit verify/m);
    assert.match(said.stdout, /^Examples:\n {2}oa audit verify/m);
    assert.equal(said.stderr, "");
  });
  it("has its help as one JSON document with --json", async () => {
    const help = document(await oa(["market", "list", "--help", "--json"]));
    assert.deepEqual(help.words, ["market", "list"]);
  });
  it("stands in oa help under what it is for, in lines that fit a narrow terminal", async () => {
    const all = commands.map(({ command }) => command);
    const grouped = GROUPS.flatMap(([, words]) => words);
    assert.deepEqual([...new Set(all.map(({ words: [first] }) => first))].sort(), [...grouped].sort());
    for (const line of rootHelp(all, "1.0.0", 100).split("\n")) assert.ok(line.length <= 100, line);
    const wide = rootHelp(all, "1.0.0");
    for (const { words, summary } of all) {
      assert.equal(
        wide.split("\n").filter((line) => line.startsWith(`  ${words.join(" ")} `) && line.endsWith(`  ${summary}`))
          .length,
        1,
      );
    }
  });

  it("is listed by oa help, with --json as data", async () => {
    const said = await oa(["help"]);
    assert.equal(said.code, 0);
    for (const { name } of commands) assert.match(said.stdout, new RegExp(`^  ${name}( |$)`, "m"));
    assert.equal((document(await oa(["--help", "--json"])).commands as unknown[]).length, commands.length);
  });
});

describe("wrong usage exits 2 with one sentence on stderr", () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [[], /name a command/],
    [["instal", "x"], /unknown command instal \(did you mean oa install\?/],
    [["market", "serch"], /unknown command market serch \(did you mean oa market search\?/],
    [["market"], /oa market needs one more word/],
    [["runs", "--limt", "3"], /unknown option --limt \(did you mean --limit\?/],
    [["runs", "--limit"], /--limit needs a value/],
    [["runs", "--limit", "0"], /--limit must be a whole number from 1 to 500, not 0/],
    [["runs", "--limit", "1", "--limit", "2"], /--limit may be given once/],
    [["runs", "--json=yes"], /--json takes no value/],
    [["runs", "a", "b"], /unexpected argument b/],
    [["installs", "enabel", "x"], /unexpected argument x \(did you mean oa installs enable\?/],
    [["install"], /<what> is missing/],
    [["schedule", "set", "x", "--overlap", "maybe"], /not maybe; see oa schedule set --help/],
    [["upgrade", "init", "--template", "nightly"], /--template must be one of nightly-index, .*, not nightly/],
    [["completion", "powershell"], /no completion for powershell/],
  ];
  for (const [args, sentence] of cases) {
    it(`oa ${args.join(" ")}`, async () => {
      const [plain, json] = await Promise.all([oa(args), oa([...args, "--json"])]);
      assert.deepEqual([plain.code, plain.stdout], [2, ""]);
      assert.match(plain.stderr, sentence);
      assert.match(plain.stderr, /\(usage\)\n$/);
      assert.equal(json.code, 2);
      assert.equal((document(json).error as { code: string }).code, "usage");
    });
  }
});

describe("the frame", () => {
  it("says its version", async () => {
    assert.match((await oa(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
    assert.match(String(document(await oa(["--version", "--json"])).version), /^\d+\.\d+\.\d+$/);
  });
  it("takes global options before the command, and -- ends options", async () => {
    const file = join(folder, "--odd");
    writeFileSync(file, "");
    const said = await oa(["--json", "audit", "verify", "--", "--odd"], {}, folder);
    assert.equal(said.code, 3);
    assert.equal(document(said).ok, false);
  });
  it("survives a reader that goes away", async () => {
    const child = spawnOa(["--help"]);
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.equal(code, 0);
  });
  it("has no colours and no progress when piped", async () => {
    const said = await oa(["help"]);
    assert.doesNotMatch((said.stdout + said.stderr).replaceAll("\n", ""), /\p{Cc}/u);
  });
});

describe("completion comes from the same objects", () => {
  it("for bash: the script parses and completes words and options", async () => {
    const script = join(folder, "oa.bash");
    writeFileSync(script, (await oa(["completion", "bash"])).stdout);
    assert.equal(spawnSync("bash", ["-n", script]).status, 0);
    const complete = (...words: readonly string[]): readonly string[] => {
      const list = words.map((word) => `'${word}'`).join(" ");
      const run = `source '${script}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _oa; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", run], { encoding: "utf8" }).stdout.trim().split("\n");
    };
    assert.ok(complete("oa", "ins").includes("installs"));
    assert.deepEqual([...complete("oa", "market", "")].sort(), ["list", "search", "show"]);
    assert.deepEqual(complete("oa", "market", "list", "--pr"), ["--price"]);
    assert.deepEqual(complete("oa", "--json", "audit", "ver"), ["verify"]);
  });
  for (const [shell, check] of [
    ["zsh", ["-n"]],
    ["fish", ["--no-execute"]],
  ] as const) {
    it(`for ${shell}: the script parses`, {
      skip: spawnSync("sh", ["-c", `command -v ${shell}`]).status === 0 ? false : `no ${shell} here`,
    }, async () => {
      const script = join(folder, `oa.${shell}`);
      writeFileSync(script, (await oa(["completion", shell])).stdout);
      assert.equal(spawnSync(shell, [...check, script]).status, 0);
    });
  }
});
