import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncSet } from "@oa/shared/nostr/negentropy.ts";
import type { Replies } from "./replies.ts";
import { answeredBefore, type LiveEvent, type Subscription } from "./subscription.ts";

export const CONNECTIONS_DDL = `CREATE TABLE IF NOT EXISTS relay_filters (
  connection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (connection, id)) WITHOUT ROWID`;

/**
 * One client. All of it but the rate, comparisons and answers under way survives hibernation: it is written to the
 * socket's attachment, and the subscriptions that this has no room for to a table.
 */
export interface Connection {
  readonly id: string;
  /** The host the client dialled: what its NIP-42 event must name. */
  readonly host: string;
  challenge: string | null;
  /** Keys that have authenticated. */
  readonly keys: Set<string>;
  /** Changed by `setSubscription`. */
  readonly subscriptions: Map<string, Subscription>;
  /** How many characters of filters they have. */
  filter_chars: number;
  /** Which of them the table holds: one that it does not hold costs no write. */
  readonly in_table: Set<string>;
  readonly replies: Replies;
  /** Ids of events that it publishes and has no OK for; each with the news of it, which comes after the OK. */
  readonly publishing: Map<string, LiveEvent | null>;
  /** Comparisons (NIP-77) that are under way. They do not survive: the other side begins again. */
  readonly syncs: Map<string, SyncSession>;
  /** What a limit for addresses applies to; null where none does. */
  readonly address: string | null;
  tokens: number;
  tokens_at_ms: number;
}

export interface SyncSession {
  /** Null while it opens. */
  set: SyncSet | null;
  /** How many events it holds; while it opens, how many it may. */
  held_events: number;
  used_at_ms: number;
}

interface Attachment {
  readonly id: string;
  readonly host: string;
  readonly address: string | null;
  readonly challenge: string | null;
  readonly keys: readonly string[];
  /** The subscriptions that the table does not hold. */
  readonly subscriptions: readonly (readonly [string, readonly NostrFilter[]])[];
  readonly in_table: boolean;
}

export function newConnection(id: string, host: string, address: string | null): Connection {
  return {
    id,
    host,
    challenge: null,
    keys: new Set(),
    subscriptions: new Map(),
    filter_chars: 0,
    in_table: new Set(),
    replies: [],
    publishing: new Map(),
    syncs: new Map(),
    address,
    tokens: LIMITS.relay_rate_burst,
    tokens_at_ms: 0,
  };
}

/** Opens a subscription, in place of the one with the same id; null closes that. `save` is for the caller to do. */
export function setSubscription(connection: Connection, id: string, subscription: Subscription | null): void {
  const { subscriptions } = connection;
  connection.filter_chars += (subscription?.chars ?? 0) - (subscriptions.get(id)?.chars ?? 0);
  if (subscription === null) subscriptions.delete(id);
  else subscriptions.set(id, subscription);
}

/** Writes what must survive hibernation: after each change of keys, and of a subscription, which is named. */
export function saveConnection(sql: Sql, socket: WebSocket, connection: Connection, changed?: string): void {
  const { id, host, address, challenge, keys, subscriptions, in_table } = connection;
  if (changed !== undefined) {
    if (in_table.delete(changed)) sql.run("DELETE FROM relay_filters WHERE connection = ? AND id = ?", id, changed);
    let attached = 0;
    for (const [each, { chars }] of subscriptions) if (!in_table.has(each)) attached += chars + each.length;
    const open = subscriptions.get(changed);
    if (open !== undefined && attached > LIMITS.relay_attachment_chars) {
      const body = JSON.stringify(open.filters);
      sql.run("INSERT INTO relay_filters (connection, id, body) VALUES (?, ?, ?)", id, changed, body);
      in_table.add(changed);
    }
  }
  const attachment: Attachment = {
    ...{ id, host, address, challenge, keys: [...keys] },
    subscriptions: [...subscriptions].flatMap(([each, { filters }]) => (in_table.has(each) ? [] : [[each, filters]])),
    in_table: in_table.size > 0,
  };
  socket.serializeAttachment(attachment);
}

/** The connection of a socket that outlived this object's memory. */
export function restoreConnection(sql: Sql, socket: WebSocket): Connection {
  const { id, host, address, challenge, keys, subscriptions, in_table } = socket.deserializeAttachment() as Attachment;
  const connection: Connection = { ...newConnection(id, host, address), challenge, keys: new Set(keys) };
  for (const [each, filters] of subscriptions) setSubscription(connection, each, answeredBefore(filters));
  if (!in_table) return connection;
  const rows = sql.all<{ id: string; body: string }>("SELECT id, body FROM relay_filters WHERE connection = ?", id);
  for (const row of rows) {
    setSubscription(connection, row.id, answeredBefore(JSON.parse(row.body) as NostrFilter[]));
    connection.in_table.add(row.id);
  }
  return connection;
}

export function forgetConnection(sql: Sql, { id, in_table }: Connection): void {
  if (in_table.size > 0) sql.run("DELETE FROM relay_filters WHERE connection = ?", id);
}
