import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection } from "@oa/shared/core/refusal.ts";
import { isOpen, nextOpening, parseWindow } from "@oa/shared/core/window.ts";
import type { ConstraintTrace, MachineReadings, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { evaluateConstraints, type Sensor, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import type { Hold } from "@oa/shared/trigger/decider.ts";

/** What an install's schedule asks for besides times: it holds for runs that triggers start too. */
export interface Gate {
  readonly hold: Hold | null;
  readonly constraints: readonly ConstraintTrace[];
}

/** Whether a run may start now by its window and by the machine's state, which is measured only inside the window. */
export async function gateOf(
  { window, timezone, constraints: declared, on_unknown = "wait" }: UpgradeSchedule,
  now_ms: number,
  ports: {
    readonly time_zone: string;
    readonly measure: (sensors: readonly Sensor[], signal: AbortSignal) => Promise<MachineReadings>;
  },
  signal: AbortSignal,
): Promise<Gate> {
  if (window !== undefined) {
    const parsed = parseWindow(window);
    assert(!isRejection(parsed), "the window was checked when the upgrade was installed");
    const time_zone = timezone ?? ports.time_zone;
    if (!isOpen(parsed, time_zone, now_ms)) {
      return { hold: { reason: "window", until_ms: nextOpening(parsed, time_zone, now_ms) }, constraints: [] };
    }
  }
  const sensors = sensorsFor(declared);
  const readings = sensors.length === 0 ? {} : await ports.measure(sensors, signal);
  const { verdict, constraints } = evaluateConstraints(declared, readings, on_unknown);
  const until_ms = now_ms + LIMITS.trigger_sleep_ms;
  return { hold: verdict === "start" ? null : { reason: "constraints", until_ms }, constraints };
}
