import { Fault } from "@oa/shared/core/refusal.ts";

/** The reason an aborted signal gives, as a `Fault`: its own where it is one (a time limit), else `canceled`. */
export function cancellation(signal: AbortSignal, what: string): Fault {
  return signal.reason instanceof Fault ? signal.reason : new Fault("canceled", `${what} was canceled`);
}

/** Throws where the signal has been aborted. */
export function throwIfCanceled(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw cancellation(signal, what);
}
