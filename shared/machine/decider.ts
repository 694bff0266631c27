import type { Decider } from "../core/decider.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import type { MachineEvent, MachineReadings } from "../generated/types.ts";

/** What was recorded of the machine last. Times are Unix milliseconds. */
export interface MachineState {
  readonly measured: { readonly at_ms: number; readonly readings: MachineReadings } | null;
}

export type MachineCommand =
  | {
      readonly type: "measure";
      readonly at_ms: number;
      readonly readings: MachineReadings;
      /** Whether a decision hung on it: recorded then even if the last record is young. */
      readonly decisive: boolean;
    }
  | { readonly type: "clock_jump"; readonly at_ms: number; readonly jump_ms: number; readonly away_ms: number };

/** One machine, one subject. */
export const MACHINE_SUBJECT = "machine";

/** Keeps what was measured without keeping it twice. It refuses nothing. */
export const machineDecider: Decider<MachineState, MachineEvent, MachineCommand> = {
  initial: { measured: null },
  evolve: (state, event) => (event.event_type === "machine.measured" ? { measured: event.data } : state),
  decide: ({ measured }, { type, ...data }) => {
    if ("jump_ms" in data) return [{ event_type: "machine.clock_jumped", data }];
    const { decisive, at_ms, readings } = data;
    if (measured !== null && Math.abs(at_ms - measured.at_ms) < LIMITS.machine_record_ms) {
      if (!decisive || canonicalize(readings) === canonicalize(measured.readings)) return [];
    }
    return [{ event_type: "machine.measured", data: { at_ms, readings } }];
  },
};
