import type { Fold } from "./fold.ts";
import type { Rejection } from "./refusal.ts";

/** The rules of one subject: what a command changes, or why not. Pure; time, ids and randomness arrive in the command. */
export interface Decider<State, Event, Command> extends Fold<State, Event> {
  readonly decide: (state: State, command: Command) => readonly Event[] | Rejection;
}
