import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncSet } from "@oa/shared/nostr/negentropy.ts";
import type { Replies } from "./replies.ts";
import { answeredBefore, type Subscription } from "./subscription.ts";

export const CONNECTIONS_DDL =
  "CREATE TABLE IF NOT EXISTS relay_subscriptions (connection TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID";

/**
 * One client. All of it but the rate, comparisons and answers under way survives hibernation: it is written to the
 * socket's attachment, and its subscriptions to a table where they are too large for that.
 */
export interface Connection {
  readonly id: string;
  /** The host the client dialled: what its NIP-42 event must name. */
  readonly host: string;
  challenge: string | null;
  /** Keys that have authenticated. */
  readonly keys: Set<string>;
  readonly subscriptions: Map<string, Subscription>;
  readonly replies: Replies;
  /** Comparisons (NIP-77) that are under way. They do not survive: the other side begins again. */
  readonly syncs: Map<string, SyncSession>;
  /** What a limit for addresses applies to; null where none does. */
  readonly address: string | null;
  /** Whether the table holds its subscriptions: one that it does not hold costs no write. */
  in_table: boolean;
  tokens: number;
  tokens_at_ms: number;
}

export interface SyncSession {
  /** Null while it opens. */
  set: SyncSet | null;
  used_at_ms: number;
}

interface Attachment {
  readonly id: string;
  readonly host: string;
  readonly address: string | null;
  readonly challenge: string | null;
  readonly keys: readonly string[];
  /** JSON of the subscriptions, or null where the table holds it. */
  readonly subscriptions: string | null;
}

export function newConnection(id: string, host: string, address: string | null): Connection {
  return {
    id,
    host,
    challenge: null,
    keys: new Set(),
    subscriptions: new Map(),
    replies: [],
    syncs: new Map(),
    address,
    in_table: false,
    tokens: LIMITS.relay_rate_burst,
    tokens_at_ms: 0,
  };
}

/** Writes what must survive hibernation. Called after each change of subscriptions or keys. */
export function saveConnection(sql: Sql, socket: WebSocket, connection: Connection): void {
  const text = JSON.stringify([...connection.subscriptions].map(([id, { filters }]) => [id, filters]));
  const fits = text.length <= LIMITS.relay_attachment_chars;
  if (fits) forgetConnection(sql, connection);
  else sql.run("INSERT OR REPLACE INTO relay_subscriptions (connection, body) VALUES (?, ?)", connection.id, text);
  connection.in_table = !fits;
  const attachment: Attachment = {
    id: connection.id,
    host: connection.host,
    address: connection.address,
    challenge: connection.challenge,
    keys: [...connection.keys],
    subscriptions: fits ? text : null,
  };
  socket.serializeAttachment(attachment);
}

/** The connection of a socket that outlived this object's memory. */
export function restoreConnection(sql: Sql, socket: WebSocket): Connection {
  const attachment = socket.deserializeAttachment() as Attachment;
  const text =
    attachment.subscriptions ??
    one<{ body: string }>(sql, "SELECT body FROM relay_subscriptions WHERE connection = ?", attachment.id)?.body ??
    "[]";
  return {
    ...newConnection(attachment.id, attachment.host, attachment.address),
    challenge: attachment.challenge,
    in_table: attachment.subscriptions === null,
    keys: new Set(attachment.keys),
    subscriptions: new Map(
      (JSON.parse(text) as [string, NostrFilter[]][]).map(([id, filters]) => [id, answeredBefore(filters)]),
    ),
  };
}

export function forgetConnection(sql: Sql, { id, in_table }: Connection): void {
  if (in_table) sql.run("DELETE FROM relay_subscriptions WHERE connection = ?", id);
}
