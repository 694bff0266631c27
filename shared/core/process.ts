import type { Fold } from "./fold.ts";

/**
 * Work of several steps as a fold: `next` names what to do now, or undefined when there is nothing to do (finished, or
 * waiting). A crash resumes by replaying the events. Pure; `now_ms` is Unix time in milliseconds.
 */
export interface Process<State, Event, Step> extends Fold<State, Event> {
  readonly next: (state: State, now_ms: number) => Step | undefined;
}
