/** `npm start`, as a newcomer runs it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { document, oa } from "../cli/oa.ts";

const root = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "oa-start-"));
const repo = join(folder, "project");
const data = join(folder, "data");

function start(...options: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const script = join(root, "worker", "start.ts");
    const child = spawn(process.execPath, [script, "--data", data, ...options], {
      env: { ...process.env, HOME: folder },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

describe("npm start -- --once", () => {
  let first = "";
  before(() => {
    mkdirSync(repo);
    writeFileSync(join(repo, "main.py"), "def main():\n    raise ValueError('error in main')\n");
    for (const args of [
      ["init", "-q"],
      ["add", "."],
      ["-c", "user.name=t", "-c", "user.email=t@x", "commit", "-qm", "x"],
    ]) {
      assert.equal(spawnSync("git", args, { cwd: repo }).status, 0);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("publishes, discovers, installs, schedules, runs, searches and audits, then exits 0", async () => {
    const { code, output } = await start("--once", "--repo", repo);
    first = output;
    assert.equal(code, 0, output);
    assert.match(output, /published +nightly-index \S+, release-watch \S+, repo-digest \S+, site-mirror \S+\n/);
    assert.match(output, /site +http:\/\/127\.0\.0\.1:\d+\/ {2}4 listings\n/);
    assert.match(output, /installed +Nightly Code Index Refresh for .*project/);
    assert.match(output, /scheduled +0 2 \* \* \* America\/Chicago; next \d{4}-/);
    assert.match(output, /ran +succeeded: clone .* index .* embed/);
    assert.match(output, /searched +"error": 1 line matches exactly; first main\.py:/);
    assert.match(output, /audited +\d+ events, chain intact/);
  });

  it("prints what the README shows, line for line, but for names, numbers and times", () => {
    const shape = (text: string): readonly string[] =>
      text
        .split("\n")
        .filter((line) => line.startsWith("✓ "))
        .map((line) =>
          line
            .replace(/npub1\w+…\w{6}/, "KEY")
            .replace(/install_\w+/, "INSTALL")
            .replace(/ for \/\S+/, " for FOLDER")
            .replace(/\d{4}-\d\d-\d\d [\d:]{5}-0[56]:00/, "TIME")
            .replace(
              /".*": \d+ lines? match(?:es)? exactly; first \S+:\d+ \((?:exact|symbol|bm25|vector|, )+\)/,
              "FOUND",
            )
            .replace(/\d+(\.\d+)*/g, "N"),
        );
    assert.deepEqual(shape(readFileSync(join(root, "README.md"), "utf8")), shape(first));
  });

  it("left a static site that lists what was published, whose scripts hold no op, runner or backend", () => {
    const page = readFileSync(join(data, "site", "index.html"), "utf8");
    assert.match(page, /Nightly Code Index Refresh/);
    assert.match(page, /Release Watch/);
    const scripts = readdirSync(join(data, "site"), { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".js"),
    );
    assert.ok(scripts.includes(join("install", "offline.js")), "the coordinator's page is there");
    for (const path of scripts) {
      const code = readFileSync(join(data, "site", path), "utf8");
      assert.doesNotMatch(code, /["`']node:|child_process|cloudflare:|DurableObject|getLlama|spawnSync|execFile/, path);
      assert.doesNotMatch(code, /(?<![.\w$])eval\s*\(|new\s+Function\b|WebAssembly[.[]\w|importScripts/, path);
    }
  });

  it("posted a completion note that names the upgrade", async () => {
    const runs = document(await oa(["runs", "--data", data, "--json"]));
    const [run] = runs.runs as readonly { readonly note: string; readonly status: string }[];
    assert.equal(run?.status, "succeeded");
    assert.equal(run.note, "posted");
  });

  it("reuses everything the second time", async () => {
    const { code, output } = await start("--once", "--repo", repo, "--query", "ValueError");
    assert.equal(code, 0, output);
    assert.match(output, /published +already:/);
    // Pages name their address, which is another where the usual port was taken once.
    const site = /site +(\S+)/;
    const moved = site.exec(output)?.[1] !== site.exec(first)?.[1];
    assert.match(output, moved ? /4 listings\n/ : /4 listings, unchanged/);
    assert.match(output, /searched +"ValueError": 1 line matches exactly/);
    const installs = document(await oa(["installs", "--data", data, "--json"]));
    assert.equal((installs.installs as readonly unknown[]).length, 1);
  });

  it("lets nothing out while the kill switch is on, says so, and does the rest", async () => {
    assert.equal((await oa(["kill-switch", "on", "--data", data, "--reason", "a test"])).code, 0);
    const { code, output } = await start("--once", "--repo", repo);
    assert.match(output, /✗ site +the policy does not let this be published: the kill switch is on/);
    assert.match(output, /ran +succeeded/);
    assert.equal(code, 0, output);
    assert.equal((await oa(["kill-switch", "off", "--data", data, "--reason", "done"])).code, 0);
  });

  it("says in one sentence what is wrong with a repository that is not there", async () => {
    const { code, output } = await start("--once", "--repo", join(folder, "nowhere"));
    assert.equal(code, 1);
    assert.match(output, /nowhere.*\(\w+\)\n$/);
    assert.doesNotMatch(output, /\n {4}at /);
  });

  it("refuses an unknown option with its usage", async () => {
    const { code, output } = await start("--twice");
    assert.equal(code, 2);
    assert.match(output, /--twice.*npm start -- \[--repo/);
  });
});
