import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";

/**
 * One client. All of it but the rate survives hibernation: it is written to the socket's attachment, and its
 * subscriptions to a table where they are too large for that.
 */
export interface Connection {
  readonly id: string;
  /** The host the client dialled: what its NIP-42 event must name. */
  readonly host: string;
  challenge: string | null;
  /** Keys that have authenticated. */
  readonly keys: Set<string>;
  readonly subscriptions: Map<string, readonly NostrFilter[]>;
  tokens: number;
  tokens_at_ms: number;
}

interface Attachment {
  readonly id: string;
  readonly host: string;
  readonly challenge: string | null;
  readonly keys: readonly string[];
  /** JSON of the subscriptions, or null where the table holds it. */
  readonly subscriptions: string | null;
}

export function newConnection(id: string, host: string): Connection {
  return {
    id,
    host,
    challenge: null,
    keys: new Set(),
    subscriptions: new Map(),
    tokens: LIMITS.relay_rate_burst,
    tokens_at_ms: 0,
  };
}

/** Writes what must survive hibernation. Called after each change of subscriptions or keys. */
export function saveConnection(sql: Sql, socket: WebSocket, connection: Connection): void {
  const text = JSON.stringify([...connection.subscriptions]);
  const fits = text.length <= LIMITS.relay_attachment_chars;
  if (fits) forgetConnection(sql, connection.id);
  else sql.run("INSERT OR REPLACE INTO relay_subscriptions (connection, body) VALUES (?, ?)", connection.id, text);
  const attachment: Attachment = {
    id: connection.id,
    host: connection.host,
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
    ...newConnection(attachment.id, attachment.host),
    challenge: attachment.challenge,
    keys: new Set(attachment.keys),
    subscriptions: new Map(JSON.parse(text) as [string, NostrFilter[]][]),
  };
}

export function forgetConnection(sql: Sql, id: string): void {
  sql.run("DELETE FROM relay_subscriptions WHERE connection = ?", id);
}

/** Takes `cost` from the connection's allowance; false when it is used up. */
export function withinRate(connection: Connection, cost: number, now_ms: number): boolean {
  const earned = ((now_ms - connection.tokens_at_ms) * LIMITS.relay_rate_per_s) / 1000;
  connection.tokens = Math.min(LIMITS.relay_rate_burst, connection.tokens + Math.max(0, earned));
  connection.tokens_at_ms = now_ms;
  if (connection.tokens < cost) return false;
  connection.tokens -= cost;
  return true;
}
