const WORDS: Readonly<Record<string, string>> = {
  queued: "waits for its turn",
  running: "is under way",
  succeeded: "succeeded",
  failed: "failed",
  canceled: "was canceled",
};

/** What became of a run, for the middle of a sentence, e.g. `run run_01JZ… failed: the disk is full`. */
export function runWords(run: {
  readonly run_id: string;
  readonly status: string;
  readonly message: string | null;
}): string {
  const message = run.message === null ? "" : `: ${run.message}`;
  return `run ${run.run_id} ${WORDS[run.status] ?? `has the status ${run.status}`}${message}`;
}

/** The same as a sentence of its own. */
export function runSentence(run: Parameters<typeof runWords>[0]): string {
  return `R${runWords(run).slice(1)}.`;
}
