import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { KILL_SWITCH, killSwitchDecider } from "@oa/shared/kill-switch/decider.ts";
import type { Clock } from "../adapters/clock.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";

export interface KillSwitchStatus {
  readonly on: boolean;
  /** The settings hold it on, whatever was switched. */
  readonly forced: boolean;
  /** Why it was last switched. */
  readonly reason: string | null;
}

/** Stops every write to the outside world at once. */
export interface KillSwitch {
  readonly status: () => KillSwitchStatus;
  /** `load`: sees what the transaction that asks has decided already. */
  readonly isOn: (load?: EventStore["load"]) => boolean;
  /** Aborted with the fault `kill_switch_active` when the switch is next engaged. */
  readonly signal: () => AbortSignal;
  /** Resolves once the log holds it; what was being written outside has been aborted then. */
  readonly set: (on: boolean, reason: string) => Promise<KillSwitchStatus | Rejection>;
}

/** The switch of a workspace: its state is in the log, so that it survives a restart. */
export function openKillSwitch(options: {
  readonly store: EventStore;
  readonly database: Pick<SqliteDatabase, "commit">;
  readonly clock: Clock;
  readonly config: { readonly workspace_id: string; readonly kill_switch?: boolean };
}): KillSwitch {
  const { store, database, clock } = options;
  const { workspace_id, kill_switch: forced = false } = options.config;
  let current = new AbortController();
  const status = (): KillSwitchStatus => {
    const { on, reason } = store.load(killSwitchDecider, KILL_SWITCH);
    return { on: on || forced, forced, reason };
  };
  return {
    status,
    isOn: (load = store.load) => forced || load(killSwitchDecider, KILL_SWITCH).on,
    signal: () => current.signal,
    set: async (on, reason) => {
      const by = { actor_type: "user", actor_id: "owner" } as const;
      const context = inWorkspace(workspace_id, { now_ms: clock.now_ms(), ...by, correlation_id: KILL_SWITCH });
      const command = { type: on ? "engage" : "release", reason } as const;
      const done = await database.commit(() => store.handle(context, [task(killSwitchDecider, KILL_SWITCH, command)]));
      if (isRejection(done)) return done;
      if (on) {
        const aborted = current;
        // What comes later is stopped by the log; only what is already under way hears this.
        current = new AbortController();
        aborted.abort(killed());
      }
      return status();
    },
  };
}

/** Why a write outside did not happen, or was cut short. */
export function killed(): Fault {
  return new Fault("kill_switch_active", "the kill switch was switched on; what was under way may have taken effect");
}
