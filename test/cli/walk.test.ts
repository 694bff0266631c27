import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { connect, openTestEdge } from "../edge/fixture.ts";
import { document, oa } from "./oa.ts";

const root = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "oa-walk-"));
after(() => rmSync(folder, { recursive: true }));
const guide = readFileSync(join(root, "site", "src", "content", "docs", "guides", "publishing.md"), "utf8");

/** Runs a shell in the walk's folder, with `oa` as an installed user has it. */
function shell(commands: string, env: Readonly<Record<string, string>>): Promise<readonly [number | null, string]> {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  const entry = join(root, "worker", "cli", "oa.mjs");
  writeFileSync(join(bin, "oa"), `#!/bin/sh\nexec "${process.execPath}" "${entry}" "$@"\n`);
  chmodSync(join(bin, "oa"), 0o755);
  const child = spawn("/bin/sh", ["-eu", "-c", commands], {
    cwd: folder,
    env: { ...process.env, ...env, PATH: `${bin}:${process.env.PATH ?? ""}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve([code, said]));
  });
}

test("the guide's walk from init to yank does what it says, line by line", async () => {
  const edge = await openTestEdge();
  try {
    const relay = edge.edge().relay_url;
    const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
    assert.equal(blocks.length, 4);
    const client = await connect(relay);
    const env = { OA_DATA: join(folder, "data") };
    const events: (readonly NostrEvent[])[] = [];
    const said: string[] = [];
    for (const block of blocks) {
      const [code, text] = await shell(block.replaceAll("ws://127.0.0.1:6768/", relay), env);
      assert.equal(code, 0, `${block}\n${text}`);
      said.push(text);
      events.push(await client.query({ kinds: [30051, 30052, 5, 1985] }));
    }
    await client.close();
    const seen = events.map((some) =>
      some.map(({ kind, tags }) => `${kind} ${tags.find(([name]) => name === "version")?.[1] ?? ""}`.trim()).sort(),
    );
    assert.deepEqual(seen, [
      [],
      ["30051 0.1.0", "30052 0.1.0"],
      // The listing goes on showing what followers of main get.
      ["30051 0.1.0", "30052 0.1.0", "30052 0.2.0-beta.1"],
      ["1985", "30051 0.1.0", "30052 0.1.0", "5"],
    ]);
    assert.match(said[2] ?? "", /It may do more than before:/);
    assert.match(said[2] ?? "", /for followers of beta/);
  } finally {
    await edge.close();
  }
});

for (const template of ["nightly-index", "release-watch", "repo-digest"]) {
  test(`a project from the template ${template} is valid, passes its test and is complete enough to publish`, async () => {
    const env = { OA_DATA: join(folder, "data") };
    const target = join(folder, template);
    const init = await oa(
      ["upgrade", "init", target, "--template", template, "--id", `me.${template}`, "--title", "Mine", "--json"],
      env,
    );
    assert.equal(init.code, 0, init.stderr);
    const { file, fixtures } = document(init) as { file: string; fixtures: string };
    const { valid, over_ask, under_ask } = document(await oa(["upgrade", "validate", file, "--json"], env));
    assert.deepEqual([valid, over_ask, under_ask], [true, [], []]);
    const tested = await oa(["upgrade", "test", file, "--fixtures", fixtures, "--json"], env);
    assert.equal(tested.code, 0, tested.stdout);
    // No relay answers: all that is left to go wrong.
    const sent = await oa(["upgrade", "publish", file, "--relay", "ws://127.0.0.1:9/", "--json"], env);
    assert.equal(sent.code, 1);
    assert.match(String(document(sent).address), new RegExp(`^30051:[0-9a-f]{64}:me\\.${template}$`));
  });
}
