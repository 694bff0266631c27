import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { CuratedListView, ListingModeration, ModerationDecision } from "@oa/shared/generated/types.ts";
import { blocked, type Judgeable, judge, type ReaderView, readerView } from "@oa/shared/moderation/reader.ts";
import { type Trust, trustIn } from "@oa/shared/moderation/trust.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { fromEvent as decisionIn, isModeration } from "@oa/shared/nostr/01985-moderation.ts";
import { fromEvent as mutesIn } from "@oa/shared/nostr/10000-mutes.ts";
import { type People, fromEvent as peopleIn } from "@oa/shared/nostr/30000-people.ts";
import { fromEvent as oldListIn } from "@oa/shared/nostr/30001-old-list.ts";
import { fromEvent as kindMutesIn } from "@oa/shared/nostr/30007-kind-mutes.ts";
import { type CuratedList, fromEvent as curatedIn } from "@oa/shared/nostr/30267-curated.ts";
import { addressOf, KINDS } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";

export const MODERATION_DDL = [
  // Decisions and appeals by anybody: whose count is the reader's to choose. Never deleted by their signer.
  `CREATE TABLE IF NOT EXISTS cat_labels (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, signer TEXT NOT NULL, raw TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS cat_labels_signer ON cat_labels (signer, seq)",
  // Curators, trusted authors, blocklists and curated lists, the newest of each address.
  `CREATE TABLE IF NOT EXISTS cat_lists (
     address TEXT PRIMARY KEY, kind INTEGER NOT NULL, signer TEXT NOT NULL, created_at INTEGER NOT NULL,
     event_id TEXT NOT NULL, raw TEXT NOT NULL) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS cat_lists_signer ON cat_lists (signer, kind)",
];

const READERS = new Map<number, (event: VerifiedEvent) => object | Rejection>([
  [KINDS.people.kind, peopleIn],
  [KINDS.mutes.kind, mutesIn],
  [KINDS.kind_mutes.kind, kindMutesIn],
  [KINDS.curated.kind, curatedIn],
  [KINDS.old_list.kind, oldListIn],
]);
export const MODERATION_KINDS: readonly number[] = [KINDS.label.kind, ...READERS.keys()];

/** Who has more room than keys that nobody here knows. */
export interface Known {
  /** The operator and the curators that its list names. */
  readonly trusted: readonly string[];
  /** The moderators that it offers to readers, and whom their lists name. */
  readonly offered: readonly string[];
}

/** Takes a decision or a list, inside the caller's transaction; whether it is new, or why it was left out. Safe to repeat. */
export function takeModeration(sql: Sql, event: VerifiedEvent, known: Known): boolean | Rejection {
  if (event.kind === KINDS.label.kind) return isModeration(event) && takeLabel(sql, event, known);
  const list = READERS.get(event.kind)?.(event);
  if (list === undefined || isRejection(list)) return list ?? false;
  return takeList(sql, event, known);
}

function takeLabel(sql: Sql, event: VerifiedEvent, { trusted, offered }: Known): boolean | Rejection {
  const decision = decisionIn(event);
  if (isRejection(decision)) return decision;
  if (one(sql, "SELECT 1 AS here FROM cat_labels WHERE event_id = ?", event.id) !== undefined) return false;
  const own = trusted.includes(event.pubkey);
  const room = own
    ? LIMITS.moderation_decisions_per_curator
    : offered.includes(event.pubkey)
      ? LIMITS.moderation_decisions_per_offered
      : LIMITS.moderation_decisions_per_key;
  if (count(sql, "cat_labels WHERE signer = ?", event.pubkey) >= room) {
    return reject("rate_limited", `the key ${event.pubkey} has no room for another decision`);
  }
  if (!own && count(sql, "cat_labels") >= LIMITS.moderation_decisions) {
    // Keys cost nothing: those that nobody here knows share a room, and give way, the oldest decision first.
    const gone = sql.all(
      `DELETE FROM cat_labels WHERE seq = (
         SELECT min(seq) FROM cat_labels WHERE signer NOT IN (SELECT value FROM json_each(?))) RETURNING seq`,
      JSON.stringify([...trusted, ...offered]),
    );
    if (gone.length === 0) return reject("rate_limited", "there is no room for another decision");
  }
  sql.run(
    "INSERT INTO cat_labels (event_id, signer, raw) VALUES (?, ?, ?)",
    ...[event.id, event.pubkey, JSON.stringify(event)],
  );
  return true;
}

function takeList(sql: Sql, event: VerifiedEvent, { trusted, offered }: Known): boolean | Rejection {
  const address = addressOf(event);
  const here = one(sql, "SELECT 1 AS here FROM cat_lists WHERE address = ?", address) !== undefined;
  const isOther = !here && !trusted.includes(event.pubkey);
  if (isOther && count(sql, "cat_lists WHERE signer = ?", event.pubkey) >= LIMITS.curated_lists_per_key) {
    return reject("rate_limited", `the key ${event.pubkey} has no room for another list`);
  }
  const isStranger = isOther && !offered.includes(event.pubkey);
  if (isStranger && count(sql, "cat_lists") >= LIMITS.moderation_lists) {
    return reject("rate_limited", "there is no room for another list");
  }
  const taken = sql.all(
    `INSERT INTO cat_lists (address, kind, signer, created_at, event_id, raw) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (address) DO UPDATE SET created_at = ?4, event_id = ?5, raw = ?6
     WHERE created_at < ?4 OR (created_at = ?4 AND event_id > ?5) RETURNING address`,
    ...[address, event.kind, event.pubkey, event.created_at, event.id, JSON.stringify(event)],
  );
  return taken.length > 0;
}

function count(sql: Sql, rows: string, ...params: readonly string[]): number {
  return one<{ count: number }>(sql, `SELECT count(*) AS count FROM ${rows}`, ...params)?.count ?? 0;
}

/** Removes the lists that a deletion names, of its own signer (NIP-09), and says how many; what was decided stays. */
export function deleteLists(
  sql: Sql,
  deletion: VerifiedEvent,
  ids: readonly string[],
  addresses: readonly string[],
): number {
  return sql.all(
    `DELETE FROM cat_lists WHERE signer = ?1 AND (event_id IN (SELECT value FROM json_each(?2))
       OR (address IN (SELECT value FROM json_each(?3)) AND created_at <= ?4)) RETURNING address`,
    ...[deletion.pubkey, JSON.stringify(ids), JSON.stringify(addresses), deletion.created_at],
  ).length;
}

/** What decisions come to for those who chose these keys, remembered until a decision comes or ends. */
export interface Moderation {
  readonly view: (chosen: readonly string[], now_s: number) => ReaderView;
  readonly trust: (chosen: readonly string[]) => Trust;
  /** The moderators that an operator's signed list offers to readers, at most `moderation_offered`. */
  readonly offered: (operator: string | null) => readonly string[];
  /** Something was taken: what was remembered is so no more. */
  readonly changed: () => void;
}

export function openModeration(sql: Sql): Moderation {
  const views = new Map<string, ReaderView>();
  const trusts = new Map<string, Trust>();
  const trust: Moderation["trust"] = (chosen) => {
    const name = chosen.join();
    const found = trusts.get(name) ?? trustIn(chosen, peopleLists(sql, chosen));
    if (trusts.size >= LIMITS.moderation_views_cached) trusts.clear();
    trusts.set(name, found);
    return found;
  };
  const view: Moderation["view"] = (chosen, now_s) => {
    const name = [...chosen].sort().join();
    const known = views.get(name);
    if (known !== undefined && (known.until ?? Number.POSITIVE_INFINITY) > now_s) return known;
    const whose = trust(chosen);
    const fresh = readerView(decisionsBy(sql, whose), whose, now_s);
    if (views.size >= LIMITS.moderation_views_cached) views.clear();
    views.set(name, fresh);
    return fresh;
  };
  const offered: Moderation["offered"] = (operator) => {
    if (operator === null) return [];
    const list = peopleLists(sql, [operator]).find((one) => one.list === "moderators");
    return (list?.people ?? []).slice(0, LIMITS.moderation_offered).map(({ pubkey }) => pubkey);
  };
  const changed = (): void => {
    views.clear();
    trusts.clear();
  };
  return { view, trust, offered, changed };
}

function listsBy<List extends object>(
  sql: Sql,
  signers: Iterable<string>,
  kinds: readonly number[],
  read: (event: VerifiedEvent) => List | Rejection,
): readonly { readonly list: List; readonly event: NostrEvent }[] {
  const rows = sql.all<{ raw: string }>(
    `SELECT raw FROM cat_lists WHERE signer IN (SELECT value FROM json_each(?))
       AND kind IN (SELECT value FROM json_each(?)) ORDER BY created_at DESC, event_id LIMIT ${LIMITS.moderation_lists}`,
    ...[JSON.stringify([...signers]), JSON.stringify(kinds)],
  );
  return rows.flatMap(({ raw }) => {
    const event = JSON.parse(raw) as VerifiedEvent;
    const list = read(event);
    return isRejection(list) ? [] : [{ list, event }];
  });
}

function peopleLists(sql: Sql, signers: readonly string[]): readonly People[] {
  return listsBy(sql, signers, [KINDS.people.kind], peopleIn).map(({ list }) => list);
}

function decisionsBy(sql: Sql, trust: Trust): readonly ModerationDecision[] {
  const rows = sql.all<{ raw: string }>(
    "SELECT raw FROM cat_labels WHERE signer IN (SELECT value FROM json_each(?)) ORDER BY seq",
    JSON.stringify([...trust.keys()]),
  );
  const said = rows.flatMap(({ raw }) => {
    const decision = decisionIn(JSON.parse(raw) as VerifiedEvent);
    return isRejection(decision) ? [] : [decision];
  });
  const mutes = listsBy(sql, trust.keys(), [KINDS.mutes.kind, KINDS.kind_mutes.kind], (event) =>
    event.kind === KINDS.mutes.kind ? mutesIn(event) : kindMutesIn(event),
  );
  return [...said, ...mutes.flatMap(({ list }) => blocked(list))];
}

/**
 * Of rows that are fetched a part at a time, those that a view shows, at most so many. `fetch` gives at most `count` rows
 * after one, in order. What is hidden is passed over here and not in SQL: it is little of all, and yet may be more than
 * one statement takes as parameters.
 */
export function shownRows<Row extends Judgeable>(
  view: ReaderView,
  wanted: number,
  fetch: (after: Row | null, count: number) => readonly Row[],
): readonly Row[] {
  const shown: Row[] = [];
  let after: Row | null = null;
  for (let count = wanted; ; count = Math.min(2 * count, LIMITS.catalog_narrow)) {
    const rows: readonly Row[] = fetch(after, count);
    for (const row of rows) {
      if (view.hidden.size === 0 || judge(view, row).hidden === null) shown.push(row);
      if (shown.length === wanted) return shown;
    }
    after = rows.at(-1) ?? null;
    if (after === null || rows.length < count) return shown;
  }
}

const JUDGED = "address, pubkey, event_id";

/** How many of the catalog's listings a view hides. */
export function countHidden(sql: Sql, view: ReaderView): number {
  const targets = [...view.hidden.values()].map(({ target }) => [target.kind, target.value] as const);
  const hidden = new Set<string>();
  for (let start = 0; start < targets.length; start += LIMITS.moderation_page) {
    const part = targets.slice(start, start + LIMITS.moderation_page);
    const of = (kind: string): string => JSON.stringify(part.flatMap(([of, value]) => (of === kind ? [value] : [])));
    const rows = sql.all<Judgeable & Readonly<Record<string, string>>>(
      ["address", "pubkey", "event_id"]
        .map((name) => `SELECT ${JUDGED} FROM cat_listings WHERE ${name} IN (SELECT value FROM json_each(?))`)
        .join(" UNION "),
      ...["listing", "key", "event"].map(of),
    );
    for (const row of rows) if (judge(view, row).hidden !== null) hidden.add(row.address);
  }
  return hidden.size;
}

/** What stands of a listing that is shown; undefined where nothing does. */
export function moderationOf(view: ReaderView, listing: Judgeable): ListingModeration | undefined {
  const { labels, featured } = judge(view, listing);
  return labels.length === 0 && !featured ? undefined : { labels: [...labels], featured };
}

/** Why a listing is not shown. Refusals: listing_taken_down, listing_held. */
export function refuseHidden(view: ReaderView, listing: Judgeable): Rejection | null {
  const { hidden } = judge(view, listing);
  if (hidden === null) return null;
  const code = hidden.action === "hold" ? "listing_held" : "listing_taken_down";
  return reject(
    code,
    `${listing.address} ${sentenceOf(hidden)}. Who decided it, and any appeal: /v1/moderation/ledger`,
    {
      address: listing.address,
      decision: hidden,
    },
  );
}

/** Curated lists by these keys, the latest first, with their signed events. */
export function curatedLists(sql: Sql, signers: Iterable<string>): readonly CuratedListView[] {
  const read = (event: VerifiedEvent): CuratedList | Rejection =>
    event.kind === KINDS.curated.kind ? curatedIn(event) : oldListIn(event);
  return listsBy(sql, signers, [KINDS.curated.kind, KINDS.old_list.kind], read).map(({ list, event }) => ({
    ...{ ...list, listings: [...list.listings], npub: hexToNpub(list.signer) },
    event: event as CuratedListView["event"],
  }));
}

/** Signed decisions and lists of those trusted after a place, and with `appeals` everybody's appeals, as mirrors read them. */
export function moderationEvents(
  sql: Sql,
  trust: Trust,
  { after, appeals }: { readonly after: number; readonly appeals: boolean },
): { readonly events: readonly NostrEvent[]; readonly next_cursor: string | null } {
  const keys = JSON.stringify([...trust.keys()]);
  const lists = sql.all<{ raw: string }>(
    `SELECT raw FROM cat_lists WHERE signer IN (SELECT value FROM json_each(?)) ORDER BY address LIMIT ${LIMITS.moderation_lists}`,
    keys,
  );
  const rows = sql.all<{ seq: number; signer: string; raw: string }>(
    `SELECT seq, signer, raw FROM cat_labels WHERE seq > ? AND (? OR signer IN (SELECT value FROM json_each(?)))
     ORDER BY seq LIMIT ${LIMITS.moderation_page + 1}`,
    ...[after, appeals ? 1 : 0, keys],
  );
  const page = rows.slice(0, LIMITS.moderation_page);
  const wanted = page.filter(({ signer, raw }) => {
    if (trust.has(signer)) return true;
    const decision = decisionIn(JSON.parse(raw) as VerifiedEvent);
    return !isRejection(decision) && decision.action === "appeal";
  });
  return {
    events: [...(after === 0 ? lists : []), ...wanted].map(({ raw }) => JSON.parse(raw) as NostrEvent),
    next_cursor: rows.length > page.length ? String(page.at(-1)?.seq) : null,
  };
}
