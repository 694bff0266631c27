import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { EXTERNAL_KINDS } from "@oa/shared/nostr/external.ts";
import { matchesFilter, type NostrFilter } from "@oa/shared/nostr/filter.ts";
import { isOurs, KINDS, kindOf, refuseKind } from "@oa/shared/nostr/kinds.ts";
import { type RelayList, fromEvent as relayListFrom } from "@oa/shared/nostr/relay-list.ts";
import { type SchnorrVerify, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";

/**
 * Checks what another relay sent for a filter: the boundary for all that is pulled. For each the event, or why it is not
 * taken: the codes of verification, foreign_event (another application uses the number of a kind of ours),
 * event_unasked, event_protected (only its author may hand it on), kind_not_relayed.
 */
export function foreignEvents(
  filter: NostrFilter,
  events: readonly unknown[],
  schnorr: SchnorrVerify,
  external: boolean,
): readonly (VerifiedEvent | Rejection)[] {
  return events.map((raw) => {
    const event = verifyEvent(raw, schnorr);
    if (isRejection(event)) return event;
    const label = kindOf(event.kind)?.label ?? null;
    if (label !== null && !isOurs(event)) {
      return reject("foreign_event", `event ${event.id} is not of this project, though its kind is ${event.kind}`);
    }
    if (!matchesFilter(filter, event)) return reject("event_unasked", `event ${event.id} was not asked for`);
    if (event.tags.some(([name]) => name === "-")) {
      return reject("event_protected", `event ${event.id} is protected: only its author may publish it`);
    }
    if (external && EXTERNAL_KINDS.includes(event.kind)) return event;
    return refuseKind(event) ?? event;
  });
}

/** Authors of listings after a key, in the order of keys, a page of them. */
export function authorsAfter(sql: Sql, pubkey: string): readonly string[] {
  return sql
    .all<{ pubkey: string }>(
      "SELECT DISTINCT pubkey FROM relay_events WHERE kind = ? AND pubkey > ? ORDER BY pubkey LIMIT ?",
      KINDS.manifest.kind,
      pubkey,
      LIMITS.upstream_authors_page,
    )
    .map((row) => row.pubkey);
}

/** The relay lists of authors of listings and of moderators, as far as they are here. */
export function relayListsHere(sql: Sql, also: readonly string[], moderators: readonly string[]): readonly RelayList[] {
  const rows = sql.all<{ raw: string }>(
    `SELECT raw FROM relay_events WHERE kind = ?
       AND pubkey IN (SELECT pubkey FROM relay_events WHERE kind = ? UNION SELECT value FROM json_each(?)) LIMIT ?`,
    KINDS.relay_list.kind,
    KINDS.manifest.kind,
    JSON.stringify(moderators),
    LIMITS.upstream_authors,
  );
  return rows.flatMap(({ raw }) => {
    // It was verified when it was stored.
    const list = relayListFrom(JSON.parse(raw) as VerifiedEvent, also);
    return isRejection(list) ? [] : [list];
  });
}
