import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { EVENT_STORE_CONTRACT } from "./event-store.ts";

describe("the event store in a Durable Object", () => {
  const root = join(import.meta.dirname, "..", "..");
  const folder = mkdtempSync(join(tmpdir(), "oa-store-"));
  let miniflare: Miniflare;
  before(() => {
    const config = join(import.meta.dirname, "durable-object", "wrangler.toml");
    const wrangler = join(root, "node_modules", ".bin", "wrangler");
    const built = spawnSync(wrangler, ["deploy", "--dry-run", "--config", config, "--outdir", folder], {
      encoding: "utf8",
    });
    assert.equal(built.status, 0, built.stderr);
    miniflare = new Miniflare(
      convertV4MiniflareOptions({
        modules: true,
        script: readFileSync(join(folder, "host.js"), "utf8"),
        compatibilityDate: "2026-10-01",
        compatibilityFlags: ["nodejs_compat"],
        durableObjects: { HOST: { className: "Host", useSQLite: true } },
      }),
    );
  });
  after(async () => {
    await miniflare?.dispose();
    rmSync(folder, { recursive: true });
  });
  for (const name of Object.keys(EVENT_STORE_CONTRACT)) {
    it(name, async () => {
      const response = await miniflare.dispatchFetch(`http://contract/${encodeURIComponent(name)}`);
      const { failure } = (await response.json()) as { failure: string | null };
      assert.equal(failure, null, failure ?? "");
    });
  }
});
