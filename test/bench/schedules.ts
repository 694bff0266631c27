import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DAY_MS } from "@oa/shared/core/durations.ts";
import { type EventStore, openEventStore } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CronSchedule } from "@oa/shared/generated/types.ts";
import { machineProjection } from "@oa/shared/machine/views.ts";
import { nextStart, scheduleProjection } from "@oa/shared/schedule/views.ts";
import { type MonotonicClock, systemClock } from "@oa/worker/adapters/clock.ts";
import { openSqlite, type SqliteDatabase } from "@oa/worker/adapters/sqlite.ts";
import { openScheduleLoop, scheduleTask } from "@oa/worker/loops/schedule.ts";
import type { Bench } from "./run.ts";

const SCHEDULES = 100_000;
const BATCH = 250;
const LOOK_UPS = 2_000;
/** How long the loop is watched doing nothing: OA_BENCH_IDLE_S=300 gives the five-minute figure. */
const IDLE_MS = Math.max(1, Number(process.env.OA_BENCH_IDLE_S ?? 10)) * 1_000;
const DUE_TOGETHER = 5_000;
/** Far enough ahead that nothing is due while the loop idles. */
const NOW_MS = Date.now();
const AHEAD = new Date(NOW_MS + 3 * DAY_MS);

const context = (now_ms: number, correlation_id: string) =>
  ({
    now_ms,
    workspace_id: "bench",
    stream_type: "workspace",
    stream_id: "bench",
    actor_type: "service",
    actor_id: "scheduler",
    correlation_id,
  }) as const;

/** Monthly, spread over the minutes of a day three days ahead. */
function scheduleOf(index: number): CronSchedule {
  const minute = index % 1440;
  return {
    expression: `${minute % 60} ${Math.floor(minute / 60)} ${AHEAD.getUTCDate()} * *`,
    timezone: "America/Chicago",
    constraints: { plugged_in: true, cpu_max_percentage: 60 },
    jitter_ms: 600_000,
    on_missed: "catch_up",
  };
}

const installOf = (index: number): string => `install_${String(index).padStart(26, "0")}`;

async function setUp(database: SqliteDatabase, store: EventStore): Promise<void> {
  for (let first = 0; first < SCHEDULES; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, offset) => {
      const install_id = installOf(first + offset);
      const schedule = scheduleOf(first + offset);
      const command = { type: "set", now_ms: NOW_MS, install_id, worker_id: "w", schedule } as const;
      return database.commit(() => store.handle(context(NOW_MS, install_id), [scheduleTask(install_id, command)]));
    });
    for (const result of await Promise.all(batch)) if (isRejection(result)) throw new Error(result.message);
  }
}

function loopOver(database: SqliteDatabase, store: EventStore, clock: MonotonicClock) {
  let started = 0;
  const loop = openScheduleLoop({
    ...{ store, sql: database, commit: database.commit, clock, workspace_id: "bench" },
    activeRuns: () => 0,
    gatesOf: () => ({ licence: "not_applicable", budget: "not_applicable" }),
    cancelRuns: async () => {},
    measure: async () => ({ plugged_in: { value: true }, cpu_percentage: { value: 5 } }),
    start: async (install_id) => {
      started += 1;
      return { run_id: install_id.replace("install", "run") };
    },
    report: (error) => {
      throw error;
    },
  });
  return { loop, started: () => started };
}

/** Bare primitive: the smallest of 100,000 numbers through an index of node:sqlite, in microseconds. */
function rawLookUp(folder: string): number {
  const db = new DatabaseSync(join(folder, "raw.db"));
  db.exec("CREATE TABLE due (id INTEGER PRIMARY KEY, at_ms INTEGER); CREATE INDEX due_at ON due (at_ms); BEGIN");
  const insert = db.prepare("INSERT INTO due VALUES (?, ?)");
  for (let index = 0; index < SCHEDULES; index += 1) insert.run(index, NOW_MS + ((index * 7919) % SCHEDULES));
  db.exec("COMMIT");
  const select = db.prepare("SELECT at_ms FROM due ORDER BY at_ms LIMIT 1");
  const took = microseconds(() => select.all());
  db.close();
  return took;
}

function microseconds(body: () => unknown): number {
  const started = performance.now();
  for (let index = 0; index < LOOK_UPS; index += 1) body();
  return ((performance.now() - started) * 1000) / LOOK_UPS;
}

async function idleCpu(loop: ReturnType<typeof loopOver>["loop"]): Promise<number> {
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  await systemClock.sleep(1_000, stop.signal);
  const before = process.cpuUsage();
  const started = performance.now();
  await systemClock.sleep(IDLE_MS, stop.signal);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1000 / (performance.now() - started);
  stop.abort();
  await running;
  return share * 100;
}

/** Everything of the first minutes of that day comes due at once, as after a sleep. */
async function burst(database: SqliteDatabase, store: EventStore): Promise<number> {
  const rows = database.all<{ at_ms: number }>(
    "SELECT next_fire_ms AS at_ms FROM proj_schedules ORDER BY next_fire_ms LIMIT 1 OFFSET ?",
    DUE_TOGETHER - 1,
  );
  const until_ms = rows[0]?.at_ms ?? 0;
  const { loop, started } = loopOver(database, store, { ...systemClock, now_ms: () => until_ms });
  const began = performance.now();
  while (started() < DUE_TOGETHER) await loop.tick();
  return started() / ((performance.now() - began) / 1000);
}

/**
 * As after an update that changed the projection: the store finds it old and makes it from the log again. How long that
 * takes, and how much of it this process computed, in milliseconds.
 */
function rebuild(open: () => { readonly database: SqliteDatabase }) {
  const stale = open().database;
  stale.run("DELETE FROM evt_projections WHERE name = ?", scheduleProjection.name);
  stale.close();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const { database } = open();
  const next = nextStart(database);
  const took_ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  database.close();
  if (next === null) throw new Error("the rebuilt projection has no next start");
  return { took_ms, cpu_ms: (user + system) / 1000 };
}

export async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const file = join(folder, "worker.db");
  const open = () => {
    const database = openSqlite(file);
    const store = openEventStore(database, [scheduleProjection, machineProjection], (count) => randomBytes(count));
    return { database, store };
  };
  try {
    const raw_us = rawLookUp(folder);
    const first = open();
    const began = performance.now();
    await setUp(first.database, first.store);
    const set_up_s = (performance.now() - began) / 1000;
    first.database.close();

    const rebuilt = rebuild(open);
    const started = performance.now();
    const { database, store } = open();
    const { loop } = loopOver(database, store, systemClock);
    await loop.tick();
    const start_ms = performance.now() - started;
    const look_up_us = microseconds(() => nextStart(database));
    const idle = await idleCpu(loop);
    const rate = await burst(database, store);
    database.close();
    return {
      name: `schedules: ${SCHEDULES.toLocaleString("en")} on one worker`,
      figures: {
        "set, hash-chained and durable, schedules/s": SCHEDULES / set_up_s,
        "start-up: open, replay nothing, first tick, ms (target under 2,000)": start_ms,
        "start-up after an update: all of them from the log again, ms (target under 2,000)": rebuilt.took_ms,
        "  of that computing, ms": rebuilt.cpu_ms,
        "next due, µs": look_up_us,
        "raw node:sqlite, smallest of an index, µs": raw_us,
        "next due, ratio to raw": look_up_us / raw_us,
        [`idle CPU of the loop over ${IDLE_MS / 1000} s, % of one core`]: idle,
        [`${DUE_TOGETHER.toLocaleString("en")} due at once: decided, recorded and started, per s`]: rate,
        "resident memory, MB": process.memoryUsage.rss() / 1e6,
      },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
