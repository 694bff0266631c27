import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { SnapshotPage } from "@oa/shared/generated/types.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { buildSite } from "@oa/worker/adapters/site-build.ts";
import { type PackedSite, packSite } from "@oa/worker/adapters/site-pack.ts";
import { ROOT } from "../edge/fixture.ts";
import { fakeCatalog, PUBLISHED_AT } from "../fakes/catalog.ts";
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
    const sent = await packSite(join(folder, "site"));
    rmSync(join(folder, "site.stamp"));
    const again = await build("site", edge);
    const same = resent(sent, await packSite(join(folder, "site")));
    await build("site", withoutNewest(edge));
    const less = await packSite(join(folder, "site"));
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
        "MB in packs": megabytes([...packed.objects.values()]),
        "objects sent when nothing but the time has changed": same.length,
        "MB of them": megabytes(same),
        "objects sent after one new listing": resent(less, sent).length,
        "MB sent after one new listing": megabytes(resent(less, sent)),
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same catalog before its newest listing came. */
function withoutNewest(edge: ReturnType<typeof fakeCatalog>): ReturnType<typeof fakeCatalog> {
  return {
    ...edge,
    get: async <T extends object>(path: string, signal: AbortSignal) => {
      const answer = await edge.get<T>(path, signal);
      if (!("details" in answer)) return answer;
      const page = answer as unknown as SnapshotPage;
      const details = page.details.filter(({ listing }) => listing.created_at < PUBLISHED_AT);
      return { ...page, details, version: page.version + 1 } as unknown as T;
    },
  };
}

/** What an edge that has one site would be sent of another. */
function resent(before: PackedSite, after: PackedSite): readonly Uint8Array[] {
  return [...after.objects].flatMap(([name, bytes]) => (before.objects.has(name) ? [] : [bytes]));
}

function megabytes(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { byteLength }) => sum + byteLength, 0) / 1e6;
}
