/** A file trigger through the real command: consent, the daemon, a save, a run. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, killDaemons, oa, startOa } from "../cli/oa.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-trigger-")));
const data = join(folder, "data");
const env = { HOME: folder };
after(() => {
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

async function manifestFile(name: string, glob: string): Promise<string> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const file = join(folder, name);
  const manifest = {
    id: "example.watch",
    version: "1.0.0",
    title: "Reads what changed",
    author: { npub: hexToNpub((await loadOrCreateKey(data, "author")).public_key) },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions: { filesystem: [{ path: "~/notes/**", access: "read" }] },
    schedule: { type: "event" },
    triggers: [{ type: "file_change", glob }],
    pipeline: [{ op: "fs.read", path: "~/notes/todo.txt" }],
  };
  writeFileSync(file, JSON.stringify(manifest));
  return file;
}

describe("an upgrade with a file trigger", () => {
  it("is refused where it would watch what it may not read", async () => {
    const file = await manifestFile("wide.json", "~/**");
    const validated = await oa(["upgrade", "validate", file, "--json"], env);
    assert.equal(validated.code, 3);
    assert.match(validated.stdout, /"code":"trigger_not_granted"/);
    const installed = await oa(["install", file, "--yes", "--data", data, "--json"], env);
    assert.equal(installed.code, 3, installed.stdout);
    assert.match(installed.stdout, /trigger_not_granted/);
  });
  it("runs when a file is saved while the daemon is up", async () => {
    mkdirSync(join(folder, "notes"));
    writeFileSync(join(folder, "notes/todo.txt"), "sleep");
    const file = await manifestFile("watch.json", "~/notes/*.txt");
    const installed = await oa(["install", file, "--yes", "--data", data, "--json"], env);
    assert.equal(installed.code, 0, installed.stderr + installed.stdout);
    const up = await startOa(["up", "--port", "0", "--data", data], env);
    // Saved until it is noticed: the first save may come before the first look.
    let runs: readonly { readonly reason: string; readonly status: string }[] = [];
    for (let tries = 0; tries < 60 && !runs.some(({ status }) => status === "succeeded"); tries += 1) {
      if (tries % 10 === 0) writeFileSync(join(folder, "notes/todo.txt"), `sleep ${tries}`);
      await sleep(500);
      runs = document(await oa(["runs", "--data", data, "--json"], env)).runs as typeof runs;
    }
    assert.equal(runs[0]?.reason, "trigger", up.stderr());
    assert.equal(runs[0]?.status, "succeeded");
    assert.equal(up.stderr(), "");
  });
});
