import { randomBytes } from "node:crypto";
import { claim } from "@oa/shared/claim/decider.ts";
import { claimView } from "@oa/shared/claim/views.ts";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { toEvent as ratingEvent } from "@oa/shared/nostr/30054-rating.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { createRelayTables, storeEvents } from "../../../edge/relay/store.ts";
import { createInputTables, takeInput } from "../../../edge/reputation/inputs.ts";
import { made, market, publicKeyAt } from "./market.ts";

/** What one of its things costs an object, in its own tables. */
export interface Cost {
  readonly bytes: number;
  readonly per_s: number;
}

/** A stored event of the relay, of the same market that the catalog is filled with. Verification is not in it. */
export function relayCost(listings: number): Cost {
  const events: readonly VerifiedEvent[] = [...market(listings)].flatMap((traded) => [
    ...(traded.events as readonly VerifiedEvent[]),
    ...(traded.reputation === null ? [] : [traded.reputation.event as VerifiedEvent]),
  ]);
  return measure(events.length, createRelayTables, (sql) => {
    for (let start = 0; start < events.length; start += LIMITS.relay_batch) {
      sql.transaction(() => storeEvents(sql, events.slice(start, start + LIMITS.relay_batch), 2_000_000_000));
    }
  });
}

/** A claimed payment, with its record in the object's log. */
export function claimCost(claims: number): Cost {
  let store: ReturnType<typeof openEventStore> | undefined;
  const random = (count: number): Uint8Array => randomBytes(count);
  const opened = (sql: Sql): void => {
    store = openEventStore(sql, [claimView], random);
  };
  return measure(claims, opened, () => {
    for (let index = 0; index < claims; index += 1) {
      const payment_hash = sha256Hex(`payment ${index}`);
      const command = {
        ...{ payment_hash, receipt_event_id: sha256Hex(payment_hash), receipt_created_at: index },
        receipt_address_sha256: sha256Hex(`receipt ${index}`),
      };
      const context = {
        ...{ now_ms: 1_800_000_000_000 + index, workspace_id: "receipts", stream_id: "receipts", actor_id: "edge" },
        ...({ stream_type: "workspace", actor_type: "service", correlation_id: `claim-${index}` } as const),
      };
      const done = store?.handle(context, [task(claim, `payment_${payment_hash}`, command)]);
      if (done === undefined || isRejection(done)) throw new Error(`claim ${index} was refused`);
    }
  });
}

/** A rating that a listing's reputation keeps. */
export function inputCost(ratings: number): Cost {
  const listing = `30051:${publicKeyAt(0)}:made.upgrade-0`;
  const review = "It ran every night for a month and told me what had changed.";
  const evidence = { kind: "receipt", event_id: sha256Hex("receipt") } as const;
  const events = Array.from({ length: ratings }, (_, index) => {
    const rating = { listing, stars: 4, review, evidence } as const;
    return made(publicKeyAt(1 + index), ratingEvent(rating, { created_at: 1_800_000_000 })) as VerifiedEvent;
  });
  return measure(ratings, createInputTables, (sql) => {
    for (const event of events) sql.transaction(() => takeInput(sql, listing, event, pureSchnorr));
  });
}

/** In a database of its own in memory, which has the Durable Objects' page size and no disk to wait for. */
function measure(count: number, open: (sql: Sql) => void, fill: (sql: Sql) => void): Cost {
  const sql = openSqlite(":memory:");
  try {
    open(sql);
    const empty = bytesOf(sql);
    const started = performance.now();
    fill(sql);
    const seconds = (performance.now() - started) / 1_000;
    return { bytes: (bytesOf(sql) - empty) / count, per_s: count / seconds };
  } finally {
    sql.close();
  }
}

function bytesOf(sql: Sql): number {
  const text = "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()";
  return one<{ bytes: number }>(sql, text)?.bytes ?? 0;
}
