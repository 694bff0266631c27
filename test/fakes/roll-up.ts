import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CatalogDetail, CatalogReputation, ReputationRollUp } from "@oa/shared/generated/types.ts";
import { toEvent } from "@oa/shared/nostr/30384-reputation.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { summaryOf } from "@oa/shared/reputation/summary.ts";

const EXAMPLE = join(import.meta.dirname, "../../schemas/examples/nostr/30384-reputation/valid/one-rating.json");
const RATED = JSON.parse((JSON.parse(readFileSync(EXAMPLE, "utf8")) as NostrEvent).content) as ReputationRollUp;
const INDEXER = new Uint8Array(32).fill(11);

/** What a test says of a listing's raters. */
export interface Raters
  extends Omit<CatalogReputation, "rank" | "badges" | "event_id" | "trend_7_milli" | "trend_90_milli"> {
  readonly trend_7_milli?: number;
  readonly trend_90_milli?: number;
  readonly badges: ReputationRollUp["badges"];
}

/** A roll-up that nobody reckoned, of the numbers that a test gives. */
export function rollUpOf(listing: string, given: Raters): ReputationRollUp {
  const { stars_milli, low_milli, high_milli, raters, unknown, installs, licences, as_of, badges } = given;
  return {
    ...{ ...RATED, listing, as_of, licences, badges },
    score: { ...RATED.score, stars_milli, low_milli, high_milli },
    rank: Math.floor((low_milli - 1_000) / 40),
    raters: { receipt: raters, attested: 0, trusted: 0 },
    apart: { ...RATED.apart, unknown },
    trend: {
      days_7_milli: given.trend_7_milli ?? null,
      days_30_milli: given.trend_30_milli,
      days_90_milli: given.trend_90_milli ?? null,
    },
    runs: { attested: installs, workers: installs },
  };
}

/** A listing with a reputation, signed by a fake indexer. */
export function rated(detail: CatalogDetail, given: Raters): CatalogDetail {
  const rollup = rollUpOf(detail.listing.address, given);
  const event = signEvent(toEvent(rollup), INDEXER, INDEXER);
  return {
    ...detail,
    listing: { ...detail.listing, reputation: summaryOf(rollup, event.id) },
    reputation_event: { ...event, tags: event.tags.map((tag) => [...tag]) },
  };
}
