import type { RunPaused } from "../generated/types.ts";

const WORDS: Readonly<Record<string, string>> = {
  queued: "waits for its turn",
  running: "is under way",
  succeeded: "succeeded",
  failed: "failed",
  canceled: "was canceled",
};

/** What holds a run, as `oa why` and `oa runs` say it. */
export const HELD: Readonly<Record<RunPaused["data"]["by"], string>> = {
  owner: "paused by you",
  machine: "paused by the machine",
  approval: "paused for an approval",
};

export interface ToldRun {
  readonly run_id: string;
  readonly status: string;
  readonly message: string | null;
  /** Who holds it, and why; absent or null: nobody. */
  readonly paused_by?: RunPaused["data"]["by"] | null;
  readonly paused_reason?: string | null;
}

/** What became of a run, for the middle of a sentence, e.g. `run run_01JZ… failed: the disk is full`. */
export function runWords({ run_id, status, message, paused_by = null, paused_reason = null }: ToldRun): string {
  const became = WORDS[status] ?? `has the status ${status}`;
  const words = paused_by === null ? became : `is ${HELD[paused_by]}`;
  const why = paused_by === null ? message : paused_reason;
  return `run ${run_id} ${words}${why === null ? "" : `: ${why}`}`;
}

/** The same as a sentence of its own. */
export function runSentence(run: ToldRun): string {
  return `R${runWords(run).slice(1)}.`;
}
