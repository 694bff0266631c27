/** A projection of events: where it starts, and what each event changes. Pure. */
export interface Fold<State, Event> {
  readonly initial: State;
  readonly evolve: (state: State, event: Event) => State;
  /**
   * Under which name and version the store may keep this fold's states between starts, e.g. `schedule/1`: for subjects
   * with very long histories. The state is then plain JSON and holds no sealed value; a changed `evolve` needs a new
   * version.
   */
  readonly stored_as?: string;
}

/** Folds events, in order, into a state. */
export function foldAll<State, Event>(
  fold: Fold<State, Event>,
  events: Iterable<Event>,
  from: State = fold.initial,
): State {
  let state = from;
  for (const event of events) state = fold.evolve(state, event);
  return state;
}
