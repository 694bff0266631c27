import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { CatalogPage, SnapshotPage } from "@oa/shared/generated/types.ts";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { guardWorkerd } from "@oa/worker/adapters/workerd-guard.ts";
import { Log, LogLevel, Miniflare } from "miniflare";
import { made, market, PUBLISHED_AT, publicKeyAt, type Traded, wordAt } from "./market.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** As many as the relay hands over at once. */
const BATCH = 50;

/** The edge's catalog in workerd, with its intake open. */
export interface ScaleCatalog {
  readonly get: <T>(path: string) => Promise<T>;
  readonly post: (path: string, body: unknown) => Promise<void>;
  readonly bytes: () => Promise<number>;
  readonly close: () => Promise<void>;
}

export async function openCatalog(): Promise<ScaleCatalog> {
  const folder = mkdtempSync(join(tmpdir(), "oa-scale-"));
  const config = join(import.meta.dirname, "wrangler.toml");
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const built = spawnSync(
    process.execPath,
    [wrangler, "deploy", "--dry-run", "--config", config, "--outdir", join(folder, "bundle")],
    { encoding: "utf8", env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_WRITE_LOGS: "false" } },
  );
  if (built.status !== 0) throw new Error(`the catalog could not be built:\n${built.stdout}${built.stderr}`);
  const guard = guardWorkerd();
  const name = "catalog-at-scale";
  const object = { type: "durable-object" as const, worker: name, exportName: "MeasuredCatalog" };
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: join(folder, "data"),
    cf: false,
    enableDevRegistry: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    workers: [
      {
        config: {
          name,
          compatibilityDate: "2026-06-01",
          manifest: { mainModule: "catalog-host.js", modules: modulesIn(join(folder, "bundle")) },
          env: { CATALOG: object },
          exports: { MeasuredCatalog: { type: "durable-object", storage: "sqlite" } },
        },
      },
    ],
  });
  const url = String(await miniflare.ready).replace(/\/$/, "");
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
    return JSON.parse(text) as T;
  };
  return {
    get: (path) => ask(path),
    post: (path, body) => ask(path, { method: "POST", body: JSON.stringify(body) }),
    bytes: async () => (await ask<{ bytes: number }>("/bytes")).bytes,
    close: async () => {
      await miniflare.dispose();
      guard.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Modules = Record<string, { type: "esm" | "wasm"; contents: string | Uint8Array<ArrayBuffer> }>;

function modulesIn(bundle: string): Modules {
  const modules: Modules = {};
  for (const name of readdirSync(bundle)) {
    const bytes = readFileSync(join(bundle, name));
    if (name.endsWith(".js")) modules[name] = { type: "esm", contents: bytes.toString("utf8") };
    else if (name.endsWith(".wasm")) modules[name] = { type: "wasm", contents: new Uint8Array(bytes) };
  }
  return modules;
}

/** Keys whose decisions a reader may choose, each with as many take-downs as a stranger's key has room for. */
export const MODERATORS = Array.from({ length: LIMITS.moderation_chosen }, (_, index) => publicKeyAt(-2 - index));

/** Take-downs of listings that are spread over the catalog, as their moderators' labels. */
export function takeDowns(addresses: readonly string[]): readonly NostrEvent[] {
  const each = LIMITS.moderation_decisions_per_key;
  const wanted = Math.min(addresses.length, MODERATORS.length * each);
  return Array.from({ length: wanted }, (_, index) => {
    const value = addresses[Math.floor((index * addresses.length) / wanted)] ?? "";
    const template = decisionEvent(
      {
        ...{ action: "take_down", target: { kind: "listing", value }, reason: "malware", appeal: "possible" },
        ...{ status: null, blast_radius: null, expires_at: null, answers: null, evidence_sha256: sha256Hex(value) },
        note: "It harms the machine it runs on.",
      },
      { created_at: PUBLISHED_AT },
    );
    return made(MODERATORS[index % MODERATORS.length] ?? "", template);
  });
}

/** Deletions of what the catalog has not: of notes, say. */
export function otherDeletions(count: number): readonly NostrEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const tags = [["e", sha256Hex(`note ${index}`)]];
    return made(publicKeyAt(-100), { kind: KINDS.deletion.kind, created_at: PUBLISHED_AT, tags, content: "" });
  });
}

/** What filling came to. */
export interface Filled {
  readonly listings: number;
  readonly events: number;
  /** Without the time that making the events took. */
  readonly seconds: number;
  readonly bytes: number;
  /** As JSON, of all events. */
  readonly event_bytes: number;
  readonly addresses: readonly string[];
}

/** Hands the catalog a market's events as the relay does, in batches and in order. */
export async function fill(catalog: ScaleCatalog, listings: number): Promise<Filled> {
  const empty = await catalog.bytes();
  let [events, event_bytes, ms] = [0, 0, 0];
  const timed = async (path: string, body: readonly unknown[]): Promise<void> => {
    const started = performance.now();
    await catalog.post(path, body);
    ms += performance.now() - started;
  };
  let waiting: Traded["events"] = [];
  let rated: unknown[] = [];
  const addresses: string[] = [];
  for (const traded of market(listings)) {
    waiting = [...waiting, ...traded.events];
    if (traded.reputation !== null) {
      rated.push([traded.address, traded.reputation.summary, traded.reputation.event]);
    }
    for (const event of traded.events) event_bytes += JSON.stringify(event).length;
    events += traded.events.length;
    addresses.push(traded.address);
    while (waiting.length >= BATCH) {
      await timed("/take", waiting.slice(0, BATCH));
      waiting = waiting.slice(BATCH);
    }
    if (rated.length >= BATCH) {
      await timed("/reputations", rated);
      rated = [];
    }
  }
  await timed("/take", waiting);
  await timed("/reputations", rated);
  return { listings, events, seconds: ms / 1_000, bytes: (await catalog.bytes()) - empty, event_bytes, addresses };
}

/** What visitors and mirrors ask, by what it shows of the catalog. */
export function questions(): Readonly<Record<string, (round: number) => string>> {
  const common = encodeURIComponent(wordAt(0));
  return {
    "nothing, for comparison": () => "/empty",
    "the newest": () => "/v1/listings",
    "by title": () => "/v1/listings?sort=title",
    "by price": () => "/v1/listings?sort=price",
    "by rating": () => "/v1/listings?sort=rating",
    "100 of the newest": () => "/v1/listings?limit=100",
    "a word that half have": () => `/v1/listings?text=${common}`,
    "a word that all have": () => "/v1/listings?text=upgrade",
    "a rare word": (round) => `/v1/listings?text=${wordAt(2_000 + round)}`,
    "two words": (round) => `/v1/listings?text=${wordAt(3 + (round % 20))}+${wordAt(40 + round)}`,
    "a common word, newest first": () => `/v1/listings?text=${common}&sort=newest`,
    "a backend that half have": () => "/v1/listings?backend=ollama",
    "a category": (round) => `/v1/listings?category=category-${round % 12}`,
    "a rare tag": (round) => `/v1/listings?tag=tag-${200 + round}`,
    "a rare tag, best rated": (round) => `/v1/listings?tag=tag-${200 + round}&sort=rating`,
    "a backend, best rated": () => "/v1/listings?backend=ollama&sort=rating",
    "a backend and a price, by title": () => "/v1/listings?backend=mlx&price=paid&sort=title",
    "a backend and a rare tag": (round) => `/v1/listings?backend=mlx&tag=tag-${300 + (round % 100)}`,
    "what nothing meets": (round) => `/v1/listings?category=category-${round % 12}&tag=absent&backend=ollama`,
    free: () => "/v1/listings?price=free",
    "at most 3 sats, newest": () => "/v1/listings?price=3",
    "paid, by title": () => "/v1/listings?price=paid&sort=title",
    "the largest author": () => `/v1/listings?author=${publicKeyAt(0)}`,
    "a small author": (round) => `/v1/listings?author=${publicKeyAt(500 + round)}`,
    "a snapshot's first page": () => "/v1/snapshot",
    "a snapshot's page from the middle": (round) =>
      `/v1/snapshot?cursor=${encodeURIComponent(`30051:${(128 + round).toString(16).padStart(2, "0")}`)}`,
    "the newest, for who chose moderators": () => `/v1/listings?moderators=${MODERATORS.join()}`,
    "whether anything moved": () => "/v1/snapshot?cursor=~",
  };
}

export interface Latency {
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Asks one after the other, `rounds` times at most and about as long as `ms_max`. */
export async function latency(
  rounds: number,
  ms_max: number,
  ask: (round: number) => Promise<unknown>,
): Promise<Latency> {
  const times: number[] = [];
  const until = performance.now() + ms_max;
  await ask(0);
  for (let round = 0; round < rounds && (round < 3 || performance.now() < until); round += 1) {
    const started = performance.now();
    await ask(round);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** A list's pages from the first on, as long as there are more. */
export async function* pagesOf(catalog: ScaleCatalog, query: string): AsyncGenerator<CatalogPage> {
  for (let cursor: string | null = ""; cursor !== null; ) {
    const after: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: CatalogPage = await catalog.get(`/v1/listings?limit=100&${query}${after}`);
    yield page;
    cursor = page.next_cursor;
  }
}

/** A snapshot's pages, as a mirror reads them. */
export async function* snapshotOf(catalog: ScaleCatalog): AsyncGenerator<SnapshotPage> {
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: SnapshotPage = await catalog.get(`/v1/snapshot?cursor=${encodeURIComponent(cursor)}`);
    yield page;
    cursor = page.next_cursor;
  }
}
