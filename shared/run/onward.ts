import { foldAll } from "../core/fold.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { RunEvent } from "../generated/types.ts";
import { joined } from "./boundary.ts";
import { type RunCommand, runDecider } from "./decider.ts";
import { type RunState, runProcess } from "./process.ts";

/** What an engine asks for of a step, by the command's name. */
export type StepCommand<Type extends string> = Extract<RunCommand, { readonly type: Type }>;

/**
 * A success and the start of the step after it, as one event. What may not start now (it is not that step's turn, the run
 * is paused, canceled or past its deadline) does not undo the success: it is left to a command of its own, which says why.
 * Refusals: those of the success.
 */
export function succeedAndStart(
  state: RunState,
  success: StepCommand<"succeed_step">,
  start: StepCommand<"start_step">,
  now_ms: number,
): readonly RunEvent[] | Rejection {
  const events = runDecider.decide(state, success);
  if (isRejection(events)) return events;
  const after = foldAll(runDecider, events, state);
  const due = runProcess.next(after, now_ms);
  if (due?.kind !== "perform" || due.step.step_id !== start.step_id) return events;
  const started = runDecider.decide(after, start);
  return isRejection(started) ? events : joined([...events, ...started]);
}
