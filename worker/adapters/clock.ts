/** Time as a port, so that tests decide how it passes. */
export interface Clock {
  /** Unix time in milliseconds. */
  readonly now_ms: () => number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Calls `ring` after `ms`, unless what it gives is called before. */
  readonly alarm: (ms: number, ring: () => void) => () => void;
}

/** A clock that also has a time nobody can set: where the two part, the machine slept or its clock was set. */
export interface MonotonicClock extends Clock {
  readonly monotonic_ms: () => number;
}

/** The machine's own clock. */
export const systemClock: MonotonicClock = {
  now_ms: () => Date.now(),
  monotonic_ms: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, signal.aborted ? 0 : ms);
      signal.addEventListener("abort", done, { once: true });
    }),
  alarm: (ms, ring) => {
    const timer = setTimeout(ring, ms);
    return () => clearTimeout(timer);
  },
};
