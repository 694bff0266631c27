import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

/** Kinds that leave the relay for another object. */
const HANDED_ON = new Set<number>([KINDS.manifest.kind, KINDS.release.kind, KINDS.deletion.kind]);

/** Who takes events the relay has accepted. Taking one twice must change nothing. */
export interface Taker {
  readonly take: (events: readonly NostrEvent[]) => Promise<unknown>;
}

export function isHandedOn(kind: number): boolean {
  return HANDED_ON.has(kind);
}

/**
 * Hands accepted events to the catalog in the order they were stored. Its cursor moves only after they were taken, so
 * a crash in between hands them over again: at least once, never out of order.
 */
export async function handOver(sql: Sql, catalog: Taker): Promise<void> {
  for (;;) {
    const rows = pending(sql, LIMITS.relay_handover_batch);
    const last = rows.at(-1);
    if (last === undefined) return;
    await catalog.take(rows.map(({ raw }) => JSON.parse(raw) as NostrEvent));
    sql.run(
      `INSERT INTO relay_cursors (name, seq) VALUES ('catalog', ?)
       ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)`,
      last.seq,
    );
  }
}

/** Whether events wait to be handed over. */
export function hasPending(sql: Sql): boolean {
  return pending(sql, 1).length > 0;
}

function pending(sql: Sql, limit: number): readonly { readonly seq: number; readonly raw: string }[] {
  const cursor = one<{ seq: number }>(sql, "SELECT seq FROM relay_cursors WHERE name = 'catalog'")?.seq ?? 0;
  return sql.all<{ seq: number; raw: string }>(
    `SELECT seq, raw FROM relay_events WHERE seq > ? AND kind IN (SELECT value FROM json_each(?))
     ORDER BY seq LIMIT ${limit}`,
    cursor,
    JSON.stringify([...HANDED_ON]),
  );
}
