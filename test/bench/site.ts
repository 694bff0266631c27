import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { buildSite } from "@oa/worker/adapters/site-build.ts";
import { packSite } from "@oa/worker/adapters/site-pack.ts";
import { ROOT } from "../edge/fixture.ts";
import { fakeCatalog } from "../fakes/catalog.ts";
import type { Bench } from "./run.ts";

/** `OA_BENCH_LISTINGS=10000 npm run bench -- site` */
const LISTINGS = Number(process.env.OA_BENCH_LISTINGS ?? 300);

/** Building the site with its pictures, the first time and again, beside a build that has one listing. */
export async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-site-"));
  const secret_key = new Uint8Array(32).fill(9);
  const schnorr = await loadSchnorr();
  const build = async (name: string, edge: ReturnType<typeof fakeCatalog>): Promise<number> => {
    const started = performance.now();
    const built = await buildSite({
      ...{ root: ROOT, target: join(folder, name), site_url: "https://mirror.example", edge, schnorr },
      ...{ key: { secret_key, public_key: publicKeyOf(secret_key) }, now_ms: Date.now() },
      signal: AbortSignal.timeout(3_600_000),
    });
    if (isRejection(built) || !built.built) throw new Error(JSON.stringify(built));
    return (performance.now() - started) / 1_000;
  };
  try {
    const edge = fakeCatalog(LISTINGS);
    const bare = await build("one", fakeCatalog(1));
    const first = await build("site", edge);
    rmSync(join(folder, "site.stamp"));
    const again = await build("site", edge);
    const files = readdirSync(join(folder, "site"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const started = performance.now();
    const packed = await packSite(join(folder, "site"));
    return {
      name: `the site of ${LISTINGS} listings`,
      figures: {
        "a build with one listing, s": bare,
        "the first build, pictures drawn, s": first,
        "built again, pictures kept, s": again,
        "ms a listing, pictures kept": ((again - bare) * 1_000) / LISTINGS,
        files: files.length,
        "of them pictures": files.filter(({ parentPath }) => parentPath.endsWith("/og")).length,
        "packed, s": (performance.now() - started) / 1_000,
        "objects in packs": packed.objects.size,
        "MB in packs": [...packed.objects.values()].reduce((sum, { byteLength }) => sum + byteLength, 0) / 1e6,
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
