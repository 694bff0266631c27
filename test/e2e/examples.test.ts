/** Each example upgrade is installed and run by the real command, on real input. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, oa } from "../cli/oa.ts";
import { openCatalogServer } from "../fakes/catalog-server.ts";
import { writeTinyLlama } from "../fakes/gguf.ts";

const examples = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades");
const folder = mkdtempSync(join(tmpdir(), "oa-examples-"));
const env = { HOME: folder };
after(() => rmSync(folder, { recursive: true, force: true }));

function repository(): string {
  const repo = join(folder, "repo");
  mkdirSync(repo);
  writeFileSync(join(repo, "door.ts"), "export function openDoor(): string {\n  return 'error handling: open';\n}\n");
  const git = (...args: readonly string[]): void => {
    const done = spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repo });
    assert.equal(done.status, 0, String(done.stderr));
  };
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "A door");
  return repo;
}

/** Installs and runs one example in a data folder of its own; gives the finished run. */
async function perform(
  name: string,
  inputs: Readonly<Record<string, string>>,
  { config = {}, retry = {} }: { readonly config?: object; readonly retry?: object } = {},
) {
  const data = join(folder, `data-${name}`);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(data, "config.json"), JSON.stringify(config));
  const options = Object.entries(inputs).flatMap(([key, value]) => ["--input", `${key}=${value}`]);
  const file = join(examples, `${name}.json`);
  const signed = join(folder, `${name}.json`);
  // The examples name their publisher; a local install is signed by this machine's own author key.
  const manifest = JSON.parse(readFileSync(file, "utf8")) as { author: { npub: string }; pipeline: object[] };
  manifest.author.npub = hexToNpub((await loadOrCreateKey(data, "author")).public_key);
  manifest.pipeline = manifest.pipeline.map((step) => ({ ...step, ...retry }));
  writeFileSync(signed, JSON.stringify(manifest));
  const installed = await oa(["install", signed, ...options, "--yes", "--data", data, "--json"], env);
  assert.equal(installed.code, 0, installed.stderr);
  const ran = await oa(["run", String(document(installed).install_id), "--data", data, "--json"], env);
  assert.equal(ran.code, 0, ran.stderr + ran.stdout);
  const audit = await oa(["audit", "verify", "--data", data, "--json"], env);
  assert.equal(document(audit).ok, true);
  return { data, run: document(ran) };
}

describe("the example upgrades", () => {
  it("are the four that are tested here", () => {
    const names = readdirSync(examples).filter((name) => name.endsWith(".json"));
    assert.deepEqual(names.sort(), [
      "nightly-index.json",
      "release-watch.json",
      "repo-digest.json",
      "site-mirror.json",
    ]);
  });

  it("nightly-index clones, indexes and embeds a repository, which can then be searched", async () => {
    const { data, run } = await perform("nightly-index", { repo: repository(), dest: join(folder, "clone-index") });
    assert.equal(run.status, "succeeded");
    const found = document(await oa(["search", "openDoor", "--data", data, "--json"], env));
    assert.equal(found.exact_matches_total, 1);
  });

  it("release-watch keeps what a server said in a file", async () => {
    const server = createServer((_, response) => response.end('{"tag_name":"v1.2.3"}')).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const file = join(folder, "latest.json");
    try {
      const config = { private_allow: [`127.0.0.1:${port}`] };
      const inputs = { url: `http://127.0.0.1:${port}/latest`, file };
      const { run } = await perform("release-watch", inputs, { config });
      assert.equal(run.status, "succeeded");
    } finally {
      server.close();
    }
    assert.equal(readFileSync(file, "utf8"), '{"tag_name":"v1.2.3"}');
  });

  it("repo-digest asks a model on this machine about a repository and writes its answer", async () => {
    // A model of random weights: the loading and the generation are real, the prose is not.
    const model = join(folder, "tiny.gguf");
    writeTinyLlama(model);
    const file = join(folder, "digest.md");
    const inputs = { repo: join(folder, "repo"), dest: join(folder, "clone-digest"), file };
    const config = { backends: { "llama.cpp": { generate_model_path: model, threads: 1 } } };
    const { run } = await perform("repo-digest", inputs, { config });
    assert.equal(run.status, "succeeded");
    assert.match(
      readFileSync(file, "utf8"),
      /^# Digest of .*\n\nAbout: error handling\. Commit [0-9a-f]{40}, run run_/,
    );
  });

  it("site-mirror builds a catalog's site, leaves it where nothing moved, and keeps it when a build fails", async () => {
    const edge = await openCatalogServer(3);
    try {
      const config = { private_allow: [edge.host] };
      const inputs = { edge: edge.url, url: "https://mirror.example" };
      // As many attempts as the op has of itself; by itself it waits a minute and a half between them.
      const retry = { retry: { max_attempts: 3, backoff_ms: 100 } };
      const { data, run } = await perform("site-mirror", inputs, { config, retry });
      assert.equal(run.status, "succeeded");
      const home = (): string => readFileSync(join(data, "sites", "mirror", "index.html"), "utf8");
      assert.match(home(), /Nightly Code Index Refresh/);
      const before = home();
      const again = async () => document(await oa(["run", String(run.install_id), "--data", data, "--json"], env));
      assert.equal((await again()).status, "succeeded");
      edge.setHealthy(false);
      assert.equal((await again()).status, "failed");
      assert.equal(home(), before, "neither built again nor lost");
    } finally {
      await edge.close();
    }
  });
});
