import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Signer } from "./signer.ts";

/** The signer while it is open. It closes by itself when nobody has used the page for a while. */
export interface Session {
  readonly signer: () => Signer | null;
  /** Fault: signer_refused where it is locked. */
  readonly require: () => Signer;
  readonly open: (signer: Signer) => void;
  readonly lock: () => void;
  /** Somebody is there. */
  readonly touch: () => void;
}

export function openSession(onChange: () => void, idle_ms: number = LIMITS.coordinator_idle_ms): Session {
  let signer: Signer | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let used_ms = 0;
  const lock = (): void => {
    clearTimeout(timer);
    if (signer === null) return;
    signer.close();
    signer = null;
    onChange();
  };
  const touch = (): void => {
    if (signer === null) return;
    // A page that slept wakes with its timers late: what counts is how long nobody was there.
    if (Date.now() - used_ms >= idle_ms) {
      lock();
      return;
    }
    used_ms = Date.now();
    clearTimeout(timer);
    timer = setTimeout(lock, idle_ms);
  };
  return {
    signer: () => signer,
    require: () => {
      touch();
      if (signer === null) throw new Fault("signer_refused", "no key is open: make, connect or unlock one under Key");
      return signer;
    },
    open: (opened) => {
      signer?.close();
      signer = opened;
      used_ms = Date.now();
      touch();
      onChange();
    },
    lock,
    touch,
  };
}
