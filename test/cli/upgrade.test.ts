import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-upgrade-"));
after(() => rmSync(folder, { recursive: true }));
const example = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades", "release-watch.json");
const NPUB = "npub1f49ke5fkzqev4x7j46uajq92f4zan6kcpty5yvm5c3g6wf2dqanqn7qsy2";

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("validate --json says valid with the sorted permissions, and exits 0", async () => {
  const said = await oa(["upgrade", "validate", example, "--json"]);
  assert.equal(said.code, 0);
  const { valid, errors, permissions } = document(said);
  assert.equal(valid, true);
  assert.deepEqual(errors, []);
  assert.deepEqual(permissions, [
    "filesystem:write:~/.openagents/release-watch/latest.json",
    "network:egress:api.github.com",
    "tool:invoke:fs.write",
    "tool:invoke:http.request",
  ]);
});

test("validate --json gives each error its place, code and sentence, and exits 3", async () => {
  const manifest = { ...JSON.parse(readFileSync(example, "utf8")), version: "1.0" };
  const said = await oa(["upgrade", "validate", file("bad.json", JSON.stringify(manifest)), "--json"]);
  assert.equal(said.code, 3);
  const { valid, errors } = document(said) as {
    valid: unknown;
    errors: readonly { path: string; code: string; message: string }[];
  };
  assert.equal(valid, false);
  assert.deepEqual(
    errors.map(({ path, code }) => [path, code]),
    [["/version", "version_invalid"]],
  );
  assert.match(errors[0]?.message ?? "", /"1\.0"/);
});

test("text that is not strict JSON is one error at the root", async () => {
  for (const [name, text, code] of [
    ["cut.json", '{"id":', "json_invalid"],
    ["twice.json", '{"id":"a","id":"b"}', "json_duplicate_key"],
    ["empty.json", "", "json_invalid"],
    ["latin1.json", Uint8Array.of(0x22, 0xe9, 0x22), "json_invalid"],
  ] as const) {
    const said = await oa(["upgrade", "validate", file(name, text), "--json"]);
    assert.equal(said.code, 3, name);
    const { errors } = document(said) as { errors: readonly { path: string; code: string }[] };
    assert.deepEqual(
      errors.map((error) => [error.path, error.code]),
      [["", code]],
      name,
    );
  }
});

test("a file that is not there fails, and still gives one document", async () => {
  const said = await oa(["upgrade", "validate", join(folder, "none.json"), "--json"]);
  assert.equal(said.code, 1);
  assert.equal(document(said).valid, false);
});

test("init writes a valid manifest and never over another file", async () => {
  const words = [
    "upgrade",
    "init",
    join(folder, "new", "mine.json"),
    "--template",
    "repo-digest",
    "--id",
    "me.mine",
    "--title",
    "Mine",
    "--npub",
    NPUB,
    "--json",
  ];
  const said = await oa(words);
  assert.equal(said.code, 0, said.stderr);
  const { file: written } = document(said) as { file: string };
  const text = readFileSync(written, "utf8");
  assert.equal((await oa(["upgrade", "validate", written, "--json"])).code, 0);
  const again = await oa(words);
  assert.equal(again.code, 3);
  assert.equal((document(again).error as { code: string }).code, "file_exists");
  assert.equal(readFileSync(written, "utf8"), text);
});

test("init without what it needs says which option is missing, and a wrong one writes nothing", async () => {
  assert.equal((await oa(["upgrade", "init", join(folder, "x.json"), "--json"])).code, 2);
  const wrong = await oa([
    "upgrade",
    "init",
    join(folder, "x.json"),
    "--id",
    "A B",
    "--title",
    "Mine",
    "--npub",
    NPUB,
    "--json",
  ]);
  assert.equal(wrong.code, 3);
  assert.ok(!existsSync(join(folder, "x.json")));
});
