import type { Decider } from "../core/decider.ts";
import { assertNever, type Rejection } from "../core/refusal.ts";
import type { KillSwitchEvent } from "../generated/types.ts";

/** The one subject of the switch. */
export const KILL_SWITCH = "kill_switch";

export interface KillSwitchState {
  readonly on: boolean;
  /** Why it was last switched; null: it never was. */
  readonly reason: string | null;
}

export interface KillSwitchCommand {
  readonly type: "engage" | "release";
  readonly reason: string;
}

/** Whether every write to the outside world is stopped. Switching it to what it is does nothing. */
export const killSwitchDecider: Decider<KillSwitchState, KillSwitchEvent, KillSwitchCommand> = {
  initial: { on: false, reason: null },
  evolve: (_, event) => {
    switch (event.event_type) {
      case "kill_switch.engaged":
        return { on: true, reason: event.data.reason };
      case "kill_switch.released":
        return { on: false, reason: event.data.reason };
      default:
        return assertNever(event);
    }
  },
  decide: ({ on }, { type, reason }): readonly KillSwitchEvent[] | Rejection => {
    if (on === (type === "engage")) return [];
    const event_type = type === "engage" ? "kill_switch.engaged" : "kill_switch.released";
    return [{ event_type, data: { reason } }];
  },
};
