import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { EXTERNAL_KINDS } from "@oa/shared/nostr/external.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { MODERATION_KINDS } from "./catalog/moderation.ts";
import { lastMark } from "./relay/store.ts";
import { REPUTATION_KINDS } from "./reputation/lane.ts";

/** Kinds that leave the relay for the catalog. */
const CATALOG_KINDS: readonly number[] = [
  ...[KINDS.manifest.kind, KINDS.release.kind, KINDS.deletion.kind],
  ...MODERATION_KINDS,
  ...EXTERNAL_KINDS,
];
/** Kinds that cases of moderation are made of. */
const CASE_KINDS: readonly number[] = [KINDS.report.kind, KINDS.label.kind, KINDS.people.kind];
/** Kinds that leave the relay for the objects of others, by the name of their lane. */
const LANES = { catalog: CATALOG_KINDS, reputation: REPUTATION_KINDS, moderation: CASE_KINDS } as const;
const HANDED_ON = new Set<number>(Object.values(LANES).flat());

export type Lane = keyof typeof LANES;

/** Who takes events the relay has accepted. Taking one twice must change nothing. */
export interface Taker {
  readonly take: (events: readonly NostrEvent[]) => Promise<void>;
}

export function isHandedOn(kind: number): boolean {
  return HANDED_ON.has(kind);
}

/**
 * Hands accepted events to a lane's taker in the order they were stored. The lane's cursor moves only after they were
 * taken, so a crash in between hands them over again: at least once, never out of order. Lanes do not wait for each other.
 */
export async function handOver(sql: Sql, lane: Lane, taker: Taker): Promise<void> {
  for (;;) {
    const newest = lastMark(sql);
    const cursor = cursorOf(sql, lane);
    const rows = pending(sql, lane, cursor, LIMITS.relay_handover_batch);
    const last = rows.at(-1);
    if (last === undefined) {
      // What is not for this lane is passed over, now and then: else each look would begin at the lane's last event.
      if (newest - cursor > LIMITS.relay_handover_skipped) moveCursor(sql, lane, newest);
      return;
    }
    await taker.take(rows.map(({ raw }) => JSON.parse(raw) as NostrEvent));
    moveCursor(sql, lane, last.seq);
  }
}

/** Whether events wait to be handed over. */
export function hasPending(sql: Sql): boolean {
  return Object.keys(LANES).some((lane) => pending(sql, lane as Lane, cursorOf(sql, lane as Lane), 1).length > 0);
}

function cursorOf(sql: Sql, lane: Lane): number {
  return one<{ seq: number }>(sql, "SELECT seq FROM relay_cursors WHERE name = ?", lane)?.seq ?? 0;
}

function moveCursor(sql: Sql, lane: Lane, seq: number): void {
  sql.run(
    `INSERT INTO relay_cursors (name, seq) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)`,
    lane,
    seq,
  );
}

function pending(
  sql: Sql,
  lane: Lane,
  cursor: number,
  limit: number,
): readonly { readonly seq: number; readonly raw: string }[] {
  // With `+` what came after the cursor is looked at: by kind, all that ever came would be.
  return sql.all<{ seq: number; raw: string }>(
    `SELECT seq, raw FROM relay_events WHERE seq > ? AND +kind IN (SELECT value FROM json_each(?))
     ORDER BY seq LIMIT ${limit}`,
    cursor,
    JSON.stringify(LANES[lane]),
  );
}
