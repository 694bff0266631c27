/** What an upgrade keeps for itself, through the real command: across an update that breaks it, and back. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, killDaemons, oa, startOa } from "../cli/oa.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-own-state-")));
const [home, data] = [join(folder, "home"), join(folder, "data")];
const out = join(home, "out.txt");
const env = { HOME: home, OA_DATA: data, OA_PORT: "0" };
let npub = "";
before(async () => {
  mkdirSync(home);
  mkdirSync(data, { mode: 0o700 });
  npub = hexToNpub((await loadOrCreateKey(data, "author")).public_key);
  await startOa(["up"], env);
});
after(() => {
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

type Said = Record<string, unknown> & { readonly code: number; readonly error?: { readonly code: string } };
const words = async (...args: readonly string[]): Promise<Said> => {
  const said = await oa([...args, "--json"], env);
  return { stderr: said.stderr, ...document(said), code: said.code } as unknown as Said;
};
const install = async (id: string, version: string, change: object): Promise<Said> => {
  const file = join(folder, `${id}-${version}.json`);
  const manifest = {
    ...{ id: `me.${id}`, version, title: "Remembers", author: { npub } },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions: { filesystem: [{ path: out, access: "write" }], tools: ["fs.read", "fs.write"], state_mb: 8 },
    ...{ schedule: { type: "manual" }, policy: { rollback_after_failures: 2 } },
    ...change,
  };
  writeFileSync(file, JSON.stringify(manifest));
  const said = await words("install", file, "--yes");
  assert.equal(said.code, 0, JSON.stringify(said));
  return said;
};
const run = async (id = "memory") => {
  const said = (await words("run", id)) as unknown as { status: string; error?: { code: string; message: string } };
  return [said.status, said.error?.code ?? null] as const;
};
const shown = async () => {
  const { active, states } = (await words("installs", "memory")) as unknown as {
    active: { upgrade_version: string };
    states: readonly { version: string; made: boolean; bytes: number; files: number; most_mb: number }[];
  };
  const kept = states.map(({ version, made, bytes, files, most_mb }) => [version, made, bytes, files, most_mb]);
  return [active.upgrade_version, kept] as const;
};
const PATH = "${install.state}/memory.txt";
/** Reads what it remembers, which has at most nine bytes, says it, and remembers another. */
const good = (remembered: string) => ({
  pipeline: [
    { id: "before", op: "fs.read", path: PATH, if_missing: "nothing", max_bytes: 9 },
    { id: "say", op: "fs.write", path: out, content: "${steps.before.content}" },
    { id: "after", op: "fs.write", path: PATH, content: remembered },
  ],
});
/** Writes what the one before it cannot read, and breaks. */
const bad = {
  pipeline: [
    { id: "before", op: "fs.read", path: PATH },
    { id: "say", op: "fs.write", path: out, content: "new: ${steps.before.content}" },
    { id: "after", op: "fs.write", path: PATH, content: "a shape that the old release cannot read" },
    { id: "break", op: "fs.read", path: "${install.state}/none.txt" },
  ],
};

describe("what an upgrade keeps for itself", () => {
  it("is agreed to in a sentence, shown by a plan, and needs nothing of the owner's folders", async () => {
    const { consent } = (await install("memory", "1.0.0", good("first"))) as unknown as {
      consent: { permissions: readonly { permission: string; sentence: string }[] };
    };
    const kept = consent.permissions.find(({ permission }) => permission.startsWith("state:"));
    assert.deepEqual(kept, {
      permission: "state:keep:8",
      sentence: "Keep its own state on this computer (up to 8 MB), which no other upgrade can read.",
    });
    const said = await oa(["plan", join(folder, "memory-1.0.0.json")], env);
    assert.match(said.stdout, /keep its own state on this computer, up to 8 MB/);
    assert.deepEqual(await shown(), ["1.0.0", [["1.0.0", false, 0, 0, 8]]]);
  });

  it("is there again at the next run, and its size is shown", async () => {
    assert.deepEqual(await run(), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "nothing");
    assert.deepEqual(await run(), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "first");
    assert.deepEqual(await shown(), ["1.0.0", [["1.0.0", true, 5, 1, 8]]]);
    const { runs } = (await words("runs")) as unknown as { runs: readonly { run_id: string }[] };
    const text = JSON.stringify(await words("runs", runs[0]?.run_id ?? ""));
    assert.ok(!text.includes(data), "no record of a run says where it lies");
  });

  it("a new release begins with a copy; what it breaks is its own: after the rollback the old one finds its file", async () => {
    await install("memory", "1.1.0", bad);
    assert.deepEqual(await run(), ["failed", "not_found"]);
    assert.equal(readFileSync(out, "utf8"), "new: first", "it began with what the old one had");
    assert.deepEqual((await shown())[0], "1.1.0");
    assert.deepEqual(await run(), ["failed", "not_found"]);
    assert.match(readFileSync(out, "utf8"), /^new: a shape/, "the copy was made once");
    const [version, states] = await shown();
    assert.equal(version, "1.0.0", "two failures in a row brought it back");
    assert.deepEqual(states[0], ["1.0.0", true, 5, 1, 8]);
    assert.deepEqual(await run(), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "first");
  });

  it("the release after that begins with what the good one has, not with what was broken", async () => {
    await install("memory", "1.2.0", good("third"));
    assert.deepEqual(await run(), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "first");
    assert.equal((await words("rollback", "memory", "--to", "1.0.0")).code, 0);
    assert.deepEqual(await run(), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "first");
    assert.equal((await words("rollback", "memory", "--to", "1.2.0")).code, 0);
    assert.deepEqual(await run(), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "third", "each has its own as it left it");
  });

  it("no other upgrade reads it, by whatever path and with whatever permission", async () => {
    const [install_id = ""] = readdirSync(join(data, "state"));
    const path = join(data, "state", install_id, "1", "memory.txt");
    assert.equal(readFileSync(path, "utf8"), "first");
    const steps = (pipeline: object) => ({
      permissions: { filesystem: [`${folder}/**`, path], tools: ["fs.read", "fs.write"], state_mb: 8 },
      ...pipeline,
    });
    await install("thief", "1.0.0", steps({ pipeline: [{ id: "steal", op: "fs.read", path }] }));
    assert.deepEqual(await run("thief"), ["failed", "path_not_granted"]);
    await install("spoiler", "1.0.0", steps({ pipeline: [{ id: "spoil", op: "fs.write", path, content: "x" }] }));
    assert.deepEqual(await run("spoiler"), ["failed", "path_not_granted"]);
    await install("namesake", "1.0.0", steps({ pipeline: [{ id: "read", op: "fs.read", path: PATH }] }));
    assert.deepEqual(await run("namesake"), ["failed", "not_found"], "the same name is another folder");
    assert.equal(readFileSync(path, "utf8"), "first");
  });

  it("is over when it is more than was agreed to, and that brings the old release back as any failure does", async () => {
    const big = join(home, "big.txt");
    writeFileSync(big, "x".repeat(300_000));
    const write = (n: number) => ({
      op: "fs.write",
      path: `\${install.state}/${n}.txt`,
      content: "${steps.read.content}",
    });
    const pipeline = [{ op: "fs.read", id: "read", path: big, max_bytes: 300_000 }, ...[1, 2, 3, 4].map(write)];
    const filesystem = [{ path: big, access: "read" }];
    const permissions = { filesystem, tools: ["fs.read", "fs.write"], state_mb: 1 };
    await install("memory", "1.3.0", { permissions, pipeline });
    assert.deepEqual(await run(), ["failed", "state_full"]);
    assert.deepEqual(await run(), ["failed", "state_full"]);
    assert.equal((await shown())[0], "1.2.0");
  });

  it("is searched as a folder is, by its own upgrade alone", async () => {
    const search = [
      { op: "searchkit.index", id: "index", path: "${install.state}", index: "memory" },
      { op: "searchkit.query", id: "query", index: "memory", query: "needle" },
      { op: "fs.write", id: "say", path: out, content: "${steps.query.exact_matches_total}" },
    ];
    const keep = { op: "fs.write", id: "keep", path: "${install.state}/notes/a.txt", content: "a needle\n" };
    const permissions = {
      filesystem: [{ path: out, access: "write" }],
      ...{ tools: ["fs.write", "searchkit.index", "searchkit.query"], state_mb: 1 },
    };
    await install("searcher", "1.0.0", { permissions, pipeline: [keep, ...search] });
    assert.deepEqual(await run("searcher"), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8").trim(), "1");
    await install("other-searcher", "1.0.0", { permissions, pipeline: search.slice(1) });
    assert.deepEqual(await run("other-searcher"), ["failed", "path_not_granted"]);
  });

  it("holds a clone, which the next release goes on with", async () => {
    const source = join(home, "repo");
    const git = (...args: readonly string[]) =>
      execFileSync("git", ["-C", source, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
        stdio: "ignore",
      });
    mkdirSync(source);
    git("init", "-q", "-b", "main");
    writeFileSync(join(source, "a.txt"), "one");
    git("add", ".");
    git("commit", "-qm", "first");
    const cloner = {
      permissions: {
        filesystem: [
          { path: `${source}/**`, access: "read" },
          { path: out, access: "write" },
        ],
        ...{ tools: ["git.clone", "fs.read", "fs.write"], state_mb: 4 },
      },
      pipeline: [
        { op: "git.clone", id: "clone", repo: source, dest: "${install.state}/clone" },
        { op: "fs.read", id: "read", path: "${steps.clone.path}/a.txt" },
        { op: "fs.write", id: "say", path: out, content: "${steps.clone.updated} ${steps.read.content}" },
      ],
    };
    await install("cloner", "1.0.0", cloner);
    assert.deepEqual(await run("cloner"), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "true one");
    await install("cloner", "1.1.0", cloner);
    assert.deepEqual(await run("cloner"), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "false one", "the copy is a clone that is up to date");
    writeFileSync(join(source, "a.txt"), "two");
    git("commit", "-aqm", "second");
    assert.deepEqual(await run("cloner"), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "true two");
    assert.equal((await words("rollback", "cloner")).code, 0);
    assert.deepEqual(await run("cloner"), ["succeeded", null]);
    assert.equal(readFileSync(out, "utf8"), "true two", "and the old release brings its own up to date");
  });

  it("is in an export, and its size is said", async () => {
    const to = join(folder, "export");
    const said = await words("export", "--to", to);
    assert.equal(said.code, 0, JSON.stringify(said));
    assert.ok(Number(said.state_bytes) > 0);
    const [install_id = ""] = readdirSync(join(to, "state"));
    assert.ok(readdirSync(join(to, "state", install_id)).length > 0);
  });
});
