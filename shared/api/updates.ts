import type { InstallChannel } from "../generated/types.ts";

/** Where an install stands with its updates. */
export type UpdateState =
  /** What runs is the latest for its channel. */
  | "current"
  /** A later one is there; the owner is asked before each, and has not taken it. */
  | "available"
  /** It is too young to be taken unasked. */
  | "quarantined"
  /** It was ordered and waits for approval, since it widens something. */
  | "waiting"
  /** A run is under way, and keeps the release that it was started with. */
  | "after_run"
  | "on_trial"
  /** It was taken just now. */
  | "taken"
  | "pinned"
  | "denied"
  | "rolled_back"
  /** An older one is offered than what runs, or than was seen before. */
  | "downgrade"
  | "held_back"
  /** It could not be looked for, or may not be installed here. */
  | "refused";

/** What was found when the worker last looked for an update of an install. */
export interface UpdateLook {
  readonly state: UpdateState;
  /** One sentence for the owner. */
  readonly message: string;
  /** What the owner can do about it; null: nothing needs to be done. */
  readonly fix: string | null;
  readonly offered: {
    readonly version: string;
    readonly channel: InstallChannel;
    readonly release_event_id: string;
    /** When this worker first saw it, by its own clock. */
    readonly first_seen_at: string | null;
    /** From when on it is old enough to be taken unasked. */
    readonly old_enough_at: string | null;
  } | null;
}

export interface UpdateView {
  readonly install_id: string;
  readonly upgrade_id: string;
  readonly title: string;
  readonly version: string;
  readonly status: string;
  readonly auto_update: "ask" | "narrow";
  readonly channel: InstallChannel;
  readonly pinned: boolean;
  readonly min_age_h: number;
  /** 0: never. */
  readonly rollback_after: number;
  readonly trial: boolean;
  /** What can be gone back to, the latest first. */
  readonly earlier: readonly { readonly version: string; readonly proved: boolean }[];
  /** Where it goes back to by itself; null: nowhere. */
  readonly back_to: string | null;
  readonly rolled_back: {
    readonly from: string;
    readonly to: string;
    readonly by: string;
    readonly reason: string;
    readonly at: string;
  } | null;
  /** When the worker last looked since it was started; null: it has not yet. */
  readonly looked_at: string | null;
  readonly look: UpdateLook | null;
}

/** How long a worker has known a release, beside what its author says, as consent states it. */
export function ageSentence(known_for_ms: number | null, released_at: number): string {
  const dated = new Date(released_at * 1_000).toISOString().slice(0, 10);
  const author = `its author dates it ${dated}, which proves nothing`;
  return known_for_ms === null
    ? `This worker sees this release for the first time now; ${author}.`
    : `This worker has known this release for ${durationText(known_for_ms)}; ${author}.`;
}

/** A duration as people say it, rounded down. */
export function durationText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours >= 1) return hours === 1 ? "an hour" : `${hours} hours`;
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}
