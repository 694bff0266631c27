import { LIMITS } from "../core/limits.ts";
import { MODERATION_ACTIONS } from "../core/moderation-words.ts";
import type { ModerationDecision, ModerationTarget } from "../generated/types.ts";
import type { Mutes } from "../nostr/10000-mutes.ts";
import { mayReverse, type Trust, whyNot } from "./trust.ts";

/** What decisions come to for one reader at one time. */
export interface ReaderView {
  /** The strictest standing hold or take-down, by `<kind of target> <value>`. */
  readonly hidden: ReadonlyMap<string, ModerationDecision>;
  /** Standing labels, the latest first. */
  readonly labels: ReadonlyMap<string, readonly ModerationDecision[]>;
  readonly featured: ReadonlySet<string>;
  /** Unix seconds when the next of these ends; null: none does. */
  readonly until: number | null;
  /** How many decisions have ended: it grows without anybody saying anything. */
  readonly ended: number;
}

/** A listing as decisions may be about it: by its address, its event or its author. */
export interface Judgeable {
  readonly address: string;
  readonly pubkey: string;
  readonly event_id: string;
}

/**
 * What a reader sees: decisions by whom they trust, within their roles, that have not ended and were not reversed. Their
 * order changes nothing: each decision stands or falls by itself, and the strictest that stands wins.
 */
export function readerView(decisions: readonly ModerationDecision[], trust: Trust, now_s: number): ReaderView {
  const said = decisions.filter(
    (decision) => decision.created_at <= now_s + LIMITS.moderation_decision_ahead_s && whyNot(decision, trust) === null,
  );
  const repeats = repeatsIn(said);
  const restores = new Map<string | null, ModerationDecision[]>();
  for (const one of said) {
    if (one.action === "restore") push(restores, one.answers, one);
  }
  const standing = said.filter(
    (decision) =>
      MODERATION_ACTIONS[decision.action].measure &&
      !hasEnded(decision, now_s) &&
      !repeats(decision) &&
      !(restores.get(decision.event_id) ?? []).some(
        (answer) => isAbout(answer, decision) && mayReverse(answer, decision, trust),
      ),
  );
  const hidden = new Map<string, ModerationDecision>();
  const labels = new Map<string, ModerationDecision[]>();
  const featured = new Set<string>();
  for (const decision of standing.sort(later)) {
    const key = keyOf(decision.target);
    if (decision.action === "label") push(labels, key, decision);
    else if (decision.action === "feature") featured.add(key);
    else if (decision.action === "take_down" || !hidden.has(key)) {
      if (hidden.get(key)?.action !== "take_down") hidden.set(key, decision);
    }
  }
  const until = standing.reduce<number | null>(
    (soonest, { expires_at }) =>
      expires_at === null ? soonest : Math.min(expires_at, soonest ?? Number.POSITIVE_INFINITY),
    null,
  );
  const ended = said.filter((decision) => hasEnded(decision, now_s)).length;
  return { hidden, labels, featured, ended, until };
}

/** What decisions about a listing may name as their target, as `keyOf` writes it. */
export function targetsOf({ address, pubkey, event_id }: Judgeable): readonly string[] {
  return [`listing ${address}`, `key ${pubkey}`, `event ${event_id}`];
}

/** What a view says of one listing; a moderator's word about their own counts for nothing. */
export function judge(
  view: ReaderView,
  listing: Judgeable,
): {
  readonly hidden: ModerationDecision | null;
  readonly labels: readonly ModerationDecision[];
  readonly featured: boolean;
} {
  const keys = targetsOf(listing);
  const others = (decision: ModerationDecision): boolean => decision.moderator !== listing.pubkey;
  const found = keys.flatMap((key) => view.hidden.get(key) ?? []).filter(others);
  const labels = keys.flatMap((key) => view.labels.get(key) ?? []).filter(others);
  return {
    hidden: found.find(({ action }) => action === "take_down") ?? found[0] ?? null,
    labels: labels.sort(later),
    featured: keys.some((key) => view.featured.has(key)),
  };
}

/** A blocklist as decisions: those who choose its signer do not see the listings of whom it names. */
export function blocked({ event_id, created_at, signer, keys }: Mutes): readonly ModerationDecision[] {
  return keys.map((value) => ({
    ...{ event_id, created_at, moderator: signer, action: "take_down", target: { kind: "key", value } },
    ...{ reason: "other", status: null, blast_radius: null, evidence_sha256: null, expires_at: null, answers: null },
    ...{ appeal: "possible", note: "its author is on this moderator's blocklist" },
  }));
}

/**
 * Tells which decisions repeat one that another moderator reversed before, on the same evidence: moderators who differ do
 * not take turns. `said` are decisions by whom the reader trusts.
 */
export function repeatsIn(said: readonly ModerationDecision[]): (decision: ModerationDecision) => boolean {
  const decided = new Map(said.map((one) => [one.event_id, one]));
  /** When each moderator first reversed something, by what it was decided on. */
  const reversed = new Map<string, Map<string, number>>();
  for (const answer of said) {
    const before = answer.action === "restore" ? decided.get(answer.answers ?? "") : undefined;
    if (before === undefined || !isAbout(answer, before)) continue;
    const by = reversed.get(groundsOf(before)) ?? new Map<string, number>();
    by.set(answer.moderator, Math.min(answer.created_at, by.get(answer.moderator) ?? Number.POSITIVE_INFINITY));
    reversed.set(groundsOf(before), by);
  }
  return (decision) => {
    if (decision.evidence_sha256 === null) return false;
    const by = [...(reversed.get(groundsOf(decision)) ?? [])];
    return by.some(([moderator, at]) => moderator !== decision.moderator && at <= decision.created_at);
  };
}

function groundsOf({ action, evidence_sha256, target }: ModerationDecision): string {
  return `${action} ${evidence_sha256} ${keyOf(target)}`;
}

export function hasEnded({ expires_at }: Pick<ModerationDecision, "expires_at">, now_s: number): boolean {
  return expires_at !== null && expires_at <= now_s;
}

/** Whether an answer is about a decision: it names both it and its target. */
export function isAbout(answer: ModerationDecision, decision: ModerationDecision): boolean {
  return answer.answers === decision.event_id && keyOf(answer.target) === keyOf(decision.target);
}

export function keyOf({ kind, value }: ModerationTarget): string {
  return `${kind} ${value}`;
}

/** Adds to the list at a key. */
export function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const held = map.get(key);
  if (held === undefined) map.set(key, [value]);
  else held.push(value);
}

function later(a: ModerationDecision, b: ModerationDecision): number {
  return b.created_at - a.created_at || (a.event_id < b.event_id ? -1 : 1);
}
