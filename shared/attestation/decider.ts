import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever } from "../core/refusal.ts";
import type { AttestationEvent } from "../generated/types.ts";

/** Since when the owner lets runs be attested: one subject. */
export const ATTESTATION_SETTING = "attestation";

/** The subject of one run's attestation. */
export function attestationSubject(run_id: string): string {
  return `${ATTESTATION_SETTING}_${run_id}`;
}

export interface AttestationState {
  readonly enabled: boolean;
  readonly attempts: number;
  /** It is published, or will not be tried again. */
  readonly settled: boolean;
}

export type AttestationCommand =
  | { readonly type: "set"; readonly enabled: boolean }
  | {
      readonly type: "published";
      readonly attestation_event_id: string;
      readonly accepted: readonly string[];
      readonly refused: readonly string[];
    }
  | {
      readonly type: "failed";
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
      readonly now_ms: number;
    };

/** The rules of attesting runs: a failed attempt is made again, later each time, and a settled one never. It refuses nothing. */
export const attestationDecider: Decider<AttestationState, AttestationEvent, AttestationCommand> = {
  initial: { enabled: false, attempts: 0, settled: false },
  evolve: (state, event) => {
    switch (event.event_type) {
      case "attestation.enabled":
        return { ...state, enabled: true };
      case "attestation.disabled":
        return { ...state, enabled: false };
      case "attestation.published":
        return { ...state, settled: true };
      case "attestation.failed":
        return { ...state, attempts: event.data.attempt, settled: event.data.retry_at_ms === null };
      default:
        return assertNever(event);
    }
  },
  decide: (state, command): readonly AttestationEvent[] => {
    if (command.type === "set") {
      if (command.enabled === state.enabled) return [];
      return [{ event_type: command.enabled ? "attestation.enabled" : "attestation.disabled", data: {} }];
    }
    if (state.settled) return [];
    if (command.type === "published") {
      const { attestation_event_id, accepted, refused } = command;
      return [{ event_type: "attestation.published", data: { attestation_event_id, accepted, refused } }];
    }
    const { code, message, retryable, now_ms } = command;
    const attempt = state.attempts + 1;
    const again = retryable && attempt < LIMITS.attestation_attempts;
    const retry_at_ms = again ? now_ms + LIMITS.attestation_backoff_ms * 2 ** (attempt - 1) : null;
    return [{ event_type: "attestation.failed", data: { attempt, code, message, retry_at_ms } }];
  },
};
