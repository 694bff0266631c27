/** A night as it was, gone through again out of the worker's own records. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { HOUR_MS, MINUTE_MS } from "@oa/shared/core/durations.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CronSchedule, MachineReadings } from "@oa/shared/generated/types.ts";
import { machineAbsences, machineRecords } from "@oa/shared/machine/views.ts";
import { decisionEntries } from "@oa/shared/schedule/log.ts";
import { simulateSchedule } from "@oa/shared/schedule/simulate.ts";
import fc from "fast-check";
import { OPEN } from "../fakes/schedule.ts";
import { openScheduleWorld, runs, START } from "../fakes/schedule-loop.ts";

const LENGTH_MS = 30 * HOUR_MS;

interface Moment {
  readonly at_ms: number;
  readonly what: "sleeps" | "is off" | NonNullable<MachineReadings["plugged_in"]>;
  readonly away_ms: number;
}

const schedules = fc.record(
  {
    expression: fc.constantFrom("0 * * * *", "*/20 * * * *", "30 2,5 * * *", "0 22 * * *"),
    timezone: fc.constantFrom("UTC", "America/Chicago"),
    jitter_ms: fc.constantFrom(0, 10 * MINUTE_MS),
    on_missed: fc.constantFrom("skip" as const, "catch_up" as const),
    on_unknown: fc.constantFrom("wait" as const, "run" as const),
    catch_up_max_age_h: fc.constantFrom(1, 3, 168),
    window: fc.constantFrom({ start: "01:00", end: "05:00" }, { start: "22:00", end: "02:00" }),
    constraints: fc.constant({ plugged_in: true }),
  },
  { requiredKeys: ["expression", "timezone", "jitter_ms", "on_missed"] },
);
const moments: fc.Arbitrary<readonly Moment[]> = fc.array(
  fc.record({
    at_ms: fc.integer({ min: START, max: START + LENGTH_MS }),
    what: fc.constantFrom(
      ...(["sleeps", "is off"] as const),
      ...[{ value: true }, { value: false }, { unknown: "the sensor failed" }],
    ),
    away_ms: fc.integer({ min: 2 * MINUTE_MS, max: 9 * HOUR_MS }),
  }),
  { maxLength: 8 },
);

/** The real loop over the real database, on a clock that is moved. */
async function live(context: TestContext, schedule: CronSchedule, happens: readonly Moment[]) {
  const worker = openScheduleWorld(context, runs);
  const { clock } = worker;
  const left = [...happens].sort((a, b) => a.at_ms - b.at_ms);
  worker.set("install_a", schedule);
  for (
    let sleep_ms = await worker.tick();
    sleep_ms === 0 || clock.now_ms() < START + LENGTH_MS;
    sleep_ms = await worker.tick()
  ) {
    const [next] = left;
    if (sleep_ms === 0) continue;
    if (next === undefined || next.at_ms > clock.now_ms()) {
      worker.pass(clock.now_ms() + sleep_ms);
      continue;
    }
    left.shift();
    if (typeof next.what === "object") worker.machine.plugged_in = next.what;
    else if (next.what === "sleeps") worker.jump(clock.now_ms() + next.away_ms);
    else {
      worker.pass(clock.now_ms() + next.away_ms);
      worker.reopen();
    }
  }
  assert.deepEqual(worker.reported, []);
  return { sql: worker.side().database, until_ms: clock.now_ms() + 1 };
}

test("a night gone through again under its own settings, with what was recorded, is the night that was", async (context) => {
  await fc.assert(
    fc.asyncProperty(schedules, moments, async (schedule, happens) => {
      const { sql, until_ms } = await live(context, schedule, happens);
      const simulation = simulateSchedule({
        ...{ install_id: "install_a", worker_id: "w", schedule, from_ms: START + 1, until_ms, run_ms: 0 },
        records: machineRecords(sql, START - LIMITS.machine_record_ms, until_ms, LIMITS.schedule_simulated),
        absences: machineAbsences(sql, START, until_ms, LIMITS.schedule_simulated),
        gatesAt: () => OPEN,
      });
      assert.ok(!isRejection(simulation) && simulation.complete);
      const real = decisionEntries(sql, "install_a", { from_ms: START, until_ms }).flatMap((entry) =>
        "trace" in entry ? [`${new Date(entry.trace.due_ms).toISOString()} ${entry.trace.outcome}`] : [],
      );
      assert.deepEqual(
        simulation.decisions.map(({ trace }) => `${new Date(trace.due_ms).toISOString()} ${trace.outcome}`),
        real,
      );
    }),
    { numRuns: 12, seed: 20_260_308 },
  );
});
