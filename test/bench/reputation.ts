import { isRejection } from "@oa/shared/core/refusal.ts";
import { fromEvent, toEvent } from "@oa/shared/nostr/30054-rating.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { reckon } from "@oa/shared/reputation/roll-up.ts";
import { ASSUMPTIONS, ATTACKERS_MOST, honestInputs, simulate } from "@oa/shared/reputation/simulate.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import type { Bench } from "./run.ts";

const RATERS = 10_000;
const CHECKED = 500;

/** What an attack costs, by honest raters; and what reckoning a score costs beside checking its signatures. */
export async function bench(): Promise<Bench> {
  const figures: Record<string, number | string> = {};
  for (const honest_raters of [5, 40, 200]) {
    for (const { attack, with_rules, without_its_rule } of simulate({ ...ASSUMPTIONS, honest_raters })) {
      const cost = (found: typeof with_rules): string =>
        found === null ? `not with ${ATTACKERS_MOST} keys` : `${found.sats} sats (${found.keys} keys)`;
      figures[`${attack}, one star, ${honest_raters} honest raters`] =
        `${cost(with_rules)}; without its rule ${cost(without_its_rule)}`;
    }
  }
  figures.assumptions = Object.entries(ASSUMPTIONS)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const verified = await verificationRate();
  const inputs = honestInputs(RATERS);
  const [first] = inputs;
  if (first === undefined || first.type !== "rating") throw new Error("there is something to reckon");
  const settings = { receipt_signers: [first.is.author], zap_provider: null, anchors: [] };
  const started = performance.now();
  reckon(first.is.listing, inputs, settings, first.is.created_at + 1);
  const rate = inputs.length / ((performance.now() - started) / 1_000);
  return {
    name: `reputation: what moves a score, and what reckoning costs (${inputs.length} inputs, with three trends)`,
    figures: {
      ...figures,
      "bare signatures checked, events/s": verified,
      "inputs reckoned/s": rate,
      "ratio to bare checking": rate / verified,
    },
  };
}

async function verificationRate(): Promise<number> {
  const schnorr = await loadSchnorr();
  const key = new Uint8Array(32).fill(1);
  const listing = `30051:${publicKeyOf(key)}:bench`;
  const events = Array.from({ length: CHECKED }, (_, created_at) =>
    signEvent(toEvent({ listing, stars: 5, review: "", evidence: null }, { created_at }), key, key),
  );
  const started = performance.now();
  for (const raw of events) {
    const event = verifyEvent(raw, schnorr);
    if (isRejection(event) || isRejection(fromEvent(event))) throw new Error("the event verifies");
  }
  return CHECKED / ((performance.now() - started) / 1_000);
}
