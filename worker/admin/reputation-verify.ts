import { LIMITS } from "@oa/shared/core/limits.ts";
import { merkleRoot } from "@oa/shared/core/merkle.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ReputationInputs, ReputationRollUp } from "@oa/shared/generated/types.ts";
import { sellersOf } from "@oa/shared/license/evidence.ts";
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { authorOf, fromEvent as ratingFrom, filter as ratingsFilter } from "@oa/shared/nostr/30054-rating.ts";
import { filter as rollUpFilter, fromEvent as rollUpFrom } from "@oa/shared/nostr/30384-reputation.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { SchnorrVerify, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { type Difference, differences } from "@oa/shared/reputation/compare.ts";
import { FORMULA } from "@oa/shared/reputation/formula.ts";
import { readInput } from "@oa/shared/reputation/read.ts";
import { reckon } from "@oa/shared/reputation/roll-up.ts";

/** What came of checking one roll-up. */
export interface ReputationVerification {
  readonly listing: string;
  readonly indexer: string;
  readonly event_id: string;
  readonly as_of: number;
  readonly formula: number;
  /**
   * `same`: anybody gets this from these events, and no other rating is on the relays. `differs`: what is below differs.
   * `unproven`: some of its events are not to be had, so that it can be neither confirmed nor refuted.
   */
  readonly verdict: "same" | "differs" | "unproven";
  readonly claimed: ReputationRollUp;
  readonly differences: readonly Difference[];
  /** Inputs that no relay has: replaced or deleted since, or never there. */
  readonly missing: readonly string[];
  /** Inputs that are there and count for nothing: they cannot be read, or say nothing of this listing. */
  readonly unreadable: readonly string[];
  /** Ratings on the relays, old enough to have been counted, that the roll-up leaves out. */
  readonly left_out: readonly string[];
  readonly events: number;
}

export interface VerifyPorts {
  readonly query: (filters: readonly WireFilter[], signal: AbortSignal) => Promise<readonly VerifiedEvent[]>;
  /** The ids of many inputs, from the indexer's edge; null where no edge is set. */
  readonly inputs:
    | ((listing: string, after: string, signal: AbortSignal) => Promise<ReputationInputs | Rejection>)
    | null;
  readonly schnorr: SchnorrVerify;
}

/** A rating that came while the indexer was reckoning is not left out. */
const SETTLED_S = Math.ceil(LIMITS.reputation_wait_ms / 1000) + FORMULA.ahead_s;
const IDS_ASKED = 200;

/**
 * Reckons a listing's published reputation again from the signed events it names, fetched from relays and verified here,
 * and compares every number. `indexer` null: whoever's is newest. Refusals: not_found, usage, unreachable.
 */
export async function verifyReputation(
  listing: string,
  indexer: string | null,
  ports: VerifyPorts,
  signal: AbortSignal,
): Promise<ReputationVerification | Rejection> {
  const filter = rollUpFilter({ listings: [listing], ...(indexer === null ? {} : { indexers: [indexer] }) });
  const published = (await ports.query([filter], signal)).flatMap((event) => {
    const rollup = rollUpFrom(event);
    return isRejection(rollup) || rollup.listing !== listing ? [] : [{ event, claimed: rollup }];
  });
  const [newest] = published.sort((a, b) => b.claimed.as_of - a.claimed.as_of);
  if (newest === undefined) return reject("not_found", `no relay has a reputation of ${listing}`);
  const { event, claimed } = newest;
  if (claimed.formula !== FORMULA.version) {
    return reject("usage", `it is by formula ${claimed.formula}, and this program knows formula ${FORMULA.version}`);
  }
  const ids = claimed.inputs.event_ids ?? (await allInputs(listing, claimed.inputs.count, ports, signal));
  if (isRejection(ids)) return ids;
  const events = await byIds(ids, ports, signal);
  const zaps = { provider: claimed.settings.zap_provider, schnorr: ports.schnorr };
  const read = events.map((one) => ({ id: one.id, input: readInput(one, zaps) }));
  const inputs = read.flatMap(({ input }) => (isRejection(input) ? [] : [input]));
  const computed = reckon(listing, inputs, claimed.settings, claimed.as_of);
  const found = new Set(events.map(({ id }) => id));
  const used = new Set(computed.event_ids);
  const missing = ids.filter((id) => !found.has(id));
  const left_out = await leftOut(listing, ids, claimed.as_of, ports, signal);
  const differing = [
    ...(merkleRoot(ids) === claimed.inputs.root && ids.length === claimed.inputs.count
      ? []
      : [{ field: "/inputs/root", claimed: claimed.inputs.root, computed: merkleRoot(ids) }]),
    ...(missing.length > 0 ? [] : differences(claimed, computed.rollup)),
    ...(await signersDiffer(listing, claimed, ports, signal)),
  ];
  const unreadable = ids.filter((id) => found.has(id) && !used.has(id));
  const differs = differing.length > 0 || left_out.length > 0 || unreadable.length > 0;
  return {
    ...{ listing, indexer: event.pubkey, event_id: event.id, as_of: claimed.as_of, formula: claimed.formula },
    verdict: differs ? "differs" : missing.length > 0 ? "unproven" : "same",
    ...{ claimed, differences: differing, missing, unreadable, left_out, events: events.length },
  };
}

/** Every id, page by page, where the roll-up holds only their root. */
async function allInputs(
  listing: string,
  count: number,
  { inputs }: VerifyPorts,
  signal: AbortSignal,
): Promise<readonly string[] | Rejection> {
  if (inputs === null) {
    return reject(
      "unreachable",
      `the roll-up names its ${count} events by their root alone: set the indexer's edge to ask it`,
    );
  }
  const ids: string[] = [];
  for (let after = ""; ids.length <= count; ) {
    const page = await inputs(listing, after, signal);
    if (isRejection(page)) return page;
    ids.push(...page.event_ids);
    // An edge that counts backwards could otherwise be asked for ever.
    if (page.next_after === null || page.next_after <= after) break;
    after = page.next_after;
  }
  return ids;
}

async function byIds(
  ids: readonly string[],
  { query }: VerifyPorts,
  signal: AbortSignal,
): Promise<readonly VerifiedEvent[]> {
  const events: VerifiedEvent[] = [];
  for (let start = 0; start < ids.length; start += IDS_ASKED) {
    events.push(...(await query([{ ids: ids.slice(start, start + IDS_ASKED) }], signal)));
  }
  return events;
}

/** What relays have about the listing beyond what the roll-up names. Read back in time, as far as they give more. */
async function leftOut(
  listing: string,
  ids: readonly string[],
  as_of: number,
  { query }: VerifyPorts,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const named = new Set(ids);
  const found = new Set<string>();
  const seen = new Set<string>();
  for (let until = as_of - SETTLED_S; seen.size < LIMITS.reputation_inputs; ) {
    const page = await query([ratingsFilter({ listings: [listing], until })], signal);
    const fresh = page.filter(({ id }) => !seen.has(id));
    if (fresh.length === 0) return [...found].sort();
    for (const event of fresh) {
      seen.add(event.id);
      if (!named.has(event.id) && !isRejection(ratingFrom(event))) found.add(event.id);
    }
    until = Math.min(...fresh.map(({ created_at }) => created_at));
  }
  return [...found].sort();
}

/** Whether those whose receipts counted are the author and the coordinator that the manifest names now. */
async function signersDiffer(
  listing: string,
  { settings }: ReputationRollUp,
  { query }: VerifyPorts,
  signal: AbortSignal,
): Promise<readonly Difference[]> {
  const author = authorOf(listing);
  const slug = listing.split(":")[2] ?? "";
  const [event] = await query([{ kinds: [KINDS.manifest.kind], authors: [author], "#d": [slug] }], signal);
  const manifest = event === undefined ? null : listingFrom(event);
  const expected = manifest === null || isRejection(manifest) ? [author] : sellersOf(manifest);
  return differences([...settings.receipt_signers].sort(), [...new Set(expected)].sort(), "/settings/receipt_signers");
}
