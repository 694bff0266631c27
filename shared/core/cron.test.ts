import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cron, nextFire, nextOccurrence, parseCron } from "./cron.ts";
import { isRejection } from "./refusal.ts";

function cronOf(expression: string): Cron {
  const cron = parseCron(expression);
  assert.ok(!isRejection(cron), isRejection(cron) ? cron.message : "");
  return cron;
}

/** The next `count` fires, as UTC minutes. */
function fires(expression: string, time_zone: string, from: string, count: number): string[] {
  const schedule = { cron: cronOf(expression), time_zone };
  const found: string[] = [];
  for (
    let at = nextFire(schedule, Date.parse(from));
    at !== null && found.length < count;
    at = nextFire(schedule, at)
  ) {
    found.push(new Date(at).toISOString().replace(":00.000Z", ""));
  }
  return found;
}
const days = (expression: string, from: string, count: number): string[] =>
  fires(expression, "UTC", from, count).map((fire) => fire.slice(0, 10));

const CHICAGO = "America/Chicago";

test("fields take numbers, lists, ranges, steps and names", () => {
  assert.deepEqual(cronOf("*/20 1,3-5 * * *").minutes, [0, 20, 40]);
  assert.deepEqual(cronOf("10-30/10 0-23/6 * * *").hours, [0, 6, 12, 18]);
  assert.deepEqual(cronOf("5,1,3-4,3 0 * * *").minutes, [1, 3, 4, 5]);
  assert.deepEqual(days("0 0 1 jan,Jul-AUG *", "2026-01-01", 3), ["2026-07-01", "2026-08-01", "2027-01-01"]);
  assert.deepEqual(days("0 0 * * mon-tue", "2026-01-01", 3), ["2026-01-05", "2026-01-06", "2026-01-12"]);
  assert.deepEqual(days("0 0 * * 7", "2026-01-01", 2), days("0 0 * * 0", "2026-01-01", 2));
  assert.deepEqual(days("0 0 * * 5-7", "2026-01-01", 3), ["2026-01-02", "2026-01-03", "2026-01-04"]);
  assert.deepEqual(fires(" 0   2\t* * * ", "UTC", "2026-01-01T00:00Z", 1), ["2026-01-01T02:00"]);
});

test("aliases stand for their expressions", () => {
  for (const [alias, expression] of [
    ["@yearly", "0 0 1 1 *"],
    ["@Annually", "0 0 1 1 *"],
    ["@monthly", "0 0 1 * *"],
    ["@weekly", "0 0 * * 0"],
    ["@daily", "0 0 * * *"],
    ["@MIDNIGHT", "0 0 * * *"],
    ["@hourly", "0 * * * *"],
  ] as const) {
    assert.deepEqual(fires(alias, CHICAGO, "2026-01-01T00:30Z", 3), fires(expression, CHICAGO, "2026-01-01T00:30Z", 3));
  }
});

test("L, W and # name days of the month", () => {
  assert.deepEqual(days("0 0 L * *", "2028-01-01", 2), ["2028-01-31", "2028-02-29"]);
  assert.deepEqual(days("0 0 LW * *", "2026-01-01", 2), ["2026-01-30", "2026-02-27"]);
  assert.deepEqual(days("0 0 15W * *", "2026-08-01", 3), ["2026-08-14", "2026-09-15", "2026-10-15"]);
  assert.deepEqual(days("0 0 1W * *", "2026-07-15", 2), ["2026-08-03", "2026-09-01"]);
  assert.deepEqual(days("0 0 31W * *", "2026-01-01", 3), ["2026-01-30", "2026-03-31", "2026-05-29"]);
  assert.deepEqual(days("0 0 * * TUE#1,5#3", "2026-01-01", 3), ["2026-01-06", "2026-01-16", "2026-02-03"]);
  assert.deepEqual(days("0 0 * * 1#5", "2026-01-01", 2), ["2026-03-30", "2026-06-29"]);
  for (const last of ["FRIL", "5L", "fri#L", "5#L"]) {
    assert.deepEqual(days(`0 0 * * ${last}`, "2026-01-01", 2), ["2026-01-30", "2026-02-27"]);
  }
  assert.deepEqual(days("0 0 1,L * *", "2026-01-15", 3), ["2026-01-31", "2026-02-01", "2026-02-28"]);
});

test("where both day fields are restricted, either matches", () => {
  assert.deepEqual(days("0 0 13 * FRI", "2026-01-01", 4), ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]);
  assert.deepEqual(days("0 0 13 * *", "2026-01-01", 2), ["2026-01-13", "2026-02-13"]);
  assert.deepEqual(days("0 0 * * FRI", "2026-01-01", 2), ["2026-01-02", "2026-01-09"]);
  assert.deepEqual(days("0 0 31 2 SUN#1", "2026-01-01", 2), ["2026-02-01", "2027-02-07"]);
});

test("leap days and 31sts come when the calendar has them", () => {
  assert.deepEqual(days("0 0 29 2 *", "2026-01-01", 3), ["2028-02-29", "2032-02-29", "2036-02-29"]);
  assert.deepEqual(days("0 0 29 2 *", "2096-03-01", 1), ["2104-02-29"]);
  assert.deepEqual(days("0 0 31 * *", "2026-01-31", 3), ["2026-03-31", "2026-05-31", "2026-07-31"]);
});

test("an expression that names no day answers never", () => {
  for (const expression of ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "*/5 * 30 FEB *", "0 0 31W 2 *"]) {
    for (const zone of ["UTC", CHICAGO]) assert.equal(nextFire({ cron: cronOf(expression), time_zone: zone }, 0), null);
  }
});

test("after is exclusive, to the millisecond", () => {
  const schedule = { cron: cronOf("0 2 * * *"), time_zone: "UTC" };
  const two = Date.parse("2026-01-01T02:00Z");
  assert.equal(nextFire(schedule, two - 1), two);
  assert.equal(nextFire(schedule, two), two + 86_400_000);
  assert.equal(nextFire(schedule, two - 60_000 + 0.5), two);
});

test("a fixed time in a gap fires once at the first valid minute after it", () => {
  assert.deepEqual(fires("30 2 * * *", CHICAGO, "2026-03-07T12:00Z", 2), ["2026-03-08T08:00", "2026-03-09T07:30"]);
  assert.deepEqual(fires("15,30,45 2 * * *", CHICAGO, "2026-03-08T00:00Z", 2), [
    "2026-03-08T08:00",
    "2026-03-09T07:15",
  ]);
  assert.deepEqual(fires("0 2-3 * * *", CHICAGO, "2026-03-08T00:00Z", 2), ["2026-03-08T08:00", "2026-03-09T07:00"]);
  assert.deepEqual(fires("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", 2), [
    "2026-10-03T15:30",
    "2026-10-04T15:15",
  ]);
  const schedule = { cron: cronOf("30 2 * * *"), time_zone: CHICAGO };
  assert.deepEqual(nextOccurrence(schedule, Date.parse("2026-03-08T07:59Z")), {
    at_ms: Date.parse("2026-03-08T08:00Z"),
    moved: true,
  });
});

test("an interval does not fire in a gap", () => {
  assert.deepEqual(fires("*/15 2 * * *", CHICAGO, "2026-03-07T12:00Z", 1), ["2026-03-09T07:00"]);
  assert.deepEqual(fires("30 * * * *", CHICAGO, "2026-03-08T07:00Z", 2), ["2026-03-08T07:30", "2026-03-08T08:30"]);
  assert.deepEqual(fires("0 1-3/1 * * *", CHICAGO, "2026-03-08T00:00Z", 2), ["2026-03-08T07:00", "2026-03-08T08:00"]);
});

test("a fixed time in an overlap fires the first time only", () => {
  assert.deepEqual(fires("30 1 * * *", CHICAGO, "2026-10-31T12:00Z", 2), ["2026-11-01T06:30", "2026-11-02T07:30"]);
  assert.deepEqual(fires("0 1-2 * * *", CHICAGO, "2026-11-01T00:00Z", 3), [
    "2026-11-01T06:00",
    "2026-11-01T08:00",
    "2026-11-02T07:00",
  ]);
  assert.deepEqual(fires("30 1 * * *", CHICAGO, "2026-11-01T06:45Z", 1), ["2026-11-02T07:30"]);
});

test("an interval fires in both passes of an overlap", () => {
  assert.deepEqual(fires("*/30 1 * * *", CHICAGO, "2026-11-01T00:00Z", 5), [
    "2026-11-01T06:00",
    "2026-11-01T06:30",
    "2026-11-01T07:00",
    "2026-11-01T07:30",
    "2026-11-02T07:00",
  ]);
  assert.deepEqual(fires("*/30 1 1 11 *", CHICAGO, "2026-11-01T06:30Z", 3), [
    "2026-11-01T07:00",
    "2026-11-01T07:30",
    "2027-11-01T06:00",
  ]);
});

test("a zone that skips a whole day fires what fell on it when the next begins", () => {
  assert.deepEqual(fires("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00Z", 3), [
    "2011-12-29T22:00",
    "2011-12-30T10:00",
    "2011-12-30T22:00",
  ]);
  assert.deepEqual(fires("0 0 * * *", "Pacific/Apia", "2011-12-29T11:00Z", 2), [
    "2011-12-30T10:00",
    "2011-12-31T10:00",
  ]);
  assert.deepEqual(fires("0 */12 * * *", "Pacific/Apia", "2011-12-29T11:00Z", 3), [
    "2011-12-29T22:00",
    "2011-12-30T10:00",
    "2011-12-30T22:00",
  ]);
});

test("a clear sentence says what is wrong with an expression", () => {
  const table: [expression: string, message: string][] = [
    ["", 'the cron expression "" has 0 fields; cron takes 5: minute hour day-of-month month day-of-week'],
    ["* * * *", 'the cron expression "* * * *" has 4 fields; cron takes 5: minute hour day-of-month month day-of-week'],
    ["61 * * * *", 'the cron expression "61 * * * *" has 61 in its minute field; it takes 0 to 59'],
    ["0 24 * * *", 'the cron expression "0 24 * * *" has 24 in its hour field; it takes 0 to 23'],
    ["0 0 0 * *", 'the cron expression "0 0 0 * *" has 0 in its day of month field; it takes 1 to 31'],
    ["5/15 * * * *", 'the cron expression "5/15 * * * *" steps from a single value ("5/15"); write 5-59/15 or */15'],
    ["*/0 * * * *", 'the cron expression "*/0 * * * *" steps by 0 in its minute field; a step is between 1 and 60'],
    [
      "0 22-2 * * *",
      'the cron expression "0 22-2 * * *" has the range "22-2" in its hour field, which ends before it starts',
    ],
    [
      "@reboot",
      'the cron expression "@reboot" is not one of the aliases @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly',
    ],
  ];
  for (const [expression, message] of table) {
    assert.deepEqual(parseCron(expression), { rejected: true, code: "cron_invalid", message });
  }
});

test("what cron does not know is refused with cron_invalid", () => {
  const bad = ["* * * * * *", "a * * * *", "-1 * * * *", "1- * * * *", "1-2-3 * * * *", "1,,2 * * * *", ", * * * *"];
  bad.push("*/90 * * * *", "*/ * * * *", "1.5 * * * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * 0 *", "0 0 * * 8");
  bad.push(
    "0 0 * * L",
    "0 0 * * 1#6",
    "0 0 * * 1#0",
    "0 0 W * *",
    "0 0 32W * *",
    "0 0 L-3 * *",
    "0 0 ? * *",
    "L * * * *",
  );
  bad.push("0 0 * foo *", "0 0 * * JAN", "@every 5m", "@nope", "٣ * * * *", "0x1 * * * *", "1e1 * * * *", "** * * * *");
  bad.push(
    "*-5 * * * *",
    "5-* * * * *",
    "100 * * * *",
    `${"0,".repeat(400)}0 * * * *`,
    "0 0 1-15W * *",
    "0 0 * * 1-5#2",
  );
  for (const expression of bad) {
    const cron = parseCron(expression);
    assert.ok(isRejection(cron) && cron.code === "cron_invalid", expression);
  }
});
