import { randomBytes } from "node:crypto";
import type { EventContext, EventDraft } from "@oa/shared/core/envelope.ts";
import { openEventStore } from "@oa/shared/core/event-store.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import type { Projection } from "@oa/shared/core/projection.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { besideRawRows } from "./figures/durable.ts";
import type { Bench } from "./run.ts";

const ROUNDS = 5;
const EVENTS = 3_000;

const draft: EventDraft = {
  event_type: "step.succeeded",
  data: { step_id: "embed", attempt: 1, duration_ms: 1234, output: { files: 1200, chunks: 8000, index: "dev-repo" } },
};
const context: EventContext = {
  now_ms: Date.UTC(2026, 0, 1),
  workspace_id: "ws_bench",
  stream_type: "workspace",
  stream_id: "ws_bench",
  actor_type: "service",
  actor_id: "engine",
  correlation_id: "run_bench",
};
const projection: Projection = {
  name: "bench",
  tables: ["proj_bench"],
  ddl: [
    "CREATE TABLE IF NOT EXISTS proj_bench (subject_id TEXT PRIMARY KEY, events INTEGER NOT NULL, last TEXT NOT NULL)",
  ],
  apply: (sql, event) =>
    sql.run(
      `INSERT INTO proj_bench VALUES (?, 1, ?)
       ON CONFLICT (subject_id) DO UPDATE SET events = events + 1, last = excluded.last`,
      event.subject_id,
      event.occurred_at,
    ),
};

/** Ours: decided, hash-chained, projected and durable; `in_flight` callers wait for their own acknowledgement. */
async function ours(path: string, in_flight: number): Promise<number> {
  const database = openSqlite(path);
  const store = openEventStore(database, [projection], (count) => randomBytes(count));
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < EVENTS) {
      const subject_id = `run_${next % 50}`;
      next += 1;
      await database.commit(() => store.handle(context, [{ subject_id, run: () => [draft] }]));
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: in_flight }, caller));
  const rate = EVENTS / ((performance.now() - started) / 1000);
  database.close();
  return rate;
}

export async function bench(): Promise<Bench> {
  const body = canonicalize({ ...context, ...draft, event_id: "0".repeat(36), hashes: "0".repeat(142) });
  const { raw, ours: found } = await besideRawRows({ rounds: ROUNDS, rows: EVENTS, body }, [1, 32], ours);
  return {
    name: `event store: durable appends with hash chain and projection (${EVENTS} events, median of ${ROUNDS})`,
    figures: {
      "raw node:sqlite FULL, the same bytes as one row a transaction, rows/s": raw,
      "appended events/s, one at a time": found.get(1)?.rate ?? Number.NaN,
      "appended events/s, 32 in flight (group commit)": found.get(32)?.rate ?? Number.NaN,
      "ratio to raw, one at a time": found.get(1)?.ratio ?? Number.NaN,
      "ratio to raw, 32 in flight": found.get(32)?.ratio ?? Number.NaN,
    },
  };
}
