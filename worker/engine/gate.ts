import type { Clock } from "../adapters/clock.ts";

/** What a long op waits at between two batches while its run is paused. */
export interface Gate {
  /** Resolves at once, or when the gate opens; throws the signal's reason when that aborts first. */
  readonly pass: (signal: AbortSignal) => Promise<void>;
  readonly shut: () => void;
  readonly open: () => void;
  /** Whether something waits at it now. */
  readonly isHolding: () => boolean;
  /** How long something has waited at it, together: this time does not count as the op's. */
  readonly held_ms: () => number;
}

/** An open gate. */
export function openGate(clock: Clock): Gate {
  let way: Promise<void> | null = null;
  let release = (): void => {};
  let waiting = 0;
  let since_ms = 0;
  let before_ms = 0;
  const held_ms = (): number => before_ms + (waiting > 0 ? clock.now_ms() - since_ms : 0);
  return {
    pass: async (signal) => {
      signal.throwIfAborted();
      if (way === null) return;
      if (waiting === 0) since_ms = clock.now_ms();
      waiting += 1;
      try {
        while (way !== null && !signal.aborted) await orAborted(way, signal);
        signal.throwIfAborted();
      } finally {
        if (waiting === 1) before_ms = held_ms();
        waiting -= 1;
      }
    },
    shut: () => {
      way ??= new Promise((resolve) => {
        release = resolve;
      });
    },
    open: () => {
      way = null;
      release();
    },
    isHolding: () => waiting > 0,
    held_ms,
  };
}

function orAborted(way: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    void way.then(done);
  });
}
