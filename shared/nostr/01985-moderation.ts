import { DAY_S } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import {
  APPEAL_STATES,
  BLAST_RADII,
  DECISION_DAYS,
  LABEL_STATUSES,
  MODERATION_ACTIONS,
  MODERATION_REASONS,
} from "../core/moderation-words.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { ModerationDecision, ModerationTarget } from "../generated/types.ts";
import { authorOf, isListingAddress } from "./30054-rating.ts";
import { isOurs, KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/** Namespace of what is said in a decision, beside that of everything of ours. */
export const MODERATION_NAMESPACE = "openagents.moderation";
/** The tag that names a target, by its kind. */
export const TARGET_TAGS = { listing: "a", event: "e", key: "p" } as const;
const LABEL = "moderation";

/**
 * The label (NIP-32, kind 1985) of a decision. When it ends is in a tag of its own, not in NIP-40's: relays would forget
 * an expired event, and what was decided stays readable.
 */
export function toEvent(
  decision: Omit<ModerationDecision, "event_id" | "created_at" | "moderator">,
  options: { readonly created_at: number },
): EventTemplate {
  const { action, target, reason, status, blast_radius, evidence_sha256, expires_at, answers, appeal } = decision;
  const letter = TARGET_TAGS[target.kind];
  const optional = (name: string, value: string | number | null) => (value === null ? [] : [[name, String(value)]]);
  return {
    kind: KINDS.label.kind,
    created_at: options.created_at,
    content: decision.note,
    tags: [
      ["L", LABEL_NAMESPACE],
      ["l", LABEL, LABEL_NAMESPACE],
      ["L", MODERATION_NAMESPACE],
      ["l", action, MODERATION_NAMESPACE],
      [letter, target.value],
      ...optional("reason", reason),
      ...optional("status", status),
      ...optional("blast_radius", blast_radius),
      ...optional("x", evidence_sha256),
      ...optional("expires_at", expires_at),
      ...optional("decision", answers),
      ["appeal", appeal],
      ["alt", `Moderation of an agent upgrade: ${action}`],
    ],
  };
}

/**
 * The decision a label makes, whoever signed it. Refusals: foreign_event (dropped without noise), event_tag_mismatch,
 * where it lacks what its action takes or has what it may not.
 */
export function fromEvent(event: VerifiedEvent): ModerationDecision | Rejection {
  if (!isModeration(event)) return reject("foreign_event", `event ${event.id} is no moderation decision`);
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `moderation label ${event.id}: ${why}`);
  const actions = event.tags.filter(([name, , space]) => name === "l" && space === MODERATION_NAMESPACE);
  const action = wordIn(MODERATION_ACTIONS, actions[0]?.[1]);
  if (action === null || actions.length !== 1) return mismatch("it does not name exactly one known action");
  const target = targetIn(event);
  if (target === null) return mismatch("it needs exactly one target: a listing (a), an event (e) or a key (p)");
  for (const name of ["reason", "status", "blast_radius", "x", "expires_at", "decision", "appeal"]) {
    if (tagValues(event, name).length > 1) return mismatch(`it has more than one ${name}`);
  }
  const expiry = tagValue(event, "expires_at");
  if (expiry !== undefined && !/^[1-9]\d{0,11}$/.test(expiry)) return mismatch("its expires_at is no time");
  const appeal = APPEAL_STATES.find((state) => state === (tagValue(event, "appeal") ?? "possible"));
  if (appeal === undefined) return mismatch(`its appeal is not one of ${APPEAL_STATES.join(", ")}`);
  if (event.content.length > LIMITS.moderation_note_chars) {
    return mismatch(`its note has over ${LIMITS.moderation_note_chars} characters`);
  }
  const read = {
    action,
    target,
    reason: wordIn(MODERATION_REASONS, tagValue(event, "reason")),
    status: wordIn(LABEL_STATUSES, tagValue(event, "status")),
    blast_radius: wordIn(BLAST_RADII, tagValue(event, "blast_radius")),
    evidence_sha256: tagValue(event, "x") ?? null,
    expires_at: expiry === undefined ? null : Number(expiry),
    answers: tagValue(event, "decision") ?? null,
    appeal,
    note: event.content,
  };
  const decision = { event_id: event.id, created_at: event.created_at, moderator: event.pubkey, ...read };
  const why = whyUnfit(decision);
  return why === null ? decision : mismatch(why);
}

/** Why a decision is not whole, in words; null where it is. */
export function whyUnfit(decision: Omit<ModerationDecision, "event_id" | "moderator">): string | null {
  const { action, reason, status, blast_radius, evidence_sha256, expires_at, answers } = decision;
  if (evidence_sha256 !== null && !isHex32(evidence_sha256)) return "its evidence is not a SHA-256 of 64 hex digits";
  if (answers !== null && !isHex32(answers)) return "the decision it answers is not an event id";
  if (!MODERATION_ACTIONS[action].measure) {
    if (expires_at !== null) return `${action} has no end`;
    return action === "dismiss" || answers !== null ? null : `${action} names the decision that it is about`;
  }
  if (answers !== null) return `${action} answers no other decision`;
  if (action === "label" && (status === null || blast_radius === null)) {
    return "a label names its status and its blast radius, each by a known word";
  }
  if (action === "hold" || action === "label" || action === "take_down") {
    const row = reason === null ? null : MODERATION_REASONS[reason];
    const measures: readonly string[] = row?.for ?? [];
    if (!measures.includes(action)) return `its reason is not one that a ${action} may have`;
    if (action === "take_down" && evidence_sha256 === null) return "a take-down names the hash of its evidence";
    if (expires_at === null && action === "take_down" && row?.lasting === true) return null;
  }
  if (expires_at === null) return `a ${action} for this reason has an end`;
  const days = DECISION_DAYS[action as keyof typeof DECISION_DAYS];
  if (expires_at <= decision.created_at) return "it ends before it begins";
  return expires_at - decision.created_at > days * DAY_S ? `a ${action} holds at most ${days} days` : null;
}

/** Whether a label is of this form: others of our namespace say other things. */
export function isModeration(event: Pick<VerifiedEvent, "kind" | "tags">): boolean {
  return (
    event.kind === KINDS.label.kind &&
    isOurs(event) &&
    event.tags.some(([name, value, space]) => name === "l" && value === LABEL && space === LABEL_NAMESPACE)
  );
}

/** The key behind a target, where it names one: its author, whom the decision is about. */
export function keyOfTarget(target: ModerationTarget): string | null {
  if (target.kind === "key") return target.value;
  return target.kind === "listing" ? authorOf(target.value) : null;
}

/** Decisions, narrowed to moderators or listings. */
export function filter(
  narrow: { readonly moderators?: readonly string[]; readonly listings?: readonly string[] } = {},
) {
  const { moderators, listings } = narrow;
  return {
    kinds: [KINDS.label.kind],
    "#L": [MODERATION_NAMESPACE],
    ...(moderators === undefined ? {} : { authors: moderators }),
    ...(listings === undefined ? {} : { "#a": listings }),
  };
}

function targetIn(event: VerifiedEvent): ModerationTarget | null {
  const targets = [
    ...tagValues(event, "a").map((value): ModerationTarget => ({ kind: "listing", value })),
    ...tagValues(event, "e").map((value): ModerationTarget => ({ kind: "event", value })),
    ...tagValues(event, "p").map((value): ModerationTarget => ({ kind: "key", value })),
  ];
  const [target] = targets;
  if (target === undefined || targets.length > 1) return null;
  return (target.kind === "listing" ? isListingAddress(target.value) : isHex32(target.value)) ? target : null;
}

function wordIn<Word extends string>(table: Readonly<Record<Word, unknown>>, text: string | undefined): Word | null {
  return text !== undefined && Object.hasOwn(table, text) ? (text as Word) : null;
}
