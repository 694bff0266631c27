/**
 * Cron against three oracles that share no code with it: croner on a clock without daylight saving, a walk through
 * every minute of `Intl`'s clock that applies the declared policy, and `systemd-analyze calendar` where there is one.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Cron as Croner } from "croner";
import fc from "fast-check";
import { needs } from "../../test/needs.ts";
import { nextFire, parseCron } from "./cron.ts";
import { DAY_MS, MINUTE_MS } from "./durations.ts";
import { isRejection } from "./refusal.ts";

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

test("on a clock without daylight saving, cron agrees with croner", (context) => {
  let compared = 0;
  const from = fc.integer({ min: Date.UTC(1995, 0, 1), max: Date.UTC(2045, 0, 1) });
  fc.assert(
    fc.property(expressions, from, (expression, from_ms) => {
      const start = Math.floor(from_ms / 1000) * 1000;
      const theirs = new Croner(expression, { timezone: "UTC", paused: true }).nextRuns(4, new Date(start));
      // croner gives up after some years; what it does find must be the same.
      const ours = fires(expression, "UTC", start, Number.POSITIVE_INFINITY, theirs.length);
      assert.deepEqual(iso(ours), iso(theirs.map((date) => date.getTime())));
      compared += ours.length;
    }),
    { numRuns: 3_000, seed: SEED },
  );
  context.diagnostic(`croner without daylight saving: 3000 schedules, ${compared} fires, 0 disagreements`);
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

test("around every change of clocks, cron agrees with a walk through the minutes", (context) => {
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
    // Zones that changed their rules: another offset for good, the other side of the date line, daylight saving ended.
    ["Europe/Moscow", "2011-03-27"],
    ["Europe/Moscow", "2014-10-26"],
    ["America/Caracas", "2007-12-09"],
    ["America/Caracas", "2016-05-01"],
    ["Asia/Pyongyang", "2015-08-15"],
    ["Asia/Pyongyang", "2018-05-05"],
    ["Pacific/Kiritimati", "1995-01-01"],
    ["Europe/Istanbul", "2015-11-08"],
    ["Asia/Amman", "2022-10-28"],
    ["America/Mexico_City", "2022-10-30"],
    ["Africa/Juba", "2021-02-01"],
    ["Asia/Tehran", "2022-09-22"],
    ["Europe/Dublin", "2026-03-29"],
    ["Africa/El_Aaiun", "2026-03-22"],
    ["America/St_Johns", "2006-10-29"],
    ["America/Nuuk", "2023-03-26"],
    // Half hours, leap days, and a century without one.
    ["Australia/Lord_Howe", "2024-02-29"],
    ["Australia/Lord_Howe", "2027-04-04"],
    ["America/New_York", "2100-03-01"],
    ["Asia/Kolkata", "2000-02-29"],
    ["Pacific/Chatham", "2026-09-27"],
  ];
  const counts = { schedules: 0, fires: 0, croner: 0 };
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
        counts.schedules += 1;
        counts.fires += ours.length;
        counts.croner += cronerAgrees(text, zone, from - 1, until, ours) ? 0 : 1;
      }),
      { numRuns: 24, seed: SEED },
    );
  }
  const { schedules, fires: fired, croner } = counts;
  context.diagnostic(
    `walk of the minutes: ${changes.length} days, ${schedules} schedules, ${fired} fires, 0 disagreements; ` +
      `croner keeps another policy in ${croner} of the ${schedules}`,
  );
});

/** Whether croner, on the zone's own clock, names the same first fires. */
function cronerAgrees(text: string, zone: string, from: number, until: number, ours: readonly number[]): boolean {
  const count = Math.min(ours.length + 1, 40);
  const theirs = new Croner(text, { timezone: zone, paused: true })
    .nextRuns(count, new Date(from))
    .map((date) => date.getTime())
    .filter((at) => at < until);
  return iso(theirs).join() === iso(ours.slice(0, theirs.length === count ? count : undefined)).join();
}

test("over a whole year cron agrees with a walk through its minutes", (context) => {
  const list = [
    "30 2 * * *",
    "15,45 1-3 * * *",
    "*/20 2 * * *",
    "0 0 31 * *",
    "59 23 29 2 *",
    "5 2 1-7 * 0",
    "0 */5 1,31 * 1",
  ];
  let fired = 0;
  const zone = "Australia/Lord_Howe"; // half an hour of daylight saving, in a leap year
  const [from, until] = [Date.UTC(2024, 0, 1), Date.UTC(2025, 0, 1)];
  const minutes = clock(zone, from, until);
  for (const text of list) {
    const ours = fires(text, zone, from - 1, until, Number.POSITIVE_INFINITY);
    assert.deepEqual(iso(ours), iso(walk(text, minutes)), text);
    fired += ours.length;
  }
  context.diagnostic(`walk of a whole year: ${list.length} schedules, ${fired} fires, 0 disagreements`);
});

test("what no year has never fires, and what few have is found across centuries", () => {
  for (const text of ["0 0 30 2 *", "0 0 31 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 2 *", "0 0 30W 2 *"]) {
    for (const zone of ["UTC", "Australia/Lord_Howe", "America/Chicago"]) {
      assert.deepEqual(fires(text, zone, Date.UTC(2026, 0, 1), Number.POSITIVE_INFINITY, 1), [], `${text} in ${zone}`);
    }
  }
  const leap = fires("0 12 29 2 *", "UTC", Date.UTC(2096, 1, 29, 12), Number.POSITIVE_INFINITY, 2);
  assert.deepEqual(iso(leap), ["2104-02-29T12:00:00.000Z", "2108-02-29T12:00:00.000Z"]);
  const days = fires("0 12 31 * *", "UTC", Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1), 20);
  assert.deepEqual(
    days.map((at) => new Date(at).getUTCMonth() + 1),
    [1, 3, 5, 7, 8, 10, 12],
  );
});

const without = needs("systemd-analyze");

test("away from changes of clocks, cron agrees with systemd-analyze calendar", { skip: without }, (context) => {
  let compared = 0;
  // Zones are left out whose rules were changed so lately that systemd's and Node's databases may differ.
  // systemd drops what falls in a gap and so has another policy there: days on which clocks change are left out.
  const cases: [cron: string, calendar: string][] = [
    ["30 2 * * *", "*-*-* 02:30:00"],
    ["0 2 * * *", "*-*-* 02:00:00"],
    ["*/15 9-17 * * 1-5", "Mon..Fri *-*-* 09..17:00/15:00"],
    ["0 0 31 * *", "*-*-31 00:00:00"],
    ["15 23 29 2 *", "*-02-29 23:15:00"],
    ["5,35 */6 1 1,7 *", "*-01,07-01 00/6:05,35:00"],
    ["0 12 * * SUN", "Sun *-*-* 12:00:00"],
    ["0 6 30 * *", "*-*-30 06:00:00"],
    ["45 4 31 1,3,5 *", "*-01,03,05-31 04:45:00"],
    ["10,40 22-23 28-31 * *", "*-*-28..31 22..23:10,40:00"],
    ["0 9 * 12 MON-FRI", "Mon..Fri *-12-* 09:00:00"],
  ];
  const zones = [
    "America/Chicago",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Asia/Pyongyang",
    "Pacific/Chatham",
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
      compared += theirs.filter(quiet).length;
    }
  }
  const schedules = cases.length * zones.length;
  context.diagnostic(`systemd-analyze calendar: ${schedules} schedules, ${compared} fires, 0 disagreements`);
});

/** Whether a zone's clocks do not change within a day of an instant. */
function quietDays(time_zone: string): (at: number) => boolean {
  const format = new Intl.DateTimeFormat("en", { timeZone: time_zone, timeZoneName: "longOffset" });
  const offset = (at: number): string => format.format(at).split(" ").at(-1) ?? "";
  return (at) => offset(at - DAY_MS) === offset(at + DAY_MS);
}
