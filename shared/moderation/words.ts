import { BLAST_RADII, LABEL_STATUSES, MODERATION_ACTIONS, MODERATION_REASONS } from "../core/moderation-words.ts";
import type { ModerationDecision } from "../generated/types.ts";

/** A decision as one sentence about its target, without a full stop: what, why, and until when. */
export function sentenceOf(decision: ModerationDecision): string {
  const { action, reason, status, blast_radius, expires_at, note } = decision;
  const said =
    status === null ? MODERATION_ACTIONS[action].sentence : `is labelled ${status}: ${LABEL_STATUSES[status]}`;
  const reach =
    blast_radius === null || blast_radius === "none" ? "" : `, which could reach ${BLAST_RADII[blast_radius]}`;
  const why = reason === null || action === "label" ? "" : `: ${MODERATION_REASONS[reason].sentence} (${reason})`;
  const until = expires_at === null ? "" : `, until ${new Date(expires_at * 1000).toISOString().slice(0, 10)}`;
  return `${said}${reach}${why}${until}${note === "" ? "" : `; "${note}"`}`;
}
