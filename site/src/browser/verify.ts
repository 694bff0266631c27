import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ReputationRollUp, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { fromEvent as decisionIn, isModeration } from "@oa/shared/nostr/01985-moderation.ts";
import { listIn } from "@oa/shared/nostr/30267-curated.ts";
import { KINDS, tagValue } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { summaryOf } from "@oa/shared/reputation/summary.ts";
import { ratedOf } from "./rated.ts";
import { type Said, saidOf } from "./said.ts";

/** What is wrong with a page that shows an event, in sentences; none: it shows what its author signed. */
export function faultsOf(
  raw: unknown,
  shown: { readonly [Name in keyof Said]?: readonly string[] },
): readonly string[] {
  const event = verifyEvent(raw, pureSchnorr);
  if (isRejection(event)) return [`The event does not verify: ${event.message}.`];
  const manifest = JSON.parse(event.content) as UpgradeManifest;
  const faults: string[] = [];
  if (manifestHash(manifest) !== tagValue(event, "x")) {
    faults.push("The manifest's hash is not the one that was signed.");
  }
  if (manifest.id !== tagValue(event, "d")) faults.push("The manifest is of another upgrade than the event names.");
  if (manifest.author.npub !== hexToNpub(event.pubkey)) faults.push("The manifest names another key than signed it.");
  return [...faults, ...unlike(shown, saidOf(manifest), "the author signed")];
}

/** The texts of a page that are said to be signed, by name. */
type Shown = { readonly [name: string]: readonly string[] | undefined };

/**
 * What is wrong with what a page shows of a listing's reputation, beside the roll-up that an indexer signed: that it is
 * one, of this listing, and says the same. Whether it was reckoned rightly, `oa reputation verify` finds out.
 */
export function reputationFaultsOf(raw: unknown, listing: string, shown: Shown): readonly string[] {
  const event = verifyEvent(raw, pureSchnorr);
  if (isRejection(event)) return [`The reputation's event does not verify: ${event.message}.`];
  const rollup = JSON.parse(event.content) as ReputationRollUp;
  if (event.kind !== KINDS.reputation.kind || tagValue(event, "d") !== listing || rollup.listing !== listing) {
    return ["The reputation is of another listing."];
  }
  return unlike(shown, ratedOf(summaryOf(rollup, event.id)), "the indexer signed");
}

/** What is wrong with what a page shows of a moderator's decision or of a curated list, beside its event. */
export function signedFaultsOf(raw: unknown, shown: Shown): readonly string[] {
  const event = verifyEvent(raw, pureSchnorr);
  if (isRejection(event)) return [`The event does not verify: ${event.message}.`];
  const said = isModeration(event) ? decisionIn(event) : listIn(event);
  if (isRejection(said)) return [`The event says nothing that could stand here: ${said.message}.`];
  const texts =
    "target" in said
      ? { decision: [`It ${sentenceOf(said)}.`], target: [said.target.value] }
      : { title: [said.title], description: said.description === "" ? [] : [said.description] };
  return unlike(shown, { ...texts, signer: [hexToNpub(event.pubkey)], event: [event.id] }, "its signer signed");
}

/** Where a page shows something else than what was signed, by name. */
function unlike(shown: Shown, signed: object, who: string): readonly string[] {
  return Object.entries(signed as Shown).flatMap(([name, said = []]) => {
    const texts = (shown[name] ?? []).map(flat);
    const wanted = said.map(flat);
    const at = Array.from({ length: Math.max(wanted.length, texts.length) }, (_, index) => index).find(
      (index) => wanted[index] !== texts[index],
    );
    if (at === undefined) return [];
    return [`The page shows ${quoted(texts[at])} as its ${name} where ${who} ${quoted(wanted[at])}.`];
  });
}

/** White space is the layout's, not the author's. */
function flat(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function quoted(text: string | undefined): string {
  return text === undefined ? "nothing" : JSON.stringify(text);
}
