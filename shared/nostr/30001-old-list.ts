import { type Rejection, reject } from "../core/refusal.ts";
import { type CuratedList, listIn } from "./30267-curated.ts";
import { isOurs, KINDS } from "./kinds.ts";
import { tagValues } from "./template.ts";
import type { VerifiedEvent } from "./verify.ts";

/**
 * A list of upgrades of the kind that NIP-51 gave up, 30001, with `l` = `upgrades`: read, so that old lists still count,
 * and never written. Refusals: foreign_event (dropped without noise), event_tag_mismatch.
 */
export function fromEvent(event: VerifiedEvent): CuratedList | Rejection {
  if (event.kind !== KINDS.old_list.kind || !(isOurs(event) || tagValues(event, "l").includes("upgrades"))) {
    return reject("foreign_event", `event ${event.id} is not a list of upgrades`);
  }
  return listIn(event);
}

/** Old lists by their signers. */
export function filter(signers: readonly string[]) {
  return { kinds: [KINDS.old_list.kind], authors: signers };
}
