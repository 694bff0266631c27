import { SEALED_FIELDS } from "../generated/sealed.ts";
import type { EventEnvelope } from "../generated/types.ts";
import type { Decider } from "./decider.ts";
import type { EventContext, EventDraft, Recorded } from "./envelope.ts";
import {
  type ChainLink,
  type ChainReport,
  commit,
  hashBody,
  type SealedValue,
  type StreamHead,
  verifyChain,
} from "./hash-chain.ts";
import { newUuid, type RandomBytes } from "./id.ts";
import { canonicalize } from "./json.ts";
import { LIMITS } from "./limits.ts";
import type { Projection } from "./projection.ts";
import { isRejection, type Rejection, reject } from "./refusal.ts";
import { one, type Sql, type SqlValue } from "./sql.ts";

/** One command to one subject. Several go through `EventStore.handle` together, all or none. */
export interface Task {
  readonly subject_id: string;
  /** Folds the subject, decides, and returns the drafts. Made by `task()`, which keeps the types together. */
  readonly run: (load: LoadState) => readonly EventDraft[] | Rejection;
}
type LoadState = <State, Event>(decider: Decider<State, Event, never>, subject_id: string) => State;

/** Binds a decider, a subject and a command into a task. */
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
   * first rejection, with nothing written. A later task on the same subject sees what an earlier one decided.
   */
  readonly handle: (context: EventContext, tasks: readonly Task[]) => readonly Recorded[] | Rejection;
  /** The state of one subject, folded from the log. */
  readonly load: LoadState;
  /** Events of one subject, in order. */
  readonly bySubject: (subject_id: string) => readonly Recorded[];
  /** Events of one stream with `stream_seq > from_seq`, in order, at most `limit`. */
  readonly byStream: (stream: string, from_seq: number, limit: number) => readonly Recorded[];
  /** Events after a global position, in order, at most `limit`, with their positions. */
  readonly after: (
    position: number,
    limit: number,
  ) => readonly { readonly position: number; readonly event: Recorded }[];
  readonly heads: () => readonly StreamHead[];
  /** The log as chain links, for `oa audit verify` and the export. Lazy: reads in pages. */
  readonly links: () => Iterable<ChainLink>;
  readonly verify: () => ChainReport;
  /** Empties the projections and replays the log into them, in one transaction. */
  readonly rebuild: () => void;
}

const DDL = [
  `CREATE TABLE IF NOT EXISTS evt_events (
     position INTEGER PRIMARY KEY AUTOINCREMENT,
     event_id TEXT NOT NULL UNIQUE,
     stream TEXT NOT NULL,
     stream_seq INTEGER NOT NULL,
     subject_id TEXT NOT NULL,
     event_type TEXT NOT NULL,
     correlation_id TEXT NOT NULL,
     idempotency_key TEXT,
     recorded_at TEXT NOT NULL,
     body TEXT NOT NULL,
     event_hash TEXT NOT NULL,
     UNIQUE (stream, stream_seq))`,
  "CREATE INDEX IF NOT EXISTS evt_events_subject ON evt_events (subject_id, position)",
  `CREATE INDEX IF NOT EXISTS evt_events_idempotency ON evt_events (stream, idempotency_key)
     WHERE idempotency_key IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS evt_stream_heads (
     stream TEXT PRIMARY KEY, stream_seq INTEGER NOT NULL, event_hash TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS evt_sealed (
     event_id TEXT NOT NULL, field TEXT NOT NULL, salt TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (event_id, field)) WITHOUT ROWID`,
  `CREATE TRIGGER IF NOT EXISTS evt_events_no_update BEFORE UPDATE ON evt_events
     BEGIN SELECT RAISE(ABORT, 'evt_events is append-only'); END`,
  `CREATE TRIGGER IF NOT EXISTS evt_events_no_delete BEFORE DELETE ON evt_events
     BEGIN SELECT RAISE(ABORT, 'evt_events is append-only'); END`,
];

type EventRow = Readonly<{
  position: number;
  event_id: string;
  stream: string;
  stream_seq: number;
  event_type: string;
  recorded_at: string;
  body: string;
  event_hash: string;
}> &
  Readonly<Record<string, SqlValue>>;
const COLUMNS = "position, event_id, stream, stream_seq, event_type, recorded_at, body, event_hash";
const PAGE = 500;

/** Opens the log in `sql`, creating its tables and the projections' where they are missing. */
export function openEventStore(sql: Sql, projections: readonly Projection[], random: RandomBytes): EventStore {
  sql.transaction(() => {
    for (const statement of DDL) sql.run(statement);
    for (const projection of projections) for (const statement of projection.ddl) sql.run(statement);
  });
  // Folded states by decider and subject. An entry is used only if its last event is still the subject's last, so a
  // rollback can never leave a state that did not happen.
  const cache = new Map<
    Decider<unknown, unknown, never>,
    Map<string, { event_id: string; position: number; state: unknown }>
  >();

  const load: LoadState = <State, Event>(decider: Decider<State, Event, never>, subject_id: string): State => {
    const last = one<{ position: number; event_id: string }>(
      sql,
      "SELECT position, event_id FROM evt_events WHERE subject_id = ? ORDER BY position DESC LIMIT 1",
      subject_id,
    );
    if (last === undefined) return decider.initial;
    const key = decider as Decider<unknown, unknown, never>;
    const states = cache.get(key) ?? new Map();
    cache.set(key, states);
    const entry = states.get(subject_id);
    if (entry?.event_id === last.event_id) return entry.state as State;
    const known =
      entry !== undefined &&
      entry.position < last.position &&
      one(sql, "SELECT 1 AS here FROM evt_events WHERE event_id = ?", entry.event_id) !== undefined;
    let state = known ? (entry.state as State) : decider.initial;
    for (const row of rowsOfSubject(sql, subject_id, known ? entry.position : 0)) {
      state = decider.evolve(state, toEvent(sql, row) as Event);
    }
    if (states.size >= LIMITS.state_cache_entries) states.clear();
    states.set(subject_id, { event_id: last.event_id, position: last.position, state });
    return state;
  };

  const handle = (context: EventContext, tasks: readonly Task[]): readonly Recorded[] | Rejection =>
    orRollBack(sql, () => {
      const before = repeated(sql, context);
      if (before.length > 0) return before;
      const pending: { subject_id: string; draft: EventDraft }[] = [];
      const overlay: LoadState = (decider, subject_id) => {
        let state = load(decider, subject_id);
        for (const item of pending) {
          if (item.subject_id === subject_id) state = decider.evolve(state, item.draft as never);
        }
        return state;
      };
      for (const { subject_id, run } of tasks) {
        const drafts = run(overlay);
        if (isRejection(drafts)) return drafts;
        for (const draft of drafts) pending.push({ subject_id, draft });
      }
      const recorded: Recorded[] = [];
      for (const { subject_id, draft } of pending) {
        const event = append(sql, context, subject_id, draft, random);
        if (isRejection(event)) return event;
        for (const projection of projections) projection.apply(sql, event);
        recorded.push(event);
      }
      return recorded;
    });

  const links = function* (): Generator<ChainLink> {
    for (let position = 0; ; ) {
      const rows = sql.all<EventRow>(
        `SELECT ${COLUMNS} FROM evt_events WHERE position > ? ORDER BY position LIMIT ${PAGE}`,
        position,
      );
      for (const row of rows) {
        position = row.position;
        yield {
          stream: row.stream,
          seq: row.stream_seq,
          body: row.body,
          event_hash: row.event_hash,
          sealed: Object.fromEntries(sealedValues(sql, row)),
        };
      }
      if (rows.length < PAGE) return;
    }
  };
  const heads = (): readonly StreamHead[] =>
    sql
      .all<{ stream: string; stream_seq: number; event_hash: string }>("SELECT * FROM evt_stream_heads ORDER BY stream")
      .map((row) => ({ stream: row.stream, seq: row.stream_seq, event_hash: row.event_hash }));

  return {
    handle,
    load,
    heads,
    links,
    bySubject: (subject_id) => [...rowsOfSubject(sql, subject_id, 0)].map((row) => toEvent(sql, row)),
    byStream: (stream, from_seq, limit) =>
      sql
        .all<EventRow>(
          `SELECT ${COLUMNS} FROM evt_events WHERE stream = ? AND stream_seq > ? ORDER BY stream_seq LIMIT ?`,
          stream,
          from_seq,
          limit,
        )
        .map((row) => toEvent(sql, row)),
    after: (position, limit) =>
      sql
        .all<EventRow>(
          `SELECT ${COLUMNS} FROM evt_events WHERE position > ? ORDER BY position LIMIT ?`,
          position,
          limit,
        )
        .map((row) => ({ position: row.position, event: toEvent(sql, row) })),
    verify: () => verifyChain(links(), heads()),
    rebuild: () =>
      sql.transaction(() => {
        for (const projection of projections) {
          for (const table of projection.tables) sql.run(`DELETE FROM ${table}`);
        }
        for (let position = 0; ; ) {
          const rows = sql.all<EventRow>(
            `SELECT ${COLUMNS} FROM evt_events WHERE position > ? ORDER BY position LIMIT ${PAGE}`,
            position,
          );
          for (const row of rows) {
            position = row.position;
            const event = toEvent(sql, row);
            for (const projection of projections) projection.apply(sql, event);
          }
          if (rows.length < PAGE) return;
        }
      }),
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

/** The events an earlier call with the same idempotency key wrote. */
function repeated(sql: Sql, context: EventContext): readonly Recorded[] {
  if (context.idempotency_key === undefined) return [];
  return sql
    .all<EventRow>(
      `SELECT ${COLUMNS} FROM evt_events WHERE stream = ? AND idempotency_key = ? ORDER BY position`,
      `${context.stream_type}/${context.stream_id}`,
      context.idempotency_key,
    )
    .map((row) => toEvent(sql, row));
}

function* rowsOfSubject(sql: Sql, subject_id: string, after: number): Generator<EventRow> {
  for (let position = after; ; ) {
    const rows = sql.all<EventRow>(
      `SELECT ${COLUMNS} FROM evt_events WHERE subject_id = ? AND position > ? ORDER BY position LIMIT ${PAGE}`,
      subject_id,
      position,
    );
    for (const row of rows) {
      position = row.position;
      yield row;
    }
    if (rows.length < PAGE) return;
  }
}

function append(
  sql: Sql,
  context: EventContext,
  subject_id: string,
  draft: EventDraft,
  random: RandomBytes,
): Recorded | Rejection {
  const stream = `${context.stream_type}/${context.stream_id}`;
  const head = one<{ stream_seq: number; event_hash: string }>(
    sql,
    "SELECT stream_seq, event_hash FROM evt_stream_heads WHERE stream = ?",
    stream,
  );
  const event_id = newUuid(context.now_ms, random);
  const at = new Date(context.now_ms).toISOString();
  const { data, sealed } = seal(draft, random);
  const hashed = {
    hash_version: 1,
    event_id,
    event_type: draft.event_type,
    event_version: 1,
    occurred_at: at,
    workspace_id: context.workspace_id,
    stream_type: context.stream_type,
    stream_id: context.stream_id,
    stream_seq: (head?.stream_seq ?? 0) + 1,
    subject_id,
    actor_type: context.actor_type,
    actor_id: context.actor_id,
    correlation_id: context.correlation_id,
    causation_id: context.causation_id,
    idempotency_key: context.idempotency_key,
    prev_event_hash: head?.event_hash ?? null,
    data,
  };
  const body = canonicalize(hashed);
  if (body.length > LIMITS.event_bytes) {
    return reject("event_too_large", `${draft.event_type} is ${body.length} bytes; the limit is ${LIMITS.event_bytes}`);
  }
  const event_hash = hashBody(body);
  sql.run(
    `INSERT INTO evt_events (event_id, stream, stream_seq, subject_id, event_type, correlation_id, idempotency_key,
       recorded_at, body, event_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    event_id,
    stream,
    hashed.stream_seq,
    subject_id,
    draft.event_type,
    context.correlation_id,
    context.idempotency_key ?? null,
    at,
    body,
    event_hash,
  );
  sql.run(
    `INSERT INTO evt_stream_heads (stream, stream_seq, event_hash) VALUES (?, ?, ?)
     ON CONFLICT (stream) DO UPDATE SET stream_seq = excluded.stream_seq, event_hash = excluded.event_hash`,
    stream,
    hashed.stream_seq,
    event_hash,
  );
  for (const [field, { salt, value }] of sealed) {
    sql.run("INSERT INTO evt_sealed VALUES (?, ?, ?, ?)", event_id, field, salt, JSON.stringify(value));
  }
  const { hash_version: _, ...envelope } = hashed;
  return { ...envelope, data: draft.data, event_hash, recorded_at: at } as Recorded;
}

/** Replaces the fields that the event's schema marks `x-sealed` by salted commitments. */
function seal(draft: EventDraft, random: RandomBytes) {
  const fields = SEALED_FIELDS[draft.event_type];
  const sealed: [string, SealedValue][] = [];
  if (fields === undefined) return { data: draft.data, sealed };
  const data: Record<string, unknown> = { ...draft.data };
  for (const field of fields) {
    if (data[field] === undefined) continue;
    const value: SealedValue = { salt: hex(random(16)), value: data[field] };
    data[field] = commit(value);
    sealed.push([field, value]);
  }
  return { data, sealed };
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sealedValues(sql: Sql, row: EventRow): readonly (readonly [string, SealedValue])[] {
  if (SEALED_FIELDS[row.event_type] === undefined) return [];
  return sql
    .all<{ field: string; salt: string; value: string }>(
      "SELECT field, salt, value FROM evt_sealed WHERE event_id = ?",
      row.event_id,
    )
    .map(({ field, salt, value }) => [field, { salt, value: JSON.parse(value) }] as const);
}

/** A row as the event its writer saw; sealed fields whose values were deleted are absent. */
function toEvent(sql: Sql, row: EventRow): Recorded {
  const { hash_version: _, ...body } = JSON.parse(row.body) as EventEnvelope & { hash_version: 1; data: object };
  const fields = SEALED_FIELDS[row.event_type];
  let data: Record<string, unknown> = { ...body.data };
  if (fields !== undefined) {
    for (const field of fields) delete data[field];
    data = { ...data, ...Object.fromEntries(sealedValues(sql, row).map(([field, { value }]) => [field, value])) };
  }
  return { ...body, data, event_hash: row.event_hash, recorded_at: row.recorded_at } as unknown as Recorded;
}
