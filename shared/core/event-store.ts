import { SEALED_FIELDS } from "../generated/sealed.ts";
import type { Decider } from "./decider.ts";
import type { EventContext, EventDraft, Recorded } from "./envelope.ts";
import {
  appendEvents,
  createLog,
  eventRows,
  findMisplaced,
  lastPlace,
  type Pending,
  repeatedRows,
  type SealedFields,
  streamHeads,
  streamRows,
  toEvent,
  toLink,
  type Written,
} from "./event-log.ts";
import { type Sha256Hex, sha256Hex } from "./hash.ts";
import { type ChainLink, type ChainReport, drained, type StreamHead, verifyingChain } from "./hash-chain.ts";
import type { RandomBytes } from "./id.ts";
import { type Advanced, type LoadState, openLogMemory } from "./log-memory.ts";
import type { Projection } from "./projection.ts";
import { isRejection, type Rejection } from "./refusal.ts";
import { one, type Sql } from "./sql.ts";

/** One command to one subject, made by `task()`. Several go through `EventStore.handle` together, all or none. */
export interface Task {
  readonly subject_id: string;
  readonly run: (load: LoadState) => readonly EventDraft[] | Rejection;
}

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
  /** The same of the log as it is now, with pauses in which it may grow. */
  readonly verifying: () => Generator<void, ChainReport>;
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
    createLog(sql);
    const changed = projections.filter((projection) => !isCurrent(sql, projection));
    for (const { tables, ddl } of changed) {
      for (const table of tables) sql.run(`DROP TABLE IF EXISTS ${table}`);
      for (const statement of ddl) sql.run(statement);
    }
    if (changed.length > 0) replay(sql, changed);
    for (const projection of changed) {
      const { name, reading_ddl = [] } = projection;
      for (const statement of reading_ddl) sql.run(statement);
      sql.run("INSERT OR REPLACE INTO evt_projections (name, version) VALUES (?, ?)", name, versionOf(projection));
    }
  });
  const memory = openLogMemory(sql);
  const ports = { random, sha256, sealed_fields };

  const handle = (context: EventContext, tasks: Iterable<Task>): readonly Recorded[] | Rejection =>
    orRollBack(sql, () => {
      const before = repeatedRows(sql, context);
      if (before.length > 0) return before.map((row) => toEvent(sql, row));
      const position = memory.look();
      const pending: Pending[] = [];
      const loaded: Loaded[] = [];
      const withPending: LoadState = <State, Event>(decider: Decider<State, Event, never>, subject_id: string) => {
        const known = loaded.find((other) => other.decider === decider && other.subject_id === subject_id);
        const before = known === undefined ? memory.load(decider, subject_id) : (known.state as State);
        const after = (events: Iterable<Pending>): State => {
          let state = before;
          for (const event of events)
            if (event.subject_id === subject_id) state = decider.evolve(state, event as never);
          return state;
        };
        if (known === undefined) loaded.push({ decider, subject_id, state: before, after });
        return after(pending);
      };
      for (const { subject_id, run } of tasks) {
        const drafts = run(withPending);
        if (isRejection(drafts)) return drafts;
        for (const draft of drafts) pending.push({ ...draft, subject_id });
      }
      if (pending.length === 0) return [];
      const stream = `${context.stream_type}/${context.stream_id}`;
      const written: Written[] = [];
      const ends = { position, stream, head: memory.head(stream) };
      const refused = appendEvents(sql, context, ends, pending, ports, (one) => {
        for (const projection of projections) projection.apply(sql, one.event);
        written.push(one);
      });
      if (refused !== undefined) return refused;
      const events = written.map(({ event }) => event);
      const advanced: Advanced[] = [];
      for (const { decider, subject_id, after } of loaded) {
        if (pending.some((event) => event.subject_id === subject_id))
          advanced.push({ decider, subject_id, state: after(events) });
      }
      memory.appended(stream, written, advanced);
      return events;
    });

  const after = function* (position: number) {
    for (const row of eventRows(sql, position)) yield { position: row.position, event: toEvent(sql, row) };
  };
  const links = function* (until = Number.MAX_SAFE_INTEGER) {
    for (const row of eventRows(sql)) {
      if (row.position > until) return;
      yield toLink(sql, row);
    }
  };
  const verifying = function* (): Generator<void, ChainReport> {
    const last = lastPlace(sql)?.position ?? 0;
    const report = yield* verifyingChain(links(last), streamHeads(sql), sha256);
    const misplaced = report.ok ? yield* findMisplaced(sql, last) : undefined;
    if (misplaced === undefined) return report;
    return { ...report, ok: false, first_bad: { ...misplaced, code: "misplaced" } };
  };
  return {
    handle,
    load: (decider, subject_id) => {
      memory.look();
      return memory.load(decider, subject_id);
    },
    after,
    links: () => links(),
    heads: () => streamHeads(sql),
    bySubject: (subject_id) => [...eventRows(sql, 0, subject_id)].map((row) => toEvent(sql, row)),
    byStream: (stream, from_seq, limit) => streamRows(sql, stream, from_seq, limit).map((row) => toEvent(sql, row)),
    verify: () => drained(verifying()),
    verifying,
    rebuild: () =>
      sql.transaction(() => {
        for (const { tables } of projections) for (const table of tables) sql.run(`DELETE FROM ${table}`);
        replay(sql, projections);
      }),
  };
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

function versionOf({ ddl, reading_ddl = [], version = 1 }: Projection): string {
  return sha256Hex(`${version}\n${[...ddl, ...reading_ddl].join("\n")}`);
}

/** A subject's state as a decider folded it, and how that goes on over events. */
interface Loaded extends Advanced {
  readonly after: (events: Iterable<Pending>) => unknown;
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
