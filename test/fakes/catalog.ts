import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, SnapshotPage, UpgradeManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { fromEvent as listingFrom, toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as releaseEvent, fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { EdgeClient } from "@oa/worker/adapters/edge-client.ts";
import { type Raters, rated } from "./roll-up.ts";

const EXAMPLES = join(import.meta.dirname, "..", "..", "schemas", "examples", "upgrades");
const PAGE = 100;
const HOUR_S = 3_600;
/** 2026-11-20. */
export const PUBLISHED_AT = 1_795_132_800;

const SUBJECTS = [
  "Code index",
  "Release notes",
  "Mailbox digest",
  "Test report",
  "Changelog",
  "Photo names",
  "Backup check",
];
const MOODS = ["every night", "in one page", "while you sleep", "for small teams", "in plain words"];
const PRICES: readonly NonNullable<UpgradeManifest["pricing"]>[] = [
  { model: "free" },
  { model: "per-run", amount_sats: 50 },
  { model: "per-month", amount_sats: 2_100 },
];

/**
 * A fake edge, for the site: `GET /v1/snapshot` over so many listings, truly signed, of one author for every five. The
 * first three are the example upgrades; the fourth has markup for a title, the fifth a long one in several scripts, the
 * sixth is in Arabic, the seventh full of emoji, the eighth of words without an end.
 */
export function fakeCatalog(
  listings: number,
  change: (detail: CatalogDetail, index: number) => CatalogDetail = (detail) => detail,
): EdgeClient {
  const examples = readdirSync(EXAMPLES)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .slice(0, 3)
    .map((name) => JSON.parse(readFileSync(join(EXAMPLES, name), "utf8")) as UpgradeManifest);
  const details = Array.from({ length: listings }, (_, index) => {
    const base = examples[index % examples.length];
    if (base === undefined) throw new Error("there are example upgrades");
    return change(detailOf(manifestAt(base, index), index), index);
  }).sort((a, b) => (a.listing.address < b.listing.address ? -1 : 1));
  const page = (after: string): SnapshotPage => {
    const rest = details.filter(({ listing }) => listing.address > after);
    return {
      ...{ version: 1, listings_total: details.length, details: rest.slice(0, PAGE) },
      next_cursor: rest.length > PAGE ? (rest[PAGE - 1]?.listing.address ?? null) : null,
    };
  };
  return {
    get: async <T extends object>(path: string) => {
      const { pathname, searchParams } = new URL(path, "http://edge/");
      if (pathname === "/v1/moderation/roles")
        return { operator: null, event: null, curators: [], moderators: [] } as unknown as T;
      if (pathname === "/v1/moderation/events") return { events: [], next_cursor: null } as unknown as T;
      return page(searchParams.get("cursor") ?? "") as unknown as T;
    },
    post: () => Promise.reject(new Error("a mirror sends nothing")),
    health: async () => ({ date_ms: null }),
  };
}

function keyOf(index: number): Uint8Array {
  const key = new Uint8Array(32).fill(7);
  new DataView(key.buffer).setUint32(0, Math.floor(index / 5) + 1);
  return key;
}

export const HOSTILE_TITLE = '</script><script>alert(1)</script><img src=x onerror=alert(1)> & "quoted"';
export const LONG_TITLE =
  `Überprüfung 夜間インデックス مراجعة ${"of everything that anyone could ever want to look at again ".repeat(3)}`.slice(
    0,
    120,
  );

export const ARABIC = {
  title: "فهرسة مستودعك كل ليلة (v2)",
  summary: "تقرأ المستودع وتكتب فهرسًا محليًا. لا شيء يغادر جهازك.",
};
const WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbe"; // 64 letters
/** What authors write beside plain English, by place in the catalog. */
const WRITTEN: Readonly<Record<number, Pick<UpgradeManifest, "title" | "summary">>> = {
  3: { title: HOSTILE_TITLE },
  4: { title: LONG_TITLE },
  5: ARABIC,
  6: { title: "🌙✨ Nacht‑Index 🧑🏽‍💻 👨‍👩‍👧‍👦", summary: "🗂️ ➡️ 🔎 while you 😴, 🆓" },
  7: { title: WORD, summary: `${WORD} ${WORD}` },
};

function manifestAt(base: UpgradeManifest, index: number): UpgradeManifest {
  const npub = hexToNpub(publicKeyOf(keyOf(index)));
  const author = { name: index < 5 ? "OpenAgents" : `Author ${Math.floor(index / 5)}`, npub };
  if (index < 3) return { ...base, author };
  const title = `${SUBJECTS[index % SUBJECTS.length]} ${MOODS[index % MOODS.length]}, ${index}`;
  return {
    ...{ ...base, id: `example.upgrade-${index}`, author, version: `1.${index % 9}.0` },
    ...{ title, ...WRITTEN[index] },
    pricing: PRICES[index % PRICES.length],
    tags: [...(base.tags ?? []), `tag-${index % 40}`],
  } as UpgradeManifest;
}

function detailOf(manifest: UpgradeManifest, index: number): CatalogDetail {
  const key = keyOf(index);
  const created_at = PUBLISHED_AT - index * HOUR_S;
  const event = signEvent(manifestEvent(manifest, { created_at }), key, key);
  const read = listingFrom(event as VerifiedEvent);
  if (isRejection(read)) throw new Error(read.message);
  const release = (version: string, channel: "main" | "beta", at: number, notes: string) =>
    signEvent(
      releaseEvent(
        { ...manifest, version },
        {
          ...{ author: event.pubkey, manifest_event_id: event.id, manifest_sha256: read.manifest_sha256 },
          ...{ notes, channel, created_at: at },
        },
      ),
      ...([key, key] as const),
    );
  const newest = release(
    manifest.version,
    "main",
    created_at,
    "Shorter runs: only what changed is read again.\nFixes an index that never ended.",
  );
  const older =
    index % 4 === 0
      ? [
          release("0.0.2", "beta", created_at - 9 * 24 * HOUR_S, "Reads `.gitignore` now."),
          release("0.0.1", "main", created_at - 30 * 24 * HOUR_S, "First release."),
        ]
      : [];
  const { pricing, schedule } = manifest;
  const detail: unknown = {
    listing: {
      ...{ address: read.address, pubkey: event.pubkey, npub: hexToNpub(event.pubkey), slug: manifest.id },
      ...{ version: manifest.version, title: manifest.title, summary: manifest.summary ?? "" },
      author_name: manifest.author.name ?? "",
      license: manifest.license ?? "",
      categories: [...(manifest.categories ?? [])],
      tags: [...(manifest.tags ?? [])],
      backends: [...manifest.capabilities.backends],
      platforms: [...manifest.capabilities.platforms],
      pricing: { model: pricing?.model ?? "free", amount_sats: pricing?.amount_sats ?? 0 },
      ...{ schedule_type: schedule.type, manifest_sha256: read.manifest_sha256, event_id: event.id, created_at },
      releases: [newest].flatMap((raw) => {
        const { channel, version, event_id, manifest_event_id, manifest_sha256, created_at } = releaseAt(
          raw as VerifiedEvent,
        );
        return [{ channel, version, event_id, manifest_event_id, manifest_sha256, created_at }];
      }),
    },
    event,
    release_events: [newest],
    ...(older.length === 0 ? {} : { older_release_events: older }),
  };
  if (!validators.isCatalogDetail(detail)) throw new Error(JSON.stringify(validators.isCatalogDetail.errors));
  return index % 3 === 2 ? detail : rated(detail, ratersAt(index));
}

function releaseAt(event: VerifiedEvent) {
  const release = releaseFrom(event);
  if (isRejection(release)) throw new Error(release.message);
  return release;
}

/** The fourth of every seven has only ratings that do not count. */
function ratersAt(index: number): Raters {
  const raters = index % 7 === 3 ? 0 : 3 + (index % 40);
  const stars_milli = raters === 0 ? 3_000 : 3_200 + ((index * 137) % 1_700);
  const spread = Math.round(1_600 / Math.sqrt(raters + 5));
  return {
    ...{
      stars_milli,
      low_milli: Math.max(1_000, stars_milli - spread),
      high_milli: Math.min(5_000, stars_milli + spread),
    },
    ...{ raters, unknown: index % 11 },
    ...{ installs: raters * 2, licences: index % 5, trend_30_milli: raters === 0 ? null : ((index * 31) % 400) - 150 },
    badges: raters < 5 ? ["few_ratings"] : raters >= 10 && stars_milli - spread >= 4_000 ? ["well_rated"] : [],
    as_of: PUBLISHED_AT,
  };
}
