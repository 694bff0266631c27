import { bytesToHex } from "@noble/hashes/utils.js";
import type { EventContext, EventDraft, Recorded } from "./envelope.ts";
import type { Sha256Hex } from "./hash.ts";
import { type ChainLink, commitText, hashBody, parseSealed, type SealedValue, type StreamHead } from "./hash-chain.ts";
import { newUuid, type RandomBytes } from "./id.ts";
import { canonicalize, sortedKeys } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { isRejection, type Rejection, reject } from "./refusal.ts";
import { keptJson, one, type Sql, type SqlValue } from "./sql.ts";

/** By event type: the fields of its data that are kept as commitments, their values in a table that may be pruned. */
export type SealedFields = Readonly<Record<string, readonly string[]>>;

/**
 * How many events are indexed by subject together. Each append writes to the ends of few trees; an index of subjects is
 * written all over, so it is written seldom, and the events since are looked through.
 */
const BLOCK = 128;

/**
 * The append-only log: its tables, one row an event, and what guards them. Whatever else is kept of an event is kept
 * under its position, which only grows. `evt_places`: where the events of each subject are.
 */
const DDL = [
  `CREATE TABLE IF NOT EXISTS evt_events (
     position INTEGER PRIMARY KEY,
     event_id TEXT NOT NULL,
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
  `CREATE TABLE IF NOT EXISTS evt_subjects (
     subject_id TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (subject_id, position)) WITHOUT ROWID`,
  `CREATE VIEW IF NOT EXISTS evt_places AS
     SELECT subject_id, position FROM evt_subjects
     UNION ALL
     SELECT subject_id, position FROM evt_events
       WHERE position > (SELECT max(position) FROM evt_events) / ${BLOCK} * ${BLOCK}`,
  // An index ends with the position of its row.
  `CREATE INDEX IF NOT EXISTS evt_events_idempotency ON evt_events (stream, idempotency_key)
     WHERE idempotency_key IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS evt_stream_heads (
     stream TEXT PRIMARY KEY, stream_seq INTEGER NOT NULL, event_hash TEXT NOT NULL) WITHOUT ROWID`,
  "CREATE TABLE IF NOT EXISTS evt_sealed (position INTEGER PRIMARY KEY, fields TEXT NOT NULL)",
  `CREATE TABLE IF NOT EXISTS evt_states (
     name TEXT NOT NULL, subject_id TEXT NOT NULL, position INTEGER NOT NULL, event_id TEXT NOT NULL, state TEXT NOT NULL,
     PRIMARY KEY (name, subject_id)) WITHOUT ROWID`,
  "CREATE TABLE IF NOT EXISTS evt_projections (name TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID",
  `CREATE TRIGGER IF NOT EXISTS evt_events_no_update BEFORE UPDATE ON evt_events
     BEGIN SELECT RAISE(ABORT, 'evt_events is append-only'); END`,
  `CREATE TRIGGER IF NOT EXISTS evt_events_no_delete BEFORE DELETE ON evt_events
     BEGIN SELECT RAISE(ABORT, 'evt_events is append-only'); END`,
];

/** Makes the log's tables where they are missing. The caller holds the transaction. */
export function createLog(sql: Sql): void {
  for (const statement of DDL) sql.run(statement);
  // What a log was indexed by before its blocks were. An earlier version that opens it makes that again, and no blocks.
  if (one(sql, "SELECT name FROM sqlite_master WHERE name = 'evt_events_subject'") === undefined) return;
  sql.run("DELETE FROM evt_subjects");
  indexSubjects(sql, 0, blockStart(lastPlace(sql)?.position ?? 0));
  sql.run("DROP INDEX evt_events_subject");
}

export type EventRow = Readonly<{
  position: number;
  event_id: string;
  stream: string;
  stream_seq: number;
  recorded_at: string;
  body: string;
  event_hash: string;
}> &
  Readonly<Record<string, SqlValue>>;

const SELECT = "SELECT position, event_id, stream, stream_seq, recorded_at, body, event_hash FROM evt_events";

/** Events after a position, all of them or one subject's, in order, read in pages. */
export function* eventRows(sql: Sql, after = 0, subject_id?: string): Generator<EventRow> {
  const page = `position > ? ORDER BY position LIMIT ${LIMITS.log_page_events}`;
  const places = `SELECT position FROM evt_places WHERE subject_id = ? AND ${page}`;
  for (let position = after; ; ) {
    const rows =
      subject_id === undefined
        ? sql.all<EventRow>(`${SELECT} WHERE ${page}`, position)
        : sql.all<EventRow>(`${SELECT} WHERE position IN (${places}) ORDER BY position`, subject_id, position);
    for (const row of rows) {
      position = row.position;
      yield row;
    }
    if (rows.length < LIMITS.log_page_events) return;
  }
}

/**
 * The first event up to a position that is not found where it belongs by what its body says, or undefined: neither the
 * columns of its row nor the index of subjects are hashed. Every body is JSON. Pauses now and then.
 */
export function* findMisplaced(
  sql: Sql,
  until: number,
): Generator<void, Pick<StreamHead, "stream" | "seq"> | undefined> {
  const said = (column: string) => `${column} IS NOT json_extract(body, '$.${column}')`;
  const unfound = `SELECT stream, stream_seq AS seq FROM evt_events e WHERE position > ? AND position <= ?
      AND (${["subject_id", "event_type", "correlation_id", "idempotency_key"].map(said).join(" OR ")}
        OR NOT EXISTS (SELECT 1 FROM evt_places p WHERE p.subject_id = e.subject_id AND p.position = e.position))
    ORDER BY position LIMIT 1`;
  for (let after = 0; after < until; after += LIMITS.log_page_events) {
    const last = Math.min(after + LIMITS.log_page_events, until);
    const found = one<Pick<StreamHead, "stream" | "seq">>(sql, unfound, after, last);
    if (found !== undefined) return found;
    yield;
  }
  // Each has its place: are there more places than that?
  const places = one<{ count: number }>(sql, "SELECT count(*) AS count FROM evt_subjects")?.count;
  if (places === blockStart(lastPlace(sql)?.position ?? 0)) return undefined;
  const strange = `SELECT ifnull(stream, '') AS stream, ifnull(stream_seq, 0) AS seq
    FROM evt_subjects s LEFT JOIN evt_events e USING (position) WHERE s.subject_id IS NOT e.subject_id LIMIT 1`;
  return one(sql, strange);
}

/** Events of one stream with `stream_seq > from_seq`, in order, at most `limit`. */
export function streamRows(sql: Sql, stream: string, from_seq: number, limit: number): readonly EventRow[] {
  return sql.all<EventRow>(
    `${SELECT} WHERE stream = ? AND stream_seq > ? ORDER BY stream_seq LIMIT ?`,
    stream,
    from_seq,
    limit,
  );
}

/** The events an earlier call with the same idempotency key wrote. */
export function repeatedRows(sql: Sql, context: EventContext): readonly EventRow[] {
  if (context.idempotency_key === undefined) return [];
  return sql.all<EventRow>(
    `${SELECT} WHERE stream = ? AND idempotency_key = ? ORDER BY position`,
    `${context.stream_type}/${context.stream_id}`,
    context.idempotency_key,
  );
}

export function streamHeads(sql: Sql): readonly StreamHead[] {
  return sql
    .all<{ stream: string; stream_seq: number; event_hash: string }>("SELECT * FROM evt_stream_heads ORDER BY stream")
    .map((row) => ({ stream: row.stream, seq: row.stream_seq, event_hash: row.event_hash }));
}

/** An event about to be written, and what it belongs to. */
export type Pending = EventDraft & { readonly subject_id: string };

/** An event that was just written, and its position in the log. */
export interface Written {
  readonly event: Recorded;
  readonly position: number;
}

/** What the log needs from its platform, and which fields it seals. */
export interface LogPorts {
  readonly random: RandomBytes;
  readonly sha256: Sha256Hex;
  readonly sealed_fields: SealedFields;
}

/** Where a stream ends: what its next event follows. */
export type Head = Readonly<{ stream_seq: number; event_hash: string }>;

export type EventPlace = Readonly<{ position: number; event_id: string }>;

/** The last event of the log; undefined where there is none. */
export function lastPlace(sql: Sql): EventPlace | undefined {
  return one<EventPlace>(sql, "SELECT position, event_id FROM evt_events ORDER BY position DESC LIMIT 1");
}

/** The last event of a subject before the unfinished block; undefined where there is none. */
export function indexedPlace(sql: Sql, subject_id: string): EventPlace | undefined {
  const place = "SELECT max(position) FROM evt_subjects WHERE subject_id = ?";
  return one<EventPlace>(sql, `SELECT position, event_id FROM evt_events WHERE position = (${place})`, subject_id);
}

/** The events of the unfinished block, those after `blockStart` of the last position, in order. */
export function unindexed(sql: Sql, position: number): readonly (EventPlace & { readonly subject_id: string })[] {
  const query = "SELECT position, event_id, subject_id FROM evt_events WHERE position > ? ORDER BY position";
  return sql.all(query, blockStart(position));
}

/** After which position the unfinished block begins in a log that ends with `position`. */
export function blockStart(position: number): number {
  return position - (position % BLOCK);
}

export function streamHead(sql: Sql, stream: string): Head | undefined {
  return one<Head>(sql, "SELECT stream_seq, event_hash FROM evt_stream_heads WHERE stream = ?", stream);
}

/**
 * Writes events at the end of the log and of their stream, each handed to `written` before the next. The caller holds the
 * transaction, and rolls it back on a refusal: event_too_large.
 */
export function appendEvents(
  sql: Sql,
  context: EventContext,
  ends: { readonly position: number; readonly stream: string; readonly head: Head | undefined },
  pending: readonly Pending[],
  ports: LogPorts,
  written: (written: Written) => void,
): Rejection | undefined {
  let { position, head } = ends;
  for (const draft of pending) {
    position += 1;
    const appended = appendEvent(sql, context, { ...ends, head, position }, draft, ports);
    if (isRejection(appended)) return appended;
    head = appended.event;
    if (position % BLOCK === 0) indexSubjects(sql, position - BLOCK);
    written(appended);
  }
  sql.run(
    `INSERT INTO evt_stream_heads (stream, stream_seq, event_hash) VALUES (?, ?, ?)
     ON CONFLICT (stream) DO UPDATE SET stream_seq = excluded.stream_seq, event_hash = excluded.event_hash`,
    ends.stream,
    head?.stream_seq ?? 0,
    head?.event_hash ?? "",
  );
  return undefined;
}

/** Enters the events after a position into the index of subjects. */
function indexSubjects(sql: Sql, after: number, until = after + BLOCK): void {
  sql.run(
    "INSERT INTO evt_subjects SELECT subject_id, position FROM evt_events WHERE position > ? AND position <= ?",
    after,
    until,
  );
}

function appendEvent(
  sql: Sql,
  context: EventContext,
  { stream, head, position }: { readonly stream: string; readonly head: Head | undefined; readonly position: number },
  draft: Pending,
  { random, sha256, sealed_fields }: LogPorts,
): Written | Rejection {
  const { actor_type, actor_id, causation_id, correlation_id, idempotency_key } = context;
  const { workspace_id, stream_type, stream_id } = context;
  const { event_type, subject_id } = draft;
  const occurred_at = new Date(context.now_ms).toISOString();
  const stream_seq = (head?.stream_seq ?? 0) + 1;
  const members = canonicalMembers(draft.data);
  // Read from its canonical form, so that a projection sees the same keys in the same order live and in a rebuild.
  const data = JSON.parse(objectOf(members)) as Readonly<Record<string, unknown>>;
  const sealed = seal(members, random, sha256, sealed_fields[event_type] ?? []);
  const event: Unhashed = {
    event_id: newUuid(context.now_ms, random),
    event_type,
    event_version: 1,
    occurred_at,
    workspace_id,
    stream_type,
    stream_id,
    stream_seq,
    subject_id,
    actor_type,
    actor_id,
    correlation_id,
    prev_event_hash: head?.event_hash ?? null,
    data,
    ...(causation_id === undefined ? {} : { causation_id }),
    ...(idempotency_key === undefined ? {} : { idempotency_key }),
  };
  const body = bodyOf(event, objectOf(members));
  if (body.length > LIMITS.event_chars) {
    const message = `a ${event_type} event of ${body.length} characters is over the limit of ${LIMITS.event_chars}`;
    return reject("event_too_large", message);
  }
  const event_hash = hashBody(body, sha256);
  sql.run(
    `INSERT INTO evt_events (event_id, stream, stream_seq, subject_id, event_type, correlation_id, idempotency_key,
       recorded_at, body, event_hash, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    event.event_id,
    stream,
    stream_seq,
    subject_id,
    event_type,
    correlation_id,
    idempotency_key ?? null,
    occurred_at,
    body,
    event_hash,
    position,
  );
  if (sealed !== null) sql.run("INSERT INTO evt_sealed VALUES (?, ?)", position, sealed);
  return { event: { ...event, event_hash, recorded_at: occurred_at }, position };
}

type Unhashed = Omit<Recorded, "event_hash" | "recorded_at">;

/** What is hashed of an event: its canonical form, with its data as they stand in the log. */
function bodyOf(event: Unhashed, data: string): string {
  const text = canonicalize;
  const { causation_id, idempotency_key } = event;
  // Each name at its place among the others.
  return (
    `{"actor_id":${text(event.actor_id)},"actor_type":${text(event.actor_type)},` +
    `${causation_id === undefined ? "" : `"causation_id":${text(causation_id)},`}` +
    `"correlation_id":${text(event.correlation_id)},"data":${data},"event_id":${text(event.event_id)},` +
    `"event_type":${text(event.event_type)},"event_version":${text(event.event_version)},"hash_version":1,` +
    `${idempotency_key === undefined ? "" : `"idempotency_key":${text(idempotency_key)},`}` +
    `"occurred_at":${text(event.occurred_at)},"prev_event_hash":${text(event.prev_event_hash)},` +
    `"stream_id":${text(event.stream_id)},"stream_seq":${text(event.stream_seq)},` +
    `"stream_type":${text(event.stream_type)},"subject_id":${text(event.subject_id)},` +
    `"workspace_id":${text(event.workspace_id)}}`
  );
}

/** One member of an object, its value in canonical form. */
interface Member {
  readonly key: string;
  readonly value: string;
}

/** The members of an object in the order of their keys. */
function canonicalMembers(data: object): Member[] {
  const members: Member[] = [];
  for (const key of sortedKeys(data)) {
    const member = (data as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined) members.push({ key, value: canonicalize(member) });
  }
  return members;
}

function objectOf(members: readonly Member[]): string {
  let text = "";
  for (const { key, value } of members) text += `${text === "" ? "" : ","}${canonicalize(key)}:${value}`;
  return `{${text}}`;
}

/** Replaces the members that are sealed by salted commitments to them; gives the values by field, as JSON, or null. */
function seal(members: Member[], random: RandomBytes, sha256: Sha256Hex, fields: readonly string[]): string | null {
  if (fields.length === 0) return null;
  const sealed: Member[] = [];
  for (const [at, { key, value }] of members.entries()) {
    if (!fields.includes(key)) continue;
    const salt = bytesToHex(random(16));
    members[at] = { key, value: canonicalize(commitText(salt, value, sha256)) };
    sealed.push({ key, value: `{"salt":"${salt}","value":${value}}` });
  }
  return sealed.length === 0 ? null : objectOf(sealed);
}

/** A row as the event its writer saw; sealed fields whose values were deleted are absent. */
export function toEvent(sql: Sql, row: EventRow): Recorded {
  const event = unsealed(row);
  if (!row.body.includes(COMMITMENT)) return event;
  const kept = keptJson(sealedText(sql, row)) as Readonly<Record<string, SealedValue>>;
  const data: Record<string, unknown> = { ...event.data };
  for (const [field, value] of Object.entries(data)) {
    const sealed = Object.hasOwn(kept, field) ? kept[field] : undefined;
    if (sealed !== undefined) data[field] = sealed.value;
    else if (isCommitment(value)) delete data[field];
  }
  return { ...event, data };
}

/** A row as the event that was hashed: commitments stand where values are sealed. */
export function unsealed(row: EventRow): Recorded {
  const { hash_version: _, ...event } = keptJson(row.body) as Unhashed & { readonly hash_version: 1 };
  return { ...event, event_hash: row.event_hash, recorded_at: row.recorded_at };
}

const COMMITMENT = '"sealed_sha256"';

function isCommitment(value: unknown): boolean {
  return typeof value === "object" && value !== null && "sealed_sha256" in value;
}

/** The sealed values of an event by field, as JSON; none where they were deleted. */
function sealedText(sql: Sql, { position }: EventRow): string {
  return one<{ fields: string }>(sql, "SELECT fields FROM evt_sealed WHERE position = ?", position)?.fields ?? "{}";
}

/** A row as a link of its stream's chain, with the sealed values that are still there. */
export function toLink(sql: Sql, row: EventRow): ChainLink {
  const link = { stream: row.stream, seq: row.stream_seq, body: row.body, event_hash: row.event_hash };
  return row.body.includes(COMMITMENT) ? { ...link, sealed: parseSealed(sealedText(sql, row)) } : link;
}
