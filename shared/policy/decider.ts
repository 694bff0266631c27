import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection } from "../core/refusal.ts";
import type { PolicyDenied, PolicyEvent, PolicyMetered, PolicyQuarantined, PolicyZone } from "../generated/types.ts";

/** How an install behaves, folded from its events, and what its owner chose for it. */
export interface ConductState {
  readonly denials: readonly { readonly code: string; readonly at_ms: number }[];
  readonly quarantine: PolicyQuarantined["data"] | null;
  /** Null: the worker's default. */
  readonly zone: PolicyZone | null;
}

export type ConductCommand =
  | ({ readonly type: "deny" } & PolicyDenied["data"])
  | ({ readonly type: "meter" } & PolicyMetered["data"])
  | { readonly type: "quarantine"; readonly reason: string; readonly now_ms: number }
  | { readonly type: "lift"; readonly reason: string }
  | { readonly type: "set_zone"; readonly zone: PolicyZone | null };

/** The subject of an install's conduct. */
export function conductSubject(install_id: string): string {
  return `policy/${install_id}`;
}

/** Denials that say something of the owner's own settings, and nothing of the install. */
const OWNERS_DOING: ReadonlySet<string> = new Set([
  ...["kill_switch_active", "install_quarantined", "approval_expired", "approval_revoked", "manifest_hash_mismatch"],
]);

/**
 * The rules of conduct: an install that is denied something `LIMITS.quarantine_denials` times within
 * `LIMITS.quarantine_window_ms` is quarantined until its owner lifts it. Refuses nothing.
 */
export const conductDecider: Decider<ConductState, PolicyEvent, ConductCommand> = {
  initial: { denials: [], quarantine: null, zone: null },
  evolve,
  decide,
};

function evolve(state: ConductState, event: PolicyEvent): ConductState {
  switch (event.event_type) {
    case "policy.denied": {
      const { code, at_ms } = event.data;
      if (OWNERS_DOING.has(code)) return state;
      const recent = state.denials.filter((denial) => denial.at_ms > at_ms - LIMITS.quarantine_window_ms);
      return { ...state, denials: [...recent, { code, at_ms }].slice(-LIMITS.quarantine_denials) };
    }
    case "policy.quarantined":
      return { ...state, quarantine: event.data };
    case "policy.quarantine_lifted":
      return { ...state, quarantine: null, denials: [] };
    case "policy.zone_set":
      return { ...state, zone: event.data.zone };
    case "policy.metered":
      return state;
    default:
      return assertNever(event);
  }
}

function decide(state: ConductState, command: ConductCommand): readonly PolicyEvent[] | Rejection {
  switch (command.type) {
    case "deny": {
      const { type: _, ...data } = command;
      const denied: PolicyEvent = { event_type: "policy.denied", data };
      const { denials, quarantine } = evolve(state, denied);
      if (quarantine !== null || OWNERS_DOING.has(data.code) || denials.length < LIMITS.quarantine_denials) {
        return [denied];
      }
      const codes = [...new Set(denials.map(({ code }) => code))].join(", ");
      const reason = `the policy stopped it ${denials.length} times within a day (${codes})`;
      return [denied, { event_type: "policy.quarantined", data: { by: "worker", reason, at_ms: data.at_ms } }];
    }
    case "meter": {
      const { type: _, ...data } = command;
      return [{ event_type: "policy.metered", data }];
    }
    case "quarantine": {
      if (state.quarantine !== null) return [];
      const data = { by: "owner", reason: command.reason, at_ms: command.now_ms } as const;
      return [{ event_type: "policy.quarantined", data }];
    }
    case "lift":
      if (state.quarantine === null) return [];
      return [{ event_type: "policy.quarantine_lifted", data: { reason: command.reason } }];
    case "set_zone":
      if (state.zone === command.zone) return [];
      return [{ event_type: "policy.zone_set", data: { zone: command.zone } }];
    default:
      return assertNever(command);
  }
}
