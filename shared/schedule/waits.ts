import type { ScheduleTrace } from "../generated/types.ts";

/** What a due time that has come may wait for. */
export type WaitReason = "window" | "constraints" | "licence" | "budget" | "run";

/** The outcomes that are waits; all others are decisions. */
export const WAITS_FOR: Readonly<Partial<Record<ScheduleTrace["outcome"], WaitReason>>> = {
  waits_for_window: "window",
  waits_for_constraints: "constraints",
  waits_for_licence: "licence",
  waits_for_budget: "budget",
  waits_for_run: "run",
};

/** What a start depends on besides the machine, found outside: a price that is paid, quotas with room. */
export type StartGates = Pick<ScheduleTrace, "licence" | "budget">;

/** Whether the licence, or the budget, of a start lets it go on. */
export function isAllowed(gate: ScheduleTrace["licence"] | ScheduleTrace["budget"]): boolean {
  return gate === "not_applicable" || gate.allowed;
}
