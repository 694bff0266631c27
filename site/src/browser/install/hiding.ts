import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { addressOf } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { followAt } from "../following.ts";
import { facts, make } from "./elements.ts";
import { nowSeconds } from "./random.ts";

/** That a catalog hides a listing, and what of it was found signed. */
export interface Hiding {
  /** The catalog's own words. */
  readonly says: string;
  /** The decision, its signature and who trusts its signer checked in this browser; null: it is the catalog's word alone. */
  readonly decision: ModerationDecision | null;
  /** What its signer goes by. */
  readonly by: string;
}

/**
 * What a catalog says of a listing that it hides, beside the signed decisions that it keeps by the moderators that apply:
 * the reader's `chosen` ones; null: its own.
 */
export async function checkedHiding(
  { edge, chosen, says }: { readonly edge: string; readonly chosen: readonly string[] | null; readonly says: string },
  address: string,
): Promise<Hiding> {
  try {
    const { followed, nameOf } = await followAt(edge, chosen);
    const [, pubkey = ""] = address.split(":");
    const listing = { address, pubkey, event_id: (await eventIdAt(edge, address)) ?? "" };
    const { hidden } = followed.judge(listing, nowSeconds());
    return { says, decision: hidden, by: hidden === null ? "" : nameOf(hidden.moderator) };
  } catch (error) {
    console.warn(error); // what cannot be checked is said to be the catalog's word
    return { says, decision: null, by: "" };
  }
}

/** The listing's event, since a decision may be about just that one: as the catalog shows it to who follows nobody. */
async function eventIdAt(edge: string, address: string): Promise<string | null> {
  const answer = await fetch(`${edge}/v1/listings/${encodeURIComponent(address)}?moderators=none`, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(LIMITS.coordinator_answer_ms),
  });
  if (!answer.ok) return null;
  const event = verifyEvent(Object(await answer.json()).event, pureSchnorr);
  return isRejection(event) || addressOf(event) !== address ? null : event.id;
}

/** Why a listing is not shown, in its place. */
export function hiddenView({ says, decision, by }: Hiding, chosen: boolean): HTMLElement {
  const ways = make(
    "p",
    {},
    make("a", { href: "#/" }, "Find another upgrade"),
    ", or ",
    make("a", { href: "/ledger/#whose" }, "choose whose decisions apply"),
    ".",
  );
  if (decision === null) {
    return make(
      "section",
      {},
      make("h1", {}, "This catalog hides it"),
      make("p", { class: "lead" }, `The catalog says: ${says}`),
      make("p", { class: "notice" }, UNPROVEN),
      ways,
    );
  }
  const whose = chosen ? "whom you follow" : "who moderates this catalog";
  return make(
    "section",
    {},
    make("h1", {}, decision.action === "hold" ? "Held back" : "Taken down"),
    make("p", { class: "lead" }, `It ${sentenceOf(decision)}.`),
    facts([
      ["Decided by", make("span", {}, `${by}, ${whose} `, make("code", {}, hexToNpub(decision.moderator)))],
      ["Signed decision", make("code", {}, decision.event_id)],
    ]),
    make("p", { class: "quiet" }, "Its signature was checked in this browser."),
    ways,
  );
}

const UNPROVEN =
  "It gives no signed decision for that which could be checked in this browser: this is the catalog’s word alone.";

/** Above what is shown all the same: others' moderators hide it, or a catalog does so on its word alone. */
export function hidingNotice({ says, decision, by }: Hiding): HTMLElement {
  const notice = make("p", { class: "notice" });
  if (decision === null) {
    notice.append(make("strong", {}, "A catalog hides it."), ` It says: ${says} ${UNPROVEN}`);
    return notice;
  }
  const who = "The catalog’s own moderators hide it; you do not follow them, so it is shown.";
  const id = make("code", {}, decision.event_id);
  notice.append(make("strong", {}, who), ` It ${sentenceOf(decision)}. Signed decision `);
  notice.append(id, ` by ${by}, checked in this browser.`);
  return notice;
}
