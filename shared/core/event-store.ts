import { SEALED_FIELDS } from "../generated/sealed.ts";
import type { Decider } from "./decider.ts";
import type { EventContext, EventDraft, Recorded } from "./envelope.ts";
import {
  appendEvents,
  EVENT_LOG_DDL,
  eventRows,
  repeatedRows,
  type SealedFields,
  streamHeads,
  streamRows,
  toEvent,
  toLink,
  type Written,
} from "./event-log.ts";
import { type Sha256Hex, sha256Hex } from "./hash.ts";
import { type ChainLink, type ChainReport, type StreamHead, verifyChain } from "./hash-chain.ts";
import type { RandomBytes } from "./id.ts";
import { LIMITS } from "./limits.ts";
import type { Projection } from "./projection.ts";
import { isRejection, type Rejection } from "./refusal.ts";
import { one, type Sql } from "./sql.ts";

/** One command to one subject, made by `task()`. Several go through `EventStore.handle` together, all or none. */
export interface Task {
  readonly subject_id: string;
  readonly run: (load: LoadState) => readonly EventDraft[] | Rejection;
}
type LoadState = <State, Event>(decider: Decider<State, Event, never>, subject_id: string) => State;

/** Binds a decider, a subject and a command, keeping their types together. */
export function task<State, Event extends EventDraft, Command>(
  decider: Decider<State, Event, Command>,
  subject_id: string,
  command: Command,
): Task {
  return { subject_id, run: (load) => decider.decide(load(decider, subject_id), command) };
}

export interface EventStore {
  /**
   * Loads, decides, appends and updates projections in one transaction. Returns the recorded events, in order, or the
   * first rejection, with nothing written. A later task on the same subject sees what an earlier one decided; where the
   * tasks come from a generator, so does what it yields next.
   */
  readonly handle: (context: EventContext, tasks: Iterable<Task>) => readonly Recorded[] | Rejection;
  /** The state of one subject, folded from the log. */
  readonly load: LoadState;
  /** Events of one subject, in order. */
  readonly bySubject: (subject_id: string) => readonly Recorded[];
  /** Events of one stream with `stream_seq > from_seq`, in order, at most `limit`. */
  readonly byStream: (stream: string, from_seq: number, limit: number) => readonly Recorded[];
  /** All events after a global position, in order, with their positions. Lazy: reads in pages. */
  readonly after: (position: number) => Iterable<{ readonly position: number; readonly event: Recorded }>;
  readonly heads: () => readonly StreamHead[];
  /** The log as chain links, for the audit and the export. Lazy: reads in pages. */
  readonly links: () => Iterable<ChainLink>;
  readonly verify: () => ChainReport;
  /** Empties the projections and replays the log into them, in one transaction. */
  readonly rebuild: () => void;
}

/**
 * Opens the log in `sql`. A projection that is new, or whose tables or rules have changed since this database was last
 * opened, is made again from the log: old data never meets new columns. `sha256`: the platform's own, where it has one.
 */
export function openEventStore(
  sql: Sql,
  projections: readonly Projection[],
  random: RandomBytes,
  sealed_fields: SealedFields = SEALED_FIELDS,
  sha256: Sha256Hex = sha256Hex,
): EventStore {
  sql.transaction(() => {
    for (const statement of EVENT_LOG_DDL) sql.run(statement);
    const changed = projections.filter((projection) => !isCurrent(sql, projection));
    for (const { tables, ddl } of changed) {
      for (const table of tables) sql.run(`DROP TABLE IF EXISTS ${table}`);
      for (const statement of ddl) sql.run(statement);
    }
    if (changed.length > 0) replay(sql, changed);
    for (const projection of changed) {
      const { name } = projection;
      sql.run("INSERT OR REPLACE INTO evt_projections (name, version) VALUES (?, ?)", name, versionOf(projection));
    }
  });
  const states = stateCache(sql);
  const ports = { random, sha256, sealed_fields };

  const handle = (context: EventContext, tasks: Iterable<Task>): readonly Recorded[] | Rejection =>
    orRollBack(sql, () => {
      const before = repeatedRows(sql, context);
      if (before.length > 0) return before.map((row) => toEvent(sql, row));
      const pending: { readonly subject_id: string; readonly draft: EventDraft }[] = [];
      const loaded: Loaded[] = [];
      const withPending: LoadState = <State, Event>(decider: Decider<State, Event, never>, subject_id: string) => {
        const known = loaded.find((other) => other.decider === decider && other.subject_id === subject_id);
        const before = known === undefined ? states.load(decider, subject_id) : (known.state as State);
        if (known === undefined) {
          const advance = (written: readonly Written[]): void => states.advance(decider, subject_id, before, written);
          loaded.push({ decider, subject_id, state: before, advance });
        }
        let state = before;
        for (const item of pending) {
          if (item.subject_id === subject_id) state = decider.evolve(state, item.draft as never);
        }
        return state;
      };
      for (const { subject_id, run } of tasks) {
        const drafts = run(withPending);
        if (isRejection(drafts)) return drafts;
        for (const draft of drafts) pending.push({ subject_id, draft });
      }
      const written: Written[] = [];
      const refused = appendEvents(sql, context, pending, ports, (one) => {
        for (const projection of projections) projection.apply(sql, one.event);
        written.push(one);
      });
      if (refused !== undefined) return refused;
      for (const { advance } of loaded) advance(written);
      return written.map(({ event }) => event);
    });

  const after = function* (position: number) {
    for (const row of eventRows(sql, position)) yield { position: row.position, event: toEvent(sql, row) };
  };
  const links = function* () {
    for (const row of eventRows(sql)) yield toLink(sql, row);
  };
  return {
    handle,
    load: states.load,
    after,
    links,
    heads: () => streamHeads(sql),
    bySubject: (subject_id) => [...eventRows(sql, 0, "subject_id = ?", subject_id)].map((row) => toEvent(sql, row)),
    byStream: (stream, from_seq, limit) => streamRows(sql, stream, from_seq, limit).map((row) => toEvent(sql, row)),
    verify: () => verifyChain(links(), streamHeads(sql), sha256),
    rebuild: () =>
      sql.transaction(() => {
        for (const { tables } of projections) for (const table of tables) sql.run(`DELETE FROM ${table}`);
        replay(sql, projections);
      }),
  };
}

/** A state that was kept in the database, so that a long history need not be folded again after a restart. */
function storedState(sql: Sql, name: string | undefined, subject_id: string): KeptState | undefined {
  if (name === undefined) return undefined;
  const row = one<EventPlace & { state: string }>(
    sql,
    "SELECT position, event_id, state FROM evt_states WHERE name = ? AND subject_id = ?",
    name,
    subject_id,
  );
  return row === undefined ? undefined : { ...row, state: JSON.parse(row.state) as unknown };
}

function storeState(
  sql: Sql,
  name: string | undefined,
  subject_id: string,
  { position, event_id, state }: KeptState,
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

function replay(sql: Sql, projections: readonly Projection[]): void {
  for (const row of eventRows(sql)) {
    const event = toEvent(sql, row);
    for (const projection of projections) projection.apply(sql, event);
  }
}

function isCurrent(sql: Sql, projection: Projection): boolean {
  const { name } = projection;
  const stored = one<{ version: string }>(sql, "SELECT version FROM evt_projections WHERE name = ?", name);
  return stored?.version === versionOf(projection);
}

function versionOf({ ddl, version = 1 }: Projection): string {
  return sha256Hex(`${version}\n${ddl.join("\n")}`);
}

type EventPlace = Readonly<{ position: number; event_id: string }>;
/** A state, and the event after which it was so. */
type KeptState = EventPlace & { readonly state: unknown };

/** A subject's state as a decider folded it, and how it is taken on over what was then appended. */
interface Loaded {
  readonly decider: unknown;
  readonly subject_id: string;
  readonly state: unknown;
  readonly advance: (written: readonly Written[]) => void;
}

/**
 * Folds subjects from the log, keeping recent states. A kept state is used only while its last event is still in the
 * log, so a rolled-back transaction can never leave a state that did not happen.
 */
function stateCache(sql: Sql): {
  readonly load: LoadState;
  /** Takes a state on over events that were just appended. */
  readonly advance: <State, Event>(
    decider: Decider<State, Event, never>,
    subject_id: string,
    before: State,
    written: readonly Written[],
  ) => void;
} {
  const cache = new Map<unknown, Map<string, KeptState>>();
  const keep = (decider: unknown, subject_id: string, entry: KeptState): void => {
    let states = cache.get(decider);
    if (states === undefined) {
      states = new Map();
      cache.set(decider, states);
    }
    if (states.size >= LIMITS.state_cache_entries) states.clear();
    states.set(subject_id, entry);
  };
  const load = <State, Event>(decider: Decider<State, Event, never>, subject_id: string): State => {
    const last = one<EventPlace>(
      sql,
      "SELECT position, event_id FROM evt_events WHERE subject_id = ? ORDER BY position DESC LIMIT 1",
      subject_id,
    );
    if (last === undefined) return decider.initial;
    const entry = cache.get(decider)?.get(subject_id);
    if (entry?.event_id === last.event_id) return entry.state as State;
    const known = entry ?? storedState(sql, decider.stored_as, subject_id);
    const from = known !== undefined && stands(sql, known) ? known : { position: 0, state: decider.initial };
    let state = from.state as State;
    let folded = 0;
    for (const row of eventRows(sql, from.position, "subject_id = ?", subject_id)) {
      state = decider.evolve(state, toEvent(sql, row) as Event);
      folded += 1;
    }
    if (folded >= LIMITS.stored_state_events) storeState(sql, decider.stored_as, subject_id, { ...last, state });
    keep(decider, subject_id, { ...last, state });
    return state;
  };
  return {
    load,
    advance: (decider, subject_id, before, written) => {
      let state = before;
      let last: EventPlace | null = null;
      for (const { event, position } of written) {
        if (event.subject_id !== subject_id) continue;
        state = decider.evolve(state, event as never);
        last = { position, event_id: event.event_id };
      }
      if (last !== null) keep(decider, subject_id, { ...last, state });
    },
  };
}

/** Carries a rejection out of a transaction, so that everything written before it is rolled back. */
class RollBack extends Error {
  readonly rejection: Rejection;
  constructor(rejection: Rejection) {
    super(rejection.message);
    this.rejection = rejection;
  }
}

function orRollBack<T>(sql: Sql, body: () => T | Rejection): T | Rejection {
  try {
    return sql.transaction(() => {
      const result = body();
      if (isRejection(result)) throw new RollBack(result);
      return result;
    });
  } catch (error) {
    if (error instanceof RollBack) return error.rejection;
    throw error;
  }
}
