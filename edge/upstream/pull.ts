import { sha256Hex } from "@oa/shared/core/hash.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { beginSync, continueSync, type SyncItem, syncSet } from "@oa/shared/nostr/negentropy.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import type { UpstreamConnection } from "./connection.ts";
import {
  noteMissedSecond,
  noteNoSync,
  noteTaken,
  readCursor,
  refusedBefore,
  rememberRefused,
  writeCursor,
} from "./store.ts";

/** The relay of this edge, as the puller uses it. */
export interface OwnRelay {
  /** Verifies and stores; for each: null where it is new here, else why not. */
  readonly takeForeign: (filter: WireFilter, events: readonly unknown[]) => Promise<readonly (ReasonCode | null)[]>;
  /** What is stored for a filter, to compare; null where it is too much. */
  readonly comparable: (filter: WireFilter) => Promise<readonly SyncItem[] | null>;
}

export interface Pull {
  readonly sql: Sql;
  readonly url: string;
  readonly relay: OwnRelay;
  readonly now: () => number;
  /** Until when the relay is not asked to compare: it said that it cannot. */
  readonly no_sync_until_ms: number;
}

/** What one pull has used up, and what came of it. */
interface Account {
  events: number;
  bad: number;
  method: "negentropy" | "paging";
}

/** What no honest relay sends: an event that is none, that its author never signed, or that nobody asked for. */
const FORGED: readonly ReasonCode[] = [
  "event_malformed",
  "event_id_mismatch",
  "signature_invalid",
  "event_too_large",
  "event_unasked",
];

/**
 * Brings what a relay has for each filter: by comparison where the relay can (NIP-77), else page by page since the
 * cursor. `more` says that the pull was cut short and where to go on is written down. Faults: relay_unreachable,
 * relay_refused.
 */
export async function pullFrom(
  pull: Pull,
  connection: UpstreamConnection,
  filters: readonly WireFilter[],
): Promise<{ readonly method: "negentropy" | "paging"; readonly more: boolean }> {
  const account: Account = { events: 0, bad: 0, method: "paging" };
  let syncs = pull.now() >= pull.no_sync_until_ms;
  for (const filter of filters) {
    if (syncs) {
      const outcome = await pullBySync(pull, connection, filter, account);
      if (outcome === "done") continue;
      if (outcome === "unknown") {
        syncs = false;
        noteNoSync(pull.sql, pull.url, pull.now() + LIMITS.upstream_full_s * 1000);
      }
    }
    if (!isSpent(account)) await pullByPages(pull, connection, filter, account);
    if (isSpent(account)) return { method: account.method, more: true };
  }
  return { method: account.method, more: isSpent(account) };
}

function isSpent({ events }: Account): boolean {
  return events >= LIMITS.upstream_events;
}

async function pullBySync(
  pull: Pull,
  connection: UpstreamConnection,
  filter: WireFilter,
  account: Account,
): Promise<"done" | "refused" | "unknown"> {
  const items = await pull.relay.comparable(filter);
  if (items === null) return "refused";
  const own = syncSet(items);
  const need: string[] = [];
  const outcome = await connection.compare(filter, beginSync(own), (answer) => {
    const step = continueSync(own, answer);
    if (isRejection(step)) throw new Fault("relay_refused", `${pull.url}: ${step.message}`);
    need.push(...step.need);
    return need.length >= LIMITS.upstream_events ? null : step.reply;
  });
  if (outcome === "done") account.method = "negentropy";
  const { upstream_batch: size } = LIMITS;
  for (let start = 0; start < need.length && !isSpent(account); start += size) {
    const part = need.slice(start, start + size);
    const before = refusedBefore(pull.sql, pull.url, part);
    const ids = part.filter((id) => !before.has(id));
    if (ids.length === 0) continue;
    const events = await connection.request({ ids });
    await take(pull, { ...filter, ids }, events, account);
    const sent = new Set(events.map((event) => partsOf(event).id));
    rememberRefused(
      pull.sql,
      pull.url,
      ids.filter((id) => !sent.has(id)),
    );
  }
  return outcome;
}

/** Newest first, page by page, down to what was read before. */
async function pullByPages(
  pull: Pull,
  connection: UpstreamConnection,
  filter: WireFilter,
  account: Account,
): Promise<void> {
  const { sql, url } = pull;
  const name = sha256Hex(canonicalize(filter)).slice(0, 32);
  const now_s = Math.floor(pull.now() / 1000);
  const cursor = readCursor(sql, url, name);
  // What is published late, with an old time, is found by reading everything again now and then.
  const full = cursor.until_s === null && now_s - cursor.full_at_s >= LIMITS.upstream_full_s;
  const since_s = full ? 0 : cursor.since_s;
  const full_at_s = full ? now_s : cursor.full_at_s;
  const top_s = cursor.until_s === null ? now_s : (cursor.top_s ?? now_s);
  const since = Math.max(0, since_s - LIMITS.relay_overlap_s);
  let until = cursor.until_s;
  let longest = 1;
  for (const window: Window = { seen: new Set(), authors: new Set() }; !isSpent(account); ) {
    const asked = { ...filter, since, ...(until === null ? {} : { until }), limit: LIMITS.upstream_page };
    const page = await connection.request(asked);
    longest = Math.max(longest, page.length);
    const { fresh, oldest } = await take(pull, asked, page, account, window);
    if (oldest === null) {
      writeCursor(sql, url, name, { since_s: top_s, top_s: null, until_s: null, full_at_s });
      return;
    }
    if (fresh > 0 && (until === null || oldest < until)) until = oldest;
    else {
      // All of one second, and perhaps more of it than the relay sends at once.
      if (page.length >= longest) {
        await drainSecond(pull, connection, filter, { second: oldest, longest, window }, account);
      }
      until = oldest - 1;
    }
    writeCursor(sql, url, name, { since_s, top_s, until_s: until, full_at_s });
  }
}

/**
 * Asks for the events of one second in smaller and smaller parts: by kind, then by each author met so far. What is still
 * cut off then is counted: an author who was never met may be missing.
 */
async function drainSecond(
  pull: Pull,
  connection: UpstreamConnection,
  filter: WireFilter,
  { second, longest, window }: { readonly second: number; readonly longest: number; readonly window: Window },
  account: Account,
): Promise<void> {
  const at = { since: second, until: second };
  const ask = async (narrowed: WireFilter): Promise<number> => {
    const asked = { ...narrowed, ...at, limit: LIMITS.upstream_second_page };
    const page = await connection.request(asked);
    await take(pull, asked, page, account, window);
    return page.length;
  };
  const most = await ask(filter);
  // It sends more when it is asked for more, and not a round number of them: that is all there is.
  if (most > longest && most % ROUND !== 0) return;
  for (const kind of filter.kinds ?? []) {
    if ((await ask({ ...filter, kinds: [kind] })) < most || isSpent(account)) continue;
    let isCut = filter.authors === undefined;
    for (const author of filter.authors ?? [...window.authors].slice(0, LIMITS.upstream_listed_authors)) {
      if ((await ask({ ...filter, kinds: [kind], authors: [author] })) >= most) isCut = true;
      if (isSpent(account)) return;
    }
    if (isCut) noteMissedSecond(pull.sql, pull.url);
  }
}

/** Relays send at most a round number of events. */
const ROUND = 100;

/** What was met in one reading of one filter. */
interface Window {
  readonly seen: Set<string>;
  readonly authors: Set<string>;
}

/**
 * Hands events to the relay, which checks them. `oldest` is the earliest time of those that lie where they were asked
 * for. Fault relay_refused where too many of them are forged.
 */
async function take(
  pull: Pull,
  filter: WireFilter,
  events: readonly unknown[],
  account: Account,
  { seen, authors }: Window = { seen: new Set(), authors: new Set() },
): Promise<{ readonly fresh: number; readonly oldest: number | null }> {
  const unseen: unknown[] = [];
  let oldest: number | null = null;
  for (const event of events) {
    const { id, created_at, pubkey } = partsOf(event);
    if (created_at >= (filter.since ?? 0) && created_at <= (filter.until ?? Number.MAX_SAFE_INTEGER)) {
      oldest = Math.min(oldest ?? created_at, created_at);
    }
    if (isHex32(pubkey)) authors.add(pubkey);
    if (seen.has(id)) continue;
    seen.add(id);
    unseen.push(event);
  }
  const [dropped, refused]: [Map<string, number>, string[]] = [new Map(), []];
  let taken = 0;
  for (let start = 0; start < unseen.length; start += LIMITS.upstream_batch) {
    const part = unseen.slice(start, start + LIMITS.upstream_batch);
    const codes = await pull.relay.takeForeign(filter, part);
    part.forEach((event, index) => {
      const code = codes[index] ?? null;
      if (code === null) taken += 1;
      else if (code !== "event_duplicate") {
        dropped.set(code, (dropped.get(code) ?? 0) + 1);
        refused.push(partsOf(event).id);
        if (FORGED.includes(code)) account.bad += 1;
      }
    });
  }
  account.events += unseen.length;
  pull.sql.transaction(() => {
    noteTaken(pull.sql, pull.url, taken, dropped);
    rememberRefused(pull.sql, pull.url, refused.filter(isHex32));
  });
  if (account.bad > LIMITS.upstream_bad_events) {
    throw new Fault(
      "relay_refused",
      `${pull.url} sent ${account.bad} events that are forged, malformed or not what was asked for`,
    );
  }
  return { fresh: unseen.length, oldest };
}

/** What an unverified event says of itself, where it is of the right type. */
function partsOf(event: unknown): { readonly id: string; readonly created_at: number; readonly pubkey: string } {
  const { id, created_at, pubkey } = (event ?? {}) as Readonly<Record<string, unknown>>;
  return {
    id: typeof id === "string" ? id : "",
    created_at: typeof created_at === "number" ? created_at : -1,
    pubkey: typeof pubkey === "string" ? pubkey : "",
  };
}
