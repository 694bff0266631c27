/**
 * Cron against three oracles that share no code with it: croner on a clock without daylight saving, a walk through
 * every minute of `Intl`'s clock that applies the declared policy, and `systemd-analyze calendar` where there is one.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Cron as Croner } from "croner";
import fc from "fast-check";
import { nextFire, parseCron } from "./cron.ts";
import { isRejection } from "./refusal.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SEED = 20_260_308;

function fires(expression: string, time_zone: string, from_ms: number, until_ms: number, count: number): number[] {
  const cron = parseCron(expression);
  assert.ok(!isRejection(cron), isRejection(cron) ? cron.message : "");
  const found: number[] = [];
  for (let at = nextFire({ cron, time_zone }, from_ms); at !== null && at < until_ms && found.length < count; ) {
    found.push(at);
    at = nextFire({ cron, time_zone }, at);
  }
  return found;
}

const iso = (list: readonly number[]): string[] => list.map((ms) => new Date(ms).toISOString());

/** A field of plain numbers, a range, a list or steps. */
function field(min: number, max: number, star: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 2, max: Math.min(20, max) });
  return fc.oneof(
    { arbitrary: fc.constant("*"), weight: star },
    { arbitrary: value.map(String), weight: 4 },
    { arbitrary: fc.array(value, { minLength: 2, maxLength: 4 }).map((list) => list.join(",")), weight: 2 },
    { arbitrary: range, weight: 1 },
    { arbitrary: fc.tuple(fc.oneof(fc.constant("*"), range), step).map(([part, by]) => `${part}/${by}`), weight: 1 },
  );
}
const day = fc.oneof(
  { arbitrary: field(1, 31, 6), weight: 8 },
  { arbitrary: fc.constantFrom("L", "LW", "1W", "15W", "31W", "1,L", "28-31"), weight: 2 },
);
const weekday = fc.oneof(
  { arbitrary: field(0, 7, 8), weight: 8 },
  { arbitrary: fc.constantFrom("MON", "FRI#L", "5L", "TUE#1", "0#5", "1-5", "SAT,SUN"), weight: 3 },
);
const expressions = fc
  .tuple(field(0, 59, 2), field(0, 23, 2), day, field(1, 12, 8), weekday)
  .map((fields) => fields.join(" "));

test("on a clock without daylight saving, cron agrees with croner", () => {
  const from = fc.integer({ min: Date.UTC(1995, 0, 1), max: Date.UTC(2045, 0, 1) });
  fc.assert(
    fc.property(expressions, from, (expression, from_ms) => {
      const start = Math.floor(from_ms / 1000) * 1000;
      const theirs = new Croner(expression, { timezone: "UTC", paused: true }).nextRuns(4, new Date(start));
      // croner gives up after some years; what it does find must be the same.
      const ours = fires(expression, "UTC", start, Number.POSITIVE_INFINITY, theirs.length);
      assert.deepEqual(iso(ours), iso(theirs.map((date) => date.getTime())));
    }),
    { numRuns: 1_500, seed: SEED },
  );
});

/** A field as a predicate, read in the plainest way. */
function reads(text: string, value: number, min: number, max: number): boolean {
  return text.split(",").some((item) => {
    const [part = "", by = "1"] = item.split("/");
    const [low = min, high = part === "*" ? max : low] = part === "*" ? [] : part.split("-").map(Number);
    return value >= low && value <= high && (value - low) % Number(by) === 0;
  });
}

function namesWall(expression: string, wall_ms: number): boolean {
  const [minute = "", hour = "", dom = "", month = "", dow = ""] = expression.split(" ");
  const wall = new Date(wall_ms);
  const by_day = reads(dom, wall.getUTCDate(), 1, 31);
  const by_weekday = reads(dow, wall.getUTCDay(), 0, 7) || (wall.getUTCDay() === 0 && reads(dow, 7, 0, 7));
  return (
    reads(minute, wall.getUTCMinutes(), 0, 59) &&
    reads(hour, wall.getUTCHours(), 0, 23) &&
    reads(month, wall.getUTCMonth() + 1, 1, 12) &&
    (dom !== "*" && dow !== "*" ? by_day || by_weekday : by_day && by_weekday)
  );
}

/** The zone's clock at every minute of [from, until). */
function clock(time_zone: string, from_ms: number, until_ms: number): readonly (readonly [number, number])[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: time_zone, dateStyle: "short", timeStyle: "medium" });
  const minutes: [number, number][] = [];
  for (let at = from_ms; at < until_ms; at += MINUTE_MS) {
    minutes.push([at, Date.parse(`${format.format(at).replace(" ", "T")}Z`)]);
  }
  return minutes;
}

/** The declared policy, minute by minute. */
function walk(expression: string, minutes: readonly (readonly [number, number])[]): number[] {
  const [minute = "", hour = ""] = expression.split(" ");
  const interval = /[*/]/.test(minute + hour);
  const found: number[] = [];
  let shown = (minutes[0]?.[1] ?? 0) - MINUTE_MS;
  for (const [at, wall] of minutes) {
    if (interval) {
      if (namesWall(expression, wall)) found.push(at);
      continue;
    }
    let due = false;
    for (let passed = shown + MINUTE_MS; passed <= wall; passed += MINUTE_MS) due ||= namesWall(expression, passed);
    if (due) found.push(at);
    shown = Math.max(shown, wall);
  }
  return found;
}

test("around every change of clocks, cron agrees with a walk through the minutes", () => {
  const changes: [zone: string, day: string][] = [
    ["America/Chicago", "2026-03-08"],
    ["America/Chicago", "2026-11-01"],
    ["Europe/London", "2026-03-29"],
    ["Europe/London", "2028-10-29"],
    ["Australia/Lord_Howe", "2026-04-05"],
    ["Australia/Lord_Howe", "2026-10-04"],
    ["Asia/Kathmandu", "1986-01-01"],
    ["Asia/Kathmandu", "2028-02-29"],
    ["Pacific/Apia", "2011-12-30"],
    ["Pacific/Apia", "2012-04-01"],
    ["America/Sao_Paulo", "2018-11-04"],
    ["America/Sao_Paulo", "2019-02-17"],
    ["America/Sao_Paulo", "2026-10-31"],
    ["Africa/Casablanca", "2026-02-15"],
    ["America/Havana", "2026-11-01"],
    ["Asia/Gaza", "2026-03-28"],
    ["Antarctica/Troll", "2026-03-29"],
    ["UTC", "2028-02-29"],
  ];
  // Times near the hours at which clocks change, every day, and days of month or week often enough to meet them.
  const near = fc.oneof(
    { arbitrary: fc.constantFrom("0", "1", "2", "3", "1,2", "0-3", "23", "1-2/1"), weight: 3 },
    field(0, 23, 2),
  );
  const plain_day = fc.oneof({ arbitrary: fc.constant("*"), weight: 3 }, field(1, 31, 1));
  const plain_weekday = fc.oneof({ arbitrary: fc.constant("*"), weight: 3 }, field(0, 7, 1));
  const expression = fc
    .tuple(field(0, 59, 1), near, plain_day, fc.constant("*"), plain_weekday)
    .map((fields) => fields.join(" "));
  for (const [zone, day] of changes) {
    const from = Date.parse(`${day}T00:00Z`) - 1.5 * DAY_MS;
    const until = from + 3 * DAY_MS;
    const minutes = clock(zone, from, until);
    fc.assert(
      fc.property(expression, (text) => {
        const ours = fires(text, zone, from - 1, until, Number.POSITIVE_INFINITY);
        assert.deepEqual(iso(ours), iso(walk(text, minutes)), `${text} in ${zone}`);
      }),
      { numRuns: 30, seed: SEED },
    );
  }
});

const systemd = spawnSync("systemd-analyze", ["--version"], { encoding: "utf8" });
const without = systemd.status === 0 ? false : "systemd-analyze is not installed";

test("away from changes of clocks, cron agrees with systemd-analyze calendar", { skip: without }, () => {
  // systemd drops what falls in a gap and so has another policy there: days on which clocks change are left out.
  const cases: [cron: string, calendar: string][] = [
    ["30 2 * * *", "*-*-* 02:30:00"],
    ["0 2 * * *", "*-*-* 02:00:00"],
    ["*/15 9-17 * * 1-5", "Mon..Fri *-*-* 09..17:00/15:00"],
    ["0 0 31 * *", "*-*-31 00:00:00"],
    ["15 23 29 2 *", "*-02-29 23:15:00"],
    ["5,35 */6 1 1,7 *", "*-01,07-01 00/6:05,35:00"],
    ["0 12 * * SUN", "Sun *-*-* 12:00:00"],
  ];
  const zones = [
    "America/Chicago",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "UTC",
  ];
  const from = Date.parse("2026-01-15T10:20:30Z");
  for (const [expression, calendar] of cases) {
    for (const zone of zones) {
      const args = ["calendar", "--iterations=40", "--base-time=2026-01-15 10:20:30 UTC", `${calendar} ${zone}`];
      const answer = spawnSync("systemd-analyze", args, {
        encoding: "utf8",
        env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
      });
      assert.equal(answer.status, 0, answer.stderr);
      const theirs = [...answer.stdout.matchAll(/(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g)].map(([, date, time]) =>
        Date.parse(`${date}T${time}Z`),
      );
      const last = theirs.at(-1);
      assert.ok(last !== undefined && theirs.length >= 40, answer.stdout);
      const ours = fires(expression, zone, from, last + 1, Number.POSITIVE_INFINITY);
      const quiet = quietDays(zone);
      assert.deepEqual(iso(ours.filter(quiet)), iso(theirs.filter(quiet)), `${expression} in ${zone}`);
    }
  }
});

/** Whether a zone's clocks do not change within a day of an instant. */
function quietDays(time_zone: string): (at: number) => boolean {
  const format = new Intl.DateTimeFormat("en", { timeZone: time_zone, timeZoneName: "longOffset" });
  const offset = (at: number): string => format.format(at).split(" ").at(-1) ?? "";
  return (at) => offset(at - DAY_MS) === offset(at + DAY_MS);
}
