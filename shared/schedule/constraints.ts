import { LIMITS } from "../core/limits.ts";
import { assertNever } from "../core/refusal.ts";
import type { ConstraintTrace, MachineReadings, ScheduleConstraints, ScheduleOnUnknown } from "../generated/types.ts";

export type ConstraintName = ConstraintTrace["name"];
export type Sensor = keyof MachineReadings;

/** Which sensor answers for a constraint. */
const SENSORS: Readonly<Record<ConstraintName, Sensor>> = {
  plugged_in: "plugged_in",
  wifi_only: "network",
  cpu_max_percentage: "cpu_percentage",
  suspend_if_active: "idle_ms",
  respect_dnd: "dnd",
};
const NAMES = Object.keys(SENSORS) as readonly ConstraintName[];

export interface ConstraintVerdict {
  readonly verdict: "start" | "wait";
  readonly constraints: readonly ConstraintTrace[];
}

/** The sensors that must be asked before `evaluateConstraints`: none for a constraint that asks for nothing. */
export function sensorsFor(declared: ScheduleConstraints | undefined): readonly Sensor[] {
  return NAMES.filter((name) => isAsked(declared?.[name])).map((name) => SENSORS[name]);
}

/**
 * Each declared constraint beside what was measured, and whether a run may start. A constraint that no sensor could
 * measure is `unknown` and does what the schedule's policy says; one that is not met always waits. Pure.
 */
export function evaluateConstraints(
  declared: ScheduleConstraints | undefined,
  readings: MachineReadings,
  on_unknown: ScheduleOnUnknown,
): ConstraintVerdict {
  const constraints = NAMES.flatMap((name) => {
    const required = declared?.[name];
    return required === undefined ? [] : [evaluate(name, required, readings)];
  });
  const holds = ({ met }: ConstraintTrace): boolean => met === "no" || (met === "unknown" && on_unknown === "wait");
  return { verdict: constraints.some(holds) ? "wait" : "start", constraints };
}

function evaluate(name: ConstraintName, required: boolean | number, readings: MachineReadings): ConstraintTrace {
  if (!isAsked(required)) return { name, required, measured: "unknown", met: "yes" };
  const reading = readings[SENSORS[name]];
  if (reading === undefined) return unknown(name, required, "it was not measured");
  if ("unknown" in reading) return unknown(name, required, reading.unknown);
  const { value } = reading;
  return { name, required, measured: value, met: isMet(name, required, value) ? "yes" : "no" };
}

function isMet(name: ConstraintName, required: boolean | number, value: boolean | number | string): boolean {
  switch (name) {
    case "plugged_in":
      return value === true;
    case "wifi_only":
      return value === "wifi";
    case "cpu_max_percentage":
      return Number(value) <= Number(required);
    case "suspend_if_active":
      return Number(value) >= LIMITS.machine_idle_ms;
    case "respect_dnd":
      return value === false;
    default:
      return assertNever(name);
  }
}

/** `false` is a constraint that its author turned off. */
function isAsked(required: boolean | number | undefined): boolean {
  return required !== undefined && required !== false;
}

function unknown(name: ConstraintName, required: boolean | number, reason: string): ConstraintTrace {
  return { name, required, measured: "unknown", met: "unknown", reason };
}
