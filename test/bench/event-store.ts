import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { EventContext, EventDraft } from "@oa/shared/core/envelope.ts";
import { openEventStore } from "@oa/shared/core/event-store.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import type { Projection } from "@oa/shared/core/projection.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
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

/** Bare primitive: the same bytes as one row a transaction, `synchronous=FULL`, nothing else. */
function raw(folder: string, round: number): number {
  const db = new DatabaseSync(join(folder, `raw-${round}.db`));
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)");
  const insert = db.prepare("INSERT INTO rows (body) VALUES (?)");
  const body = canonicalize({ ...context, ...draft, event_id: "0".repeat(36), hashes: "0".repeat(142) });
  const started = performance.now();
  for (let index = 0; index < EVENTS; index += 1) insert.run(body);
  const rate = EVENTS / ((performance.now() - started) / 1000);
  db.close();
  return rate;
}

/** Ours: decided, hash-chained, projected and durable; `in_flight` callers wait for their own acknowledgement. */
async function ours(folder: string, round: number, in_flight: number): Promise<number> {
  const database = openSqlite(join(folder, `ours-${round}-${in_flight}.db`));
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

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const [bare, one, many]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(raw(folder, round));
    one.push(await ours(folder, round, 1));
    many.push(await ours(folder, round, 32));
  }
  rmSync(folder, { recursive: true });
  const ratio = (values: readonly number[]): number => median(values.map((value, at) => value / (bare[at] ?? 1)));
  return {
    name: `event store: durable appends with hash chain and projection (${EVENTS} events, median of ${ROUNDS})`,
    figures: {
      "raw node:sqlite FULL, one row a transaction, rows/s": median(bare),
      "appended events/s, one at a time": median(one),
      "appended events/s, 32 in flight (group commit)": median(many),
      "ratio to raw, one at a time": ratio(one),
      "ratio to raw, 32 in flight": ratio(many),
    },
  };
}
