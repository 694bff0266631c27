import { newId, type RandomBytes } from "@oa/shared/core/id.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { pairingDecider } from "@oa/shared/pairing/decider.ts";
import { pairingOf } from "@oa/shared/pairing/views.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";
import type { Decide } from "../admin/decide.ts";

/** The owner's own key is a paired signer like any other, and one that is granted nothing without being asked. */
export async function trustOwner(
  database: SqliteDatabase,
  decide: Decide,
  pubkey: string,
  now_ms: () => number,
  random: RandomBytes,
): Promise<void> {
  if (pairingOf(database, pubkey) !== null) return;
  const pair = {
    type: "pair",
    pubkey,
    already_paired: false,
    ceiling: [],
    label: "this machine",
    now_ms: now_ms(),
  } as const;
  const done = await decide(pairingDecider, newId("pair", now_ms(), random), pair);
  if (isRejection(done)) throw new Fault(done.code, done.message);
}
