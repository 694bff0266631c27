import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { permits } from "@oa/shared/core/permission.ts";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { attackClass } from "./attack.ts";

const home = realpathSync(mkdtempSync(join(tmpdir(), "oa-unicode-")));
after(() => rmSync(home, { recursive: true, force: true }));
const GRANTED = "Cafe\u0301"; // e and a combining accent
const folders = [GRANTED, "Caf\u00e9", "docs", "Docs2", ".git-not", "repo/.git"];
for (const folder of folders) mkdirSync(join(home, folder), { recursive: true });
for (const folder of folders) writeFileSync(join(home, folder, "a.txt"), folder);
/** Where names differ by case or composition, the file system may take two of them for one (macOS does). */
const distinct = readdirSync(home).filter((name) => name.normalize("NFC") === "Caf\u00e9").length === 2;
const foldsCase = existsSync(join(home, "DOCS"));
const grant = [`~/${GRANTED}/**`, "~/docs/**", "~/repo/**"].flatMap((glob) => [
  `filesystem:read:${glob}`,
  `filesystem:write:${glob}`,
]);
const files = openGrantedFiles(grant, { home });
const signal = new AbortController().signal;
const read = async (path: string) => Buffer.from(await files.read(path, { max_bytes: 1_000, signal })).toString();
const write = (path: string) => files.write(path, Buffer.from("evil"), { signal });
const REFUSED = ["path_not_granted", "not_found", "path_invalid"];

const OTHERS: readonly string[] = [
  ...(distinct ? ["~/Caf\u00e9/a.txt"] : []),
  ...(foldsCase ? [] : ["~/DOCS/a.txt", "~/Docs/a.txt", "~/dOCS/a.txt", "~/CAFE\u0301/a.txt"]),
  ...[
    "~/docs2/a.txt",
    "~/docs\u200b/a.txt",
    "~/do\u00adcs/a.txt",
    "~/docs /a.txt",
    "~/docs./a.txt",
    "~/\uff44\uff4f\uff43\uff53/a.txt",
  ],
  ...[
    "~/\u202edocs/a.txt",
    "~/docs\ufeff/a.txt",
    "~/ᴅocs/a.txt",
    "~/d\u043ecs/a.txt",
    "~/docs\u2028/a.txt",
    "~/docs\r/a.txt",
  ],
  ...[
    "~/docs\uff0fa.txt",
    "~/docs\u2044a.txt",
    "~/docs\u2215a.txt",
    "~/docs\\a.txt",
    "\uff5e/docs/a.txt",
    "~\u200b/docs/a.txt",
  ],
  ...["~/Docs2/a.txt", "~/docs/../Docs2/a.txt", "~/Caf\u0065/a.txt"],
];
const GIT: readonly string[] = [
  ...[
    ".git",
    ".GIT",
    ".Git",
    ".gIt",
    ".git.",
    ".git ",
    ".git. .",
    ".g\u200bit",
    ".gi\u00adt",
    ".git\ufeff",
    "\u200c.git",
  ],
  ...[".\uff47it", ".g\u2060it", ".\uff27\uff29\uff34", ".gi\ufe0ft"],
];

attackClass("case folding and Unicode in paths", ({ fails, harmless, works }) => {
  for (const path of OTHERS) {
    fails(`reading ${JSON.stringify(path)}`, REFUSED, () => read(path));
    fails(`writing ${JSON.stringify(path)}`, ["path_not_granted", "path_invalid"], () => write(path));
  }
  for (const name of GIT) {
    fails(`writing into git's folder as ${JSON.stringify(name)}`, "path_not_granted", () =>
      write(`~/repo/${name}/hooks/post-checkout`),
    );
    fails(`writing git's settings as ${JSON.stringify(name)}`, "path_not_granted", () =>
      write(`~/repo/sub/${name}/config`),
    );
  }
  for (const [granted, needed] of [
    ["network:egress:example.com", "network:egress:EXAMPLE.com.evil.test"],
    ["network:egress:*.example.com", "network:egress:example.com"],
    ["network:egress:*.example.com", "network:egress:evilexample.com"],
    ["network:egress:example.com", "network:egress:ex\u0430mple.com"],
    ["filesystem:read:~/docs/**", "filesystem:read:~/Docs/a"],
    ["filesystem:read:~/docs/*", "filesystem:read:~/docs/a/b"],
    ["tool:invoke:fs.read", "tool:invoke:fs.Read"],
    ["tool:invoke:fs.read", "tool:invoke:fs.read\u200b"],
    ["secret:use:TOKEN@api.example", "secret:use:token@api.example"],
    ["secret:use:TOKEN@api.example", "secret:use:TOKEN@api.example.evil.test"],
  ] as const) {
    harmless(`taking ${granted} for ${needed}`, () => assert.equal(permits([granted], needed), false));
  }
  harmless("climbing with what only looks like dots", async () => {
    for (const dots of ["\u2025", "\uff0e\uff0e", "\u2024\u2024"]) {
      assert.equal((await write(`~/docs/${dots}/Docs2/a.txt`)).path, join(home, "docs", dots, "Docs2/a.txt"));
    }
  });
  harmless("and nothing outside was changed or made", () => {
    assert.equal(readFileSync(join(home, "Docs2/a.txt"), "utf8"), "Docs2");
    assert.deepEqual(readdirSync(join(home, "repo/.git")), ["a.txt"]);
    assert.deepEqual(readdirSync(home).length, new Set(readdirSync(home)).size);
  });

  works("a folder is granted by the very name it has", async () => {
    assert.equal(await read(`~/${GRANTED}/a.txt`), GRANTED);
    assert.equal(await read("~/docs/a.txt"), "docs");
    await files.write("~/docs/\u4f60\u597d \u{1f600}.txt", Buffer.from("ok"), { signal });
    assert.equal(await read("~/docs/\u4f60\u597d \u{1f600}.txt"), "ok");
  });
  works("names that only resemble git's folder are names", async () => {
    for (const name of [".gitignore", ".github", "git", ".git-not", "x.git"]) {
      await files.write(`~/repo/${name}`, Buffer.from("ok"), { signal });
    }
  });
});
