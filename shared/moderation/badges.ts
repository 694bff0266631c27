import type { ModerationDecision } from "../generated/types.ts";
import { sentenceOf } from "./words.ts";

/** What moderators say of a listing, as short as a list has room for. */
export interface ModerationBadge {
  /** Such as `risky: disputed`: what it is, and why where that says more. */
  readonly text: string;
  /** All of it, in a sentence about the listing, without a full stop. */
  readonly says: string;
  readonly tone: "good" | "bad";
}

/** The badges of a listing by what `judge` finds: that it is hidden comes first, a word that comes twice is there once. */
export function badgesOf(judged: {
  readonly hidden?: ModerationDecision | null;
  readonly labels: readonly ModerationDecision[];
  readonly featured: boolean;
}): readonly ModerationBadge[] {
  const { hidden = null, labels, featured } = judged;
  const recommended: ModerationBadge = { text: "recommended", says: "is recommended by a curator", tone: "good" };
  const badges = [
    ...(hidden === null ? [] : [badge(hidden.action === "hold" ? "held back" : "taken down", hidden)]),
    ...labels.map((label) => badge(label.status ?? "labelled", label)),
    ...(featured ? [recommended] : []),
  ];
  return badges.filter(({ text }, index) => badges.findIndex((other) => other.text === text) === index);
}

/** Reasons that say no more than the word does. */
const PLAIN: ReadonlySet<string> = new Set(["quality", "broken", "other"]);

function badge(word: string, decision: ModerationDecision): ModerationBadge {
  const { reason, status } = decision;
  const more = reason !== null && reason !== word && !PLAIN.has(reason);
  return {
    text: more ? `${word}: ${reason.replaceAll("_", " ")}` : word,
    says: sentenceOf(decision),
    tone: status === "reviewed" ? "good" : "bad",
  };
}
