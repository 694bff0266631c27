import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { newId, type RandomBytes } from "@oa/shared/core/id.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import { outwardDecider } from "@oa/shared/outward/decider.ts";
import type { AupMode } from "@oa/shared/policy/aup/assess.ts";
import { refuseOwn } from "@oa/shared/policy/own-publish.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";
import type { OutwardRecord } from "./own-publish.ts";

/**
 * The record of what leaves outside of runs. The policy judges in the transaction that records the beginning, so a kill
 * switch that was switched on a moment ago holds.
 */
export function openOutward(options: {
  readonly store: EventStore;
  readonly database: Pick<SqliteDatabase, "commit">;
  readonly now_ms: () => number;
  readonly random: RandomBytes;
  readonly aup: AupMode;
  readonly kill_switch: { readonly isOn: () => boolean };
  readonly asOwner: (correlation_id: string) => EventContext;
}): OutwardRecord {
  const { store, database, now_ms, random, aup, kill_switch, asOwner } = options;
  return {
    begin: async (write) => {
      const outward_id = newId("out", now_ms(), random);
      return database.commit(() => {
        const refused = refuseOwn(write, { kill_switch: kill_switch.isOn(), aup, now_ms: now_ms() });
        const refusal = refused && { code: refused.code, message: clip(refused.message, 2_000) };
        const begin = { type: "begin", write, refusal, now_ms: now_ms() } as const;
        const done = store.handle(asOwner(outward_id), [task(outwardDecider, outward_id, begin)]);
        return isRejection(done) ? done : (refused ?? { outward_id });
      });
    },
    end: async (outward_id, outcome) => {
      const end = { type: "end", ...outcome, now_ms: now_ms() } as const;
      const done = await database.commit(() =>
        store.handle(asOwner(outward_id), [task(outwardDecider, outward_id, end)]),
      );
      return isRejection(done) ? done : { outward_id };
    },
  };
}
