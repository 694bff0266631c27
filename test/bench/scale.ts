import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Bench } from "./run.ts";
import {
  fill,
  latency,
  openCatalog,
  otherDeletions,
  pagesOf,
  questions,
  type ScaleCatalog,
  snapshotOf,
  takeDowns,
} from "./scale/catalog.ts";
import { type Cost, claimCost, inputCost, relayCost } from "./scale/costs.ts";
import { MILLION, receiptSpread, relaySpread, reputationSpread, type Spread } from "./scale/spread.ts";

/** `OA_BENCH_LISTINGS=10000,100000 npm run bench -- scale` */
const SIZES = (process.env.OA_BENCH_LISTINGS ?? "2000").split(",").map(Number);
const ROUNDS = 50;
const QUESTION_MS = 5_000;
const SHARDS = [1, 4, 8, 16, 32, 64, 256];
/** What Cloudflare gives one Durable Object. */
const OBJECT_BYTES = 10e9;

type Figures = Record<string, number | string>;

/**
 * The edge's catalog in workerd at each size; what a thing costs the other objects, by their own code; how a million
 * listings lie on all of them; and where that ends.
 */
export async function bench(): Promise<Bench> {
  const figures: Figures = {};
  const sizes = [];
  for (const listings of SIZES) sizes.push(await measureCatalog(listings));
  for (const { listings, said } of sizes) {
    for (const [name, value] of Object.entries(said)) figures[`${listings.toLocaleString("en")}: ${name}`] = value;
  }
  const costs = { relay: relayCost(2_000), claim: claimCost(3_000), input: inputCost(5_000) };
  for (const [name, { bytes, per_s }] of Object.entries(costs)) {
    figures[`${name}: bytes each`] = Math.round(bytes);
    figures[`${name}: per s, without signatures or disk`] = Math.round(per_s);
  }
  spreads(figures, costs);
  const last = sizes.at(-1);
  if (last !== undefined) {
    figures["catalog: listings that one object has room for"] = Math.floor(LIMITS.catalog_bytes / last.bytes_each);
  }
  const [small, large] = [sizes.at(-2), sizes.at(-1)];
  if (small !== undefined && large !== undefined && small !== large) {
    for (const [name, ms] of Object.entries(large.p50_ms)) {
      const before = small.p50_ms[name] ?? ms;
      const each = (ms - before) / (large.listings - small.listings);
      figures[`1,000,000 on a straight line: ${name}, ms`] = Math.round(
        ms + each * (MILLION.listings - large.listings),
      );
    }
  }
  return { name: "scale", figures };
}

interface Measured {
  readonly listings: number;
  readonly bytes_each: number;
  readonly p50_ms: Readonly<Record<string, number>>;
  readonly said: Figures;
}

async function measureCatalog(listings: number): Promise<Measured> {
  const catalog = await openCatalog();
  try {
    const filled = await fill(catalog, listings);
    const said: Figures = {
      events: filled.events,
      "bytes a listing, with its releases and roll-up": Math.round(filled.bytes / listings),
      "bytes of JSON of that": Math.round(filled.event_bytes / listings),
      "events taken per s": Math.round(filled.events / filled.seconds),
    };
    await catalog.post("/take", takeDowns(filled.addresses));
    const p50_ms: Record<string, number> = {};
    for (const [name, path] of Object.entries(questions())) {
      const took = await latency(ROUNDS, QUESTION_MS, (round) => catalog.get(path(round)));
      p50_ms[name] = took.p50_ms;
      said[`${name}: p50 / p99, ms`] = `${took.p50_ms.toFixed(1)} / ${took.p99_ms.toFixed(1)}`;
    }
    Object.assign(said, await walks(catalog));
    return { listings, bytes_each: filled.bytes / listings, p50_ms, said };
  } finally {
    await catalog.close();
  }
}

/** What takes more than one request. */
async function walks(catalog: ScaleCatalog): Promise<Figures> {
  const started = performance.now();
  let read = 0;
  for await (const page of snapshotOf(catalog)) read += page.details.length;
  const seconds = (performance.now() - started) / 1_000;
  const pages: number[] = [];
  let from = performance.now();
  for await (const _ of pagesOf(catalog, "sort=rating")) {
    pages.push(performance.now() - from);
    from = performance.now();
    if (pages.length === 100) break;
  }
  const deletions = otherDeletions(LIMITS.relay_handover_batch);
  const deleted = await latency(5, QUESTION_MS, () => catalog.post("/take", deletions));
  return {
    "the whole snapshot, listings per s": Math.round(read / seconds),
    "the last of 100 pages by rating, ms": (pages.at(-1) ?? Number.NaN).toFixed(1),
    "a deletion of something else, ms": (deleted.p50_ms / deletions.length).toFixed(2),
  };
}

function spreads(figures: Figures, costs: Readonly<Record<"relay" | "claim" | "input", Cost>>): void {
  const said = (spread: Spread, bytes: number): string =>
    `mean ${short(spread.mean)}, largest ${short(spread.largest)} (${(spread.largest / spread.mean).toFixed(2)} of the mean), ` +
    `${gigabytes(spread.largest * bytes)} or ${percent((spread.largest * bytes) / OBJECT_BYTES)} of an object`;
  for (const spread of relaySpread(MILLION, SHARDS)) {
    figures[`relay, a million listings on ${spread.objects} shards, events`] = said(spread, costs.relay.bytes);
  }
  figures["receipts, ten million payments on 4,096 objects"] = said(receiptSpread(MILLION), costs.claim.bytes);
  for (const exponent of [1, 0.8]) {
    const spread = reputationSpread({ ...MILLION, exponent });
    const kept = Math.min(spread.largest, LIMITS.reputation_inputs) * costs.input.bytes;
    figures[`reputation, ten million ratings by Zipf ${exponent}`] =
      `mean ${short(spread.mean)}, largest ${short(spread.largest)}, kept of it ${gigabytes(kept)}; ` +
      `${spread.full} objects full, ${percent(spread.dropped_share)} of ratings dropped`;
  }
}

function short(count: number): string {
  return Math.round(count).toLocaleString("en");
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
