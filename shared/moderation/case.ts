import { sha256Hex } from "../core/hash.ts";
import { MODERATION_ACTIONS } from "../core/moderation-words.ts";
import type { ModerationCase, ModerationDecision, ModerationEntry, ModerationTarget } from "../generated/types.ts";
import type { CaseState } from "./decider.ts";
import { hasEnded, isAbout, keyOf } from "./reader.ts";
import { weightOf } from "./reports.ts";
import { mayReverse, type Trust, whyNot } from "./trust.ts";

/** The name of a target's case: the same for everybody, so that reports of one thing meet. */
export function caseIdOf(target: ModerationTarget): string {
  return `case_${sha256Hex(keyOf(target)).slice(0, 32)}`;
}

/** Who may decide now, and what time it is: what became of a decision depends on both. */
export interface Seen {
  readonly trust: Trust;
  readonly now_s: number;
}

/** Each decision with what became of it, the latest first. */
export function entriesOf(decisions: readonly ModerationDecision[], seen: Seen): readonly ModerationEntry[] {
  return decisions.map((decision) => entryOf(decision, decisions, seen)).reverse();
}

/** One decision with what became of it, by the others of its case. Whoever is no curator any more decided nothing. */
export function entryOf(
  decision: ModerationDecision,
  decisions: readonly ModerationDecision[],
  { trust, now_s }: Seen,
): ModerationEntry {
  const counts = (one: ModerationDecision): boolean => one.action === "appeal" || whyNot(one, trust) === null;
  const about = decisions.filter((one) => isAbout(one, decision) && counts(one));
  const appealed = about.find(({ action }) => action === "appeal") ?? null;
  const reversed = about.find((one) => one.action === "restore" && mayReverse(one, decision, trust)) ?? null;
  const answered = reversed ?? about.find(({ action }) => action === "uphold") ?? null;
  const measure = MODERATION_ACTIONS[decision.action].measure;
  const ended = reversed !== null ? "reversed" : hasEnded(decision, now_s) ? "expired" : "standing";
  const state = !measure ? "answer" : counts(decision) ? ended : "void";
  const heard = answered === null ? "open" : answered.action === "restore" ? "restored" : "upheld";
  return {
    ...{ decision, appealed, answered, state },
    appeal: appealed === null ? "possible" : heard,
  };
}

/** Where a case stands. */
export function statusOf(state: CaseState, seen: Seen): ModerationCase["status"] {
  const entries = entriesOf(state.decisions, seen);
  const standing = entries.filter((entry) => entry.state === "standing");
  if (standing.some(({ appeal }) => appeal === "open")) return "appealed";
  if (state.unanswered.length > 0) return "open";
  if (standing.some(({ decision }) => decision.action === "take_down")) return "decided";
  if (standing.some(({ decision }) => decision.action === "hold")) return "held";
  if (standing.length > 0) return "decided";
  const [last] = state.decisions.slice(-1);
  if (last?.action === "dismiss") return "dismissed";
  return entries.some((entry) => entry.decision.action === "hold" && entry.state === "expired") &&
    last?.action === "hold"
    ? "open" // a hold that ended without a decision
    : "restored";
}

/** What of a case waits for curators: unanswered reports by their weight, and above them appeals and holds. */
export function urgencyOf(state: CaseState): number {
  const waits = state.decisions.some(
    (decision) =>
      ["hold", "appeal"].includes(decision.action) &&
      !state.decisions.some(
        (later) =>
          ["restore", "uphold", "take_down", "dismiss"].includes(later.action) &&
          (decision.action === "hold" ? isAfter(state, later, decision) : later.answers === decision.answers),
      ),
  );
  return weightOf(state.unanswered) + (waits ? 100_000 : 0);
}

function isAfter({ decisions }: CaseState, later: ModerationDecision, decision: ModerationDecision): boolean {
  return decisions.indexOf(later) > decisions.indexOf(decision);
}
