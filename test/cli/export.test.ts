import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadKey, loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { verifyExport } from "@oa/worker/admin/audit.ts";
import { exportAll } from "@oa/worker/cli/export-folder.ts";
import { decrypt } from "nostr-tools/nip49";
import { installIn } from "../fakes/dying-worker.ts";
import { manifestOf } from "../fakes/runs.ts";
import { needs } from "../needs.ts";
import { document, oa } from "./oa.ts";

describe("oa export", () => {
  const folder = mkdtempSync(join(tmpdir(), "oa-export-"));
  const data = join(folder, "data");
  const passphrase = join(folder, "passphrase");
  const run = (...words: readonly string[]) => oa(["export", ...words, "--data", data, "--json"], { HOME: folder });
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(async () => {
    writeFileSync(passphrase, "correct horse battery staple\n");
    const file = join(folder, "in.txt");
    writeFileSync(file, "text");
    const manifest = {
      ...manifestOf([{ op: "fs.read", id: "read", path: "${inputs.file}" }], {
        filesystem: [{ path: "${inputs.file}", access: "read" }],
        tools: ["fs.read"],
      }),
      inputs: { file: { type: "path", description: "A file." } },
    } as const;
    const install_id = await installIn(data, manifest, { file }, { completion_note_relays: [], relays: [] });
    assert.equal((await oa(["run", install_id, "--data", data], { HOME: folder })).code, 0);
    mkdirSync(join(data, "artifacts"), { recursive: true });
    writeFileSync(join(data, "artifacts", "a".repeat(64)), "an output");
  });

  it("writes everything an owner has, for that owner alone, and no secret", async () => {
    const to = join(folder, "all");
    const said = document(await run("--to", to));
    assert.deepEqual(readdirSync(to).sort(), ["README", "artifacts", "config.json", "events.jsonl", "installs.json"]);
    const report = verifyExport(join(to, "events.jsonl"));
    assert.deepEqual([report.ok, report.events], [true, said.events]);
    const [install] = JSON.parse(readFileSync(join(to, "installs.json"), "utf8"));
    assert.equal(install.manifest.id, "example.upgrade");
    assert.match(install.inputs.file, /in\.txt$/);
    assert.equal(readFileSync(join(to, "artifacts", "a".repeat(64)), "utf8"), "an output");
    assert.equal(JSON.parse(readFileSync(join(to, "config.json"), "utf8")).port, 0);
    assert.equal(statSync(to).mode & 0o777, 0o700);
    const secrets = await Promise.all(["worker", "owner", "author"].map((name) => loadOrCreateKey(data, name)));
    const hex = secrets.map(({ secret_key }) => Buffer.from(secret_key).toString("hex"));
    for (const name of readdirSync(to, { recursive: true, encoding: "utf8" })) {
      if (statSync(join(to, name)).isDirectory()) continue;
      assert.equal(statSync(join(to, name)).mode & 0o077, 0, name);
      const text = readFileSync(join(to, name), "utf8");
      for (const secret of hex) assert.ok(!text.includes(secret), `${name} holds a secret`);
    }
  });

  it("encrypts the keys with the passphrase when they are asked for", async () => {
    const to = join(folder, "keys");
    const said = document(await run("--to", to, "--with-keys", "--passphrase-file", passphrase));
    assert.equal(said.keys, 4);
    const text = readFileSync(join(to, "keys", "author.ncryptsec"), "utf8").trim();
    const key = await loadKey(data, "author");
    assert.deepEqual(decrypt(text as `ncryptsec1${string}`, "correct horse battery staple"), key?.secret_key);
    assert.throws(() => decrypt(text as `ncryptsec1${string}`, "wrong"));
  });

  it("packs it into one archive that tar can read", { skip: needs("tar") }, async () => {
    const to = join(folder, "all.tar");
    assert.equal((await run("--to", to)).code, 0);
    const listed = spawnSync("tar", ["-tf", to], { encoding: "utf8" });
    assert.equal(listed.status, 0, listed.stderr);
    assert.deepEqual(listed.stdout.trim().split("\n").sort(), [
      ...["README", `artifacts/${"a".repeat(64)}`, "config.json", "events.jsonl", "installs.json"],
    ]);
    const out = spawnSync("tar", ["-xOf", to, "config.json"], { encoding: "utf8" }).stdout;
    assert.equal(JSON.parse(out).port, 0);
  });

  const refusals: readonly [string, readonly string[], RegExp][] = [
    ["over what is there", ["--to", folder], /exists already/],
    [
      "into a folder that is not there",
      ["--to", join(folder, "no", "where")],
      /there is no folder .*no to export into/,
    ],
    ["keys without a passphrase", ["--to", join(folder, "x"), "--with-keys"], /passphrase/],
    ["without a target", [], /--to/],
  ];
  for (const [what, words, said] of refusals) {
    it(`refuses to write ${what}, and leaves nothing behind`, async () => {
      const before = readdirSync(folder);
      const { code, stderr } = await run(...words);
      assert.notEqual(code, 0);
      assert.match(stderr, said);
      assert.deepEqual(readdirSync(folder), before);
    });
  }

  const told = async function* (...lines: readonly string[]) {
    for (const line of lines) yield `${line}\n`;
  };
  const log = JSON.stringify({ heads: [{ stream: "workspace/local", seq: 2, event_hash: "sha256:0" }] });
  const cut = (what: string, code: string, name: string, change: () => Partial<Parameters<typeof exportAll>[0]>) =>
    it(`that ${what} leaves nothing behind`, async () => {
      const at = mkdtempSync(join(folder, "cut-"));
      const { signal } = new AbortController();
      const request = { data_dir: data, events: told(log, "{}", "{}"), passphrase: null, signal };
      await assert.rejects(exportAll({ ...request, to: join(at, name), ...change() }), { code });
      assert.deepEqual(readdirSync(at), []);
    });
  for (const name of ["folder", "archive.tar"]) {
    cut(`is told less than the log's heads say, as ${name},`, "unreachable", name, () => ({ events: told(log, "{}") }));
    cut(`is told nothing, as ${name},`, "unreachable", name, () => ({ events: told() }));
    cut(`is canceled, as ${name},`, "canceled", name, () => ({ signal: AbortSignal.abort() }));
  }
  cut("cannot be packed to its end", "path_invalid", "archive.tar", () => {
    mkdirSync(join(data, "state", "install_x", "1"), { recursive: true });
    writeFileSync(join(data, "state", "install_x", "1", "z".repeat(120)), "kept");
    return {};
  });

  it("refuses a short passphrase", async () => {
    const { code } = await oa(["export", "--to", join(folder, "y"), "--with-keys", "--data", data], {
      OA_PASSPHRASE: "short",
    });
    assert.equal(code, 2);
    assert.equal(existsSync(join(folder, "y")), false);
  });
});
