import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { RelayManagementRequest } from "@oa/shared/generated/types.ts";
import { kindOf } from "@oa/shared/nostr/kinds.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { bans, refuseBanned } from "./bans.ts";
import { deleteEvents, storeEvents } from "./store.ts";

/** What the relay says of itself (NIP-11), where its managers changed it. */
export interface RelaySettings {
  readonly name?: string;
  readonly description?: string;
  readonly icon?: string;
  readonly disallowed_kinds: readonly number[];
}

type Call = (sql: Sql, params: RelayManagementRequest["params"], now_s: number) => unknown;
const wrong = (what: string): Rejection => reject("usage", what);

/** The methods of NIP-86 that this relay has. It is open, so that keys are banned and never allowed alone. */
const METHODS: Readonly<Record<string, Call>> = {
  banpubkey: (sql, params) => ban(sql, "pubkey", params),
  unbanpubkey: (sql, params, now_s) => unban(sql, "pubkey", params, now_s),
  allowpubkey: (sql, params, now_s) => unban(sql, "pubkey", params, now_s),
  listbannedpubkeys: (sql) => bans(sql, "pubkey").map(({ value, reason }) => ({ pubkey: value, reason })),
  banevent: (sql, params) => ban(sql, "event", params),
  unbanevent: (sql, params, now_s) => unban(sql, "event", params, now_s),
  allowevent: (sql, params, now_s) => unban(sql, "event", params, now_s),
  listbannedevents: (sql) => bans(sql, "event").map(({ value, reason }) => ({ id: value, reason })),
  disallowkind: (sql, [kind]) => setKind(sql, kind, false),
  allowkind: (sql, [kind]) => setKind(sql, kind, true),
  listdisallowedkinds: (sql) => bans(sql, "kind").map(({ value }) => Number(value)),
  changerelayname: (sql, [text]) => set(sql, "name", text, 64),
  changerelaydescription: (sql, [text]) => set(sql, "description", text, 1_000),
  changerelayicon: (sql, [text]) =>
    typeof text === "string" && /^https:\/\/[^\s"<>]+$/.test(text)
      ? set(sql, "icon", text, 500)
      : wrong("an icon is named by its https address"),
};

/** Answered by the moderation object, which has the cases. */
const NEEDING_MODERATION = "listeventsneedingmoderation";
export const METHOD_NAMES: readonly string[] = [...Object.keys(METHODS), NEEDING_MODERATION].sort();

/** Whether a call is about what the relay takes, and so about every shard; else the first answers alone. */
export function concernsAllShards({ method }: RelayManagementRequest): boolean {
  return /^((un)?ban|(dis)?allow)/.test(method);
}

export function needsCases({ method }: RelayManagementRequest): boolean {
  return method === NEEDING_MODERATION;
}

/**
 * Does one management call (NIP-86), inside the caller's transaction: its result, or why not. Refusals: usage, for what
 * the method cannot take and for methods this relay does not have.
 */
export function manage(sql: Sql, { method, params }: RelayManagementRequest, now_s: number): unknown {
  if (method === "supportedmethods") return METHOD_NAMES;
  const call = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  return call?.(sql, params, now_s) ?? wrong(`this relay does not support ${method}; ask supportedmethods`);
}

export function settingsOf(sql: Sql): RelaySettings {
  const rows = sql.all<{ name: string; value: string }>("SELECT name, value FROM relay_settings LIMIT 10");
  return {
    ...Object.fromEntries(rows.map(({ name, value }) => [name, value])),
    disallowed_kinds: bans(sql, "kind").map(({ value }) => Number(value)),
  };
}

type Params = RelayManagementRequest["params"];

function ban(sql: Sql, kind: "pubkey" | "event", [value, reason = ""]: Params): true | Rejection {
  if (typeof value !== "string" || !isHex32(value)) return wrong(`a ${kind} is named by 64 lower-case hex digits`);
  if (typeof reason !== "string" || reason.length > 500) return wrong("the reason is a text of at most 500 characters");
  const count = one<{ count: number }>(sql, "SELECT count(*) AS count FROM relay_bans")?.count ?? 0;
  if (count >= LIMITS.relay_bans) return wrong(`there is no room for more than ${LIMITS.relay_bans} bans`);
  sql.run("INSERT OR REPLACE INTO relay_bans (kind, value, reason) VALUES (?, ?, ?)", kind, value, reason);
  for (;;) {
    const rows = sql.all<{ seq: number; id: string; pubkey: string; raw: string }>(
      `SELECT seq, id, pubkey, raw FROM relay_events WHERE ${kind === "pubkey" ? "pubkey" : "id"} = ?
       LIMIT ${LIMITS.relay_ban_batch}`,
      value,
    );
    if (rows.length === 0) return true;
    for (const { id, pubkey, raw } of rows) {
      sql.run("INSERT OR IGNORE INTO relay_banned_events (id, pubkey, raw) VALUES (?, ?, ?)", id, pubkey, raw);
    }
    deleteEvents(
      sql,
      rows.map(({ seq }) => seq),
    );
  }
}

/** Lifts a ban; what it took out comes back, unless it has expired or was replaced or deleted since. */
function unban(sql: Sql, kind: "pubkey" | "event", [value]: Params, now_s: number): true | Rejection {
  if (typeof value !== "string" || !isHex32(value)) return wrong(`a ${kind} is named by 64 lower-case hex digits`);
  sql.run("DELETE FROM relay_bans WHERE kind = ? AND value = ?", kind, value);
  const column = kind === "pubkey" ? "pubkey" : "id";
  for (;;) {
    const rows = sql.all<{ id: string; raw: string }>(
      `SELECT id, raw FROM relay_banned_events WHERE ${column} = ? LIMIT ${LIMITS.relay_ban_batch}`,
      value,
    );
    if (rows.length === 0) return true;
    // The relay verified them before it first kept them. One that is banned for another reason too stays out.
    const back = rows
      .map(({ raw }) => JSON.parse(raw) as VerifiedEvent)
      .filter((event) => refuseBanned(sql, event) === null);
    storeEvents(sql, back, now_s);
    const out = JSON.stringify(back.map(({ id }) => id));
    sql.run("DELETE FROM relay_banned_events WHERE id IN (SELECT value FROM json_each(?))", out);
    if (back.length < rows.length) return true;
  }
}

function setKind(sql: Sql, kind: Params[number] | undefined, allowed: boolean): true | Rejection {
  if (typeof kind !== "number" || kindOf(kind)?.relayed !== true) {
    return wrong(`this relay speaks a fixed table of kinds, and ${String(kind)} is not one that it takes (see NIP-11)`);
  }
  if (allowed) sql.run("DELETE FROM relay_bans WHERE kind = 'kind' AND value = ?", String(kind));
  else sql.run("INSERT OR REPLACE INTO relay_bans (kind, value, reason) VALUES ('kind', ?, '')", String(kind));
  return true;
}

function set(sql: Sql, name: string, value: Params[number] | undefined, chars_max: number): true | Rejection {
  if (typeof value !== "string" || value.length > chars_max) {
    return wrong(`the relay's ${name} is a text of at most ${chars_max} characters`);
  }
  if (value === "") sql.run("DELETE FROM relay_settings WHERE name = ?", name);
  else sql.run("INSERT OR REPLACE INTO relay_settings (name, value) VALUES (?, ?)", name, value);
  return true;
}
