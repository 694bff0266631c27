import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { ReputationRollUp } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags } from "./template.ts";
import type { VerifiedEvent } from "./verify.ts";

/**
 * The trusted assertion (NIP-85, kind 30384) by which an indexer publishes a listing's reputation: `rank`, `zap_cnt` and
 * `zap_amount` are NIP-85's tags, so that any client can use them; the content is the whole roll-up.
 */
export function toEvent(rollup: ReputationRollUp): EventTemplate {
  const { listing, raters, score, zaps, runs } = rollup;
  return {
    kind: KINDS.reputation.kind,
    created_at: rollup.as_of,
    content: JSON.stringify(rollup),
    tags: [
      ["d", listing],
      ["a", listing],
      ["rank", String(rollup.rank)],
      ["zap_cnt", String(zaps.count)],
      ["zap_amount", String(Math.floor(zaps.msats / 1_000))],
      ["rating_avg", decimal(score.stars_milli)],
      ["rating_cnt", String(raters.receipt + raters.attested + raters.trusted)],
      ["install_cnt", String(runs.workers)],
      ["formula", String(rollup.formula)],
      ["x", rollup.inputs.root],
      ...labelTags(KINDS.reputation),
    ],
  };
}

/** The roll-up an event claims. Refusals: foreign_event (dropped without noise), event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): ReputationRollUp | Rejection {
  if (!isLabelled(event, KINDS.reputation)) {
    return reject("foreign_event", `event ${event.id} is not labelled as a reputation of an upgrade`);
  }
  const parsed = parseStrict(event.content, { bytes: LIMITS.nostr_content_bytes });
  const rollup: unknown = isRejection(parsed) ? undefined : parsed.value;
  if (!validators.isReputationRollUp(rollup)) {
    return reject("foreign_event", `the content of event ${event.id} is not that of a reputation`);
  }
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `reputation event ${event.id}: ${why}`);
  if (event.created_at !== rollup.as_of) return mismatch("its created_at is not the time it was reckoned at");
  for (const [name = "", value] of toEvent(rollup).tags) {
    if (tagValue(event, name) !== value) return mismatch(`its tag ${name} is not what its content says`);
  }
  return rollup;
}

/** Reputations of listings, by anybody or by chosen indexers. */
export function filter(
  narrow: {
    readonly listings?: readonly string[];
    readonly indexers?: readonly string[];
    readonly limit?: number;
  } = {},
) {
  const { listings, indexers, ...rest } = narrow;
  return {
    kinds: [KINDS.reputation.kind],
    "#L": [LABEL_NAMESPACE],
    ...(listings === undefined ? {} : { "#d": listings }),
    ...(indexers === undefined ? {} : { authors: indexers }),
    ...rest,
  };
}

/** Thousandths as text with three decimals. */
function decimal(milli: number): string {
  return `${Math.floor(milli / 1_000)}.${String(milli % 1_000).padStart(3, "0")}`;
}
