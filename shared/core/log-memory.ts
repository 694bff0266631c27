import type { Decider } from "./decider.ts";
import {
  blockStart,
  type EventPlace,
  eventRows,
  type Head,
  indexedPlace,
  lastPlace,
  streamHead,
  toEvent,
  unindexed,
  type Written,
} from "./event-log.ts";
import { LIMITS } from "./limits.ts";
import { keptJson, one, type Sql } from "./sql.ts";

export type LoadState = <State, Event>(decider: Decider<State, Event, never>, subject_id: string) => State;

/**
 * What a store remembers of the log: the ends of its streams, and the states of subjects folded from it. All of it is
 * believed while the log ends with the event this store wrote last. Where it ends with another one, since somebody else
 * wrote or a transaction was rolled back, each state is held against the log before it is used again: a state that did
 * not happen never is.
 */
export interface LogMemory {
  /** Looks where the log ends, so that the rest is sure; the position of its last event, 0 where there is none. */
  readonly look: () => number;
  readonly head: (stream: string) => Head | undefined;
  readonly load: LoadState;
  /** Takes in what was just appended to a stream, and the states that were folded over it. */
  readonly appended: (stream: string, written: readonly Written[], advanced: readonly Advanced[]) => void;
}

/** A subject's state, and the decider that folded it. */
export interface Advanced {
  readonly decider: unknown;
  readonly subject_id: string;
  readonly state: unknown;
}

/** A state, the event after which it was so, and since which look at the log that is known; null: to be held against it. */
interface KeptState extends EventPlace {
  readonly state: unknown;
  since: number | null;
}

const NOWHERE: EventPlace = { position: 0, event_id: "" };

export function openLogMemory(sql: Sql): LogMemory {
  // By subject, then by decider.
  const cache = new Map<string, Map<unknown, KeptState>>();
  const heads = new Map<string, Head | undefined>();
  // The last events of the subjects in the block that is not indexed yet.
  const recent = new Map<string, EventPlace>();
  let end = NOWHERE;
  let looks = 0;
  // The moment at which the log ended there.
  let seen: number | null = null;

  const keep = (decider: unknown, subject_id: string, entry: KeptState): void => {
    let states = cache.get(subject_id);
    if (states === undefined) {
      if (cache.size >= LIMITS.state_cache_entries) cache.clear();
      states = new Map();
      cache.set(subject_id, states);
    }
    states.set(decider, entry);
  };
  return {
    look: () => {
      const moment = sql.moment?.() ?? null;
      if (moment !== null && moment === seen) return end.position;
      const last = lastPlace(sql) ?? NOWHERE;
      if (last.event_id !== end.event_id) {
        end = last;
        looks += 1;
        heads.clear();
        recent.clear();
        for (const { subject_id, ...place } of unindexed(sql, last.position)) recent.set(subject_id, place);
      }
      seen = moment;
      return last.position;
    },
    head: (stream) => {
      if (heads.has(stream)) return heads.get(stream);
      if (heads.size >= LIMITS.state_cache_entries) heads.clear();
      const head = streamHead(sql, stream);
      heads.set(stream, head);
      return head;
    },
    load: <State, Event>(decider: Decider<State, Event, never>, subject_id: string): State => {
      const entry = cache.get(subject_id)?.get(decider);
      if (entry?.since === looks) return entry.state as State;
      const last = recent.get(subject_id) ?? indexedPlace(sql, subject_id) ?? NOWHERE;
      const known = entry ?? storedState(sql, decider.stored_as, subject_id);
      let state = decider.initial;
      if (known?.event_id === last.event_id) state = known.state as State;
      else if (last !== NOWHERE) {
        const from = known !== undefined && stands(sql, known) ? known : { ...NOWHERE, state };
        state = from.state as State;
        let folded = 0;
        for (const row of eventRows(sql, from.position, subject_id)) {
          state = decider.evolve(state, toEvent(sql, row) as Event);
          folded += 1;
        }
        if (folded >= LIMITS.stored_state_events) storeState(sql, decider.stored_as, subject_id, { ...last, state });
      }
      keep(decider, subject_id, { ...last, state, since: looks });
      return state;
    },
    appended: (stream, written, advanced) => {
      const places = new Map(
        written.map(({ event, position }) => [event.subject_id, { position, event_id: event.event_id }]),
      );
      for (const subject_id of places.keys()) {
        for (const entry of cache.get(subject_id)?.values() ?? []) entry.since = null;
      }
      for (const { decider, subject_id, state } of advanced) {
        const place = places.get(subject_id);
        if (place === undefined) continue;
        keep(decider, subject_id, { ...place, state, since: looks });
      }
      const last = written.at(-1);
      if (last === undefined) return;
      const { event_id, stream_seq, event_hash } = last.event;
      if (blockStart(last.position) > end.position) recent.clear();
      for (const [of, place] of places) if (place.position > blockStart(last.position)) recent.set(of, place);
      end = { position: last.position, event_id };
      seen = sql.moment?.() ?? null;
      heads.set(stream, { stream_seq, event_hash });
    },
  };
}

/** A state that was kept in the database, so that a long history need not be folded again after a restart. */
function storedState(
  sql: Sql,
  name: string | undefined,
  subject_id: string,
): (EventPlace & { readonly state: unknown }) | undefined {
  if (name === undefined) return undefined;
  const row = one<EventPlace & { state: string }>(
    sql,
    "SELECT position, event_id, state FROM evt_states WHERE name = ? AND subject_id = ?",
    name,
    subject_id,
  );
  return row === undefined ? undefined : { ...row, state: keptJson(row.state) };
}

function storeState(
  sql: Sql,
  name: string | undefined,
  subject_id: string,
  { position, event_id, state }: EventPlace & { readonly state: unknown },
): void {
  if (name === undefined) return;
  const text = JSON.stringify(state);
  sql.run("INSERT OR REPLACE INTO evt_states VALUES (?, ?, ?, ?, ?)", name, subject_id, position, event_id, text);
}

/** Whether the event after which a state was kept is still in the log. */
function stands(sql: Sql, { position, event_id }: EventPlace): boolean {
  const row = one<{ event_id: string }>(sql, "SELECT event_id FROM evt_events WHERE position = ?", position);
  return row?.event_id === event_id;
}
