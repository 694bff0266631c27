import { BLAST_RADII, LABEL_STATUSES } from "@oa/shared/core/moderation-words.ts";
import type { ModerationDecision } from "@oa/shared/generated/types.ts";
import { badgesOf } from "@oa/shared/moderation/badges.ts";
import type { Trust } from "@oa/shared/moderation/trust.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { type Following, follow, type Judged } from "./following.ts";
import { make } from "./install/elements.ts";

/** Makes a page of the mirror as the moderators of a reader's choice leave it. */
export async function applyChoice(chosen: readonly string[]): Promise<void> {
  try {
    const following = await follow(chosen);
    for (const card of document.querySelectorAll<HTMLLIElement>(".listings > li")) dressLink(card, following);
    const article = document.querySelector<HTMLElement>("article.listing");
    if (article !== null) await dressListing(article, following);
    markLedger(following.followed.trust);
    // Last: only then is it so, and is it known what had to be left out.
    for (const strip of document.querySelectorAll(".whose > span")) strip.textContent = whoApplies(following);
  } catch (error) {
    console.warn(error);
    for (const strip of document.querySelectorAll(".whose > span")) {
      strip.textContent =
        "What the moderators of your choice decided could not be loaded: this is as the mirror itself has it.";
    }
  }
}

/** Whose decisions apply to this reader, in a sentence. */
export function whoApplies({ chosen, nameOf, silent, followed }: Following): string {
  if (chosen.length === 0) return "Nobody’s decisions apply here, as you chose.";
  const names = chosen.map(nameOf).join(", ");
  const quiet = silent.length === 0 ? "" : ` Nothing is known here of ${silent.map(nameOf).join(", ")}.`;
  const left_out = followed.left_out();
  const forged =
    left_out === 0 ? "" : ` ${left_out} of what this mirror gave was signed by none of them and is left out.`;
  return `Decisions by ${names} apply here, as you chose.${quiet}${forged}`;
}

function dressLink(card: HTMLLIElement, following: Following): void {
  const judged = following.judge(card.querySelector("a")?.pathname ?? "", card.dataset.event);
  if (judged !== null) dressCard(card, judged, following);
}

/** Gives a card of a list the badges of those the reader follows; of what they hide, no more than that stays. */
export function dressCard(card: HTMLLIElement, judged: Judged, { nameOf }: Pick<Following, "nameOf">): void {
  const facts = card.querySelector(".facts");
  for (const badge of card.querySelectorAll(".facts > :is(.good, .bad)")) badge.remove();
  facts?.prepend(
    ...badgesOf(judged).map(({ text, says, tone }) => make("span", { class: tone, title: `It ${says}.` }, text)),
  );
  if (judged.hidden === null) return;
  card.classList.add("hidden-by-choice");
  for (const part of card.querySelectorAll("p")) part.remove();
  facts?.before(make("p", {}, `${hiddenBy(judged.hidden, nameOf)} It ${sentenceOf(judged.hidden)}.`));
}

function hiddenBy(decision: ModerationDecision, nameOf: Following["nameOf"]): string {
  return `${hiddenHow(decision)} by ${nameOf(decision.moderator)}, whom you follow.`;
}

function hiddenHow({ action }: ModerationDecision): string {
  return action === "hold" ? "Held back" : "Taken down";
}

/** A listing's own page: what hides it for this reader or for others, and what is said of it. */
async function dressListing(article: HTMLElement, following: Following): Promise<void> {
  const { event } = article.dataset;
  const judged = following.judge(location.pathname, event);
  const header = article.querySelector("header");
  if (judged === null || header === null) return;
  for (const notice of article.querySelectorAll(".notice.moderated")) notice.remove();
  const facts = header.querySelector(".facts");
  for (const badge of header.querySelectorAll(".facts > :is(.good, .bad)")) badge.remove();
  facts?.prepend(
    ...badgesOf(judged).map(({ text, says, tone }) => make("span", { class: tone, title: `It ${says}.` }, text)),
  );
  if (judged.hidden !== null) {
    header.after(moderated(hiddenBy(judged.hidden, following.nameOf), judged.hidden));
  } else if (following.operator !== null && !following.chosen.includes(following.operator)) {
    const own = (await follow([following.operator])).judge(location.pathname, event)?.hidden ?? null;
    const notFollowed = "by this mirror’s moderators; you do not follow them, so it is shown.";
    if (own !== null) header.after(moderated(`${hiddenHow(own)} ${notFollowed}`, own));
  }
  article.querySelector(".said")?.replaceChildren(...saidBy(judged, following));
}

function moderated(headline: string, decision: ModerationDecision): HTMLElement {
  return make(
    "p",
    { class: "notice moderated", role: "status" },
    make("strong", {}, headline),
    ` It ${sentenceOf(decision)}. Signed decision `,
    make("code", {}, decision.event_id),
    ", checked in this browser.",
  );
}

/** As the page's own section says it for the mirror's curators. */
function saidBy({ labels, featured }: Judged, { nameOf }: Following): readonly Node[] {
  const rows = labels.map((label) => {
    const { status, blast_radius, note, moderator, event_id } = label;
    const facts: readonly (readonly [string, string | Node])[] = [
      ["Status", status === null ? "" : `${status}: ${LABEL_STATUSES[status]}`],
      ["Harm could reach", blast_radius === null ? "" : BLAST_RADII[blast_radius]],
      ...(note === "" ? [] : [["Note", note] as const]),
      ["Said by", make("span", {}, `${nameOf(moderator)} `, make("code", {}, hexToNpub(moderator)))],
      ["Signed decision", make("code", {}, event_id)],
    ];
    return make("dl", { class: "label" }, ...facts.flatMap(([what, is]) => [make("dt", {}, what), make("dd", {}, is)]));
  });
  const nothing = labels.length === 0 && !featured;
  return [
    make("p", {}, nothing ? "Nothing: nobody whom you follow has said anything of it." : "Whom you follow say:"),
    ...(featured ? [make("p", {}, "It is recommended.")] : []),
    ...rows,
  ];
}

/** Says in a ledger which decisions are not this reader's; with null, that they chose nothing, of none. */
export function markLedger(trust: Trust | null): void {
  for (const mark of document.querySelectorAll(".ledger .not-followed")) mark.remove();
  if (trust === null) return;
  for (const entry of document.querySelectorAll<HTMLElement>(".ledger > li")) {
    if (trust.has(entry.dataset.moderator ?? "")) continue;
    const mark = make(
      "p",
      { class: "not-followed quiet" },
      "You do not follow who decided this: it does not apply to you.",
    );
    entry.querySelector("details")?.before(mark);
  }
}
