import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HOUR_MS, MINUTE_MS } from "./durations.ts";
import { checkTimeZone, fromWall, nextTransition, offsetAt, segmentAt, toWall } from "./time-zone.ts";

const at = (iso: string): number => Date.parse(iso);
const ZONES = [
  "America/Chicago",
  "Europe/London",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "Pacific/Apia",
  "America/Sao_Paulo",
  "Africa/Casablanca",
  "America/Recife",
  "UTC",
];

test("zones of the IANA database are known, all else is refused with time_zone_unknown", () => {
  for (const name of [...ZONES, "Etc/GMT+5", "US/Central", "EST"]) assert.equal(checkTimeZone(name), null, name);
  for (const name of ["", "Mars/Olympus", "+05:30", "-03:00", "GMT+5", " UTC", "Z", "America/", "x".repeat(1_000)]) {
    assert.equal(checkTimeZone(name)?.code, "time_zone_unknown", name);
  }
});

test("the offset at an instant is the one the zone's clocks had", () => {
  assert.equal(offsetAt("America/Chicago", at("2026-03-08T07:59:59Z")), -6 * HOUR_MS);
  assert.equal(offsetAt("America/Chicago", at("2026-03-08T08:00:00Z")), -5 * HOUR_MS);
  assert.equal(offsetAt("Asia/Kathmandu", at("2026-01-01T00:00:00Z")), 345 * MINUTE_MS);
  assert.equal(offsetAt("Australia/Lord_Howe", at("2026-01-01T00:00:00Z")), 11 * HOUR_MS);
  assert.equal(offsetAt("Australia/Lord_Howe", at("2026-07-01T00:00:00Z")), 10.5 * HOUR_MS);
  assert.equal(offsetAt("America/Sao_Paulo", at("2018-12-01T00:00:00Z")), -2 * HOUR_MS);
  assert.equal(offsetAt("America/Sao_Paulo", at("2025-12-01T00:00:00Z")), -3 * HOUR_MS);
});

test("changes of offset are found at their instant", () => {
  const changes = (zone: string, from: string, until: string): string[] => {
    const found: string[] = [];
    for (let change = nextTransition(zone, at(from), at(until)); change !== null; ) {
      const minutes = (change.after_ms - change.before_ms) / MINUTE_MS;
      found.push(`${new Date(change.at_ms).toISOString().slice(0, 16)} ${minutes}`);
      change = nextTransition(zone, change.at_ms, at(until));
    }
    return found;
  };
  assert.deepEqual(changes("America/Chicago", "2026-01-01", "2026-12-31"), [
    "2026-03-08T08:00 60",
    "2026-11-01T07:00 -60",
  ]);
  assert.deepEqual(changes("Pacific/Apia", "2011-10-01", "2012-01-01"), ["2011-12-30T10:00 1440"]);
  assert.deepEqual(changes("America/Recife", "2000-10-01", "2000-12-01"), [
    "2000-10-08T03:00 60",
    "2000-10-15T02:00 -60",
  ]);
  assert.deepEqual(changes("America/Sao_Paulo", "2019-01-01", "2026-12-31"), ["2019-02-17T02:00 -60"]);
  assert.deepEqual(changes("UTC", "1970-01-01", "2100-01-01"), []);
});

test("a wall time in a gap is no instant, one in an overlap is two", () => {
  const walls = (zone: string, wall: string): string[] =>
    fromWall(zone, at(`${wall}Z`)).map((ms) => new Date(ms).toISOString().slice(0, 16));
  assert.deepEqual(walls("America/Chicago", "2026-03-08T02:30"), []);
  assert.deepEqual(walls("America/Chicago", "2026-11-01T01:30"), ["2026-11-01T06:30", "2026-11-01T07:30"]);
  assert.deepEqual(walls("America/Chicago", "2026-11-01T02:00"), ["2026-11-01T08:00"]);
  assert.deepEqual(walls("Pacific/Apia", "2011-12-30T12:00"), []);
  assert.deepEqual(walls("Australia/Lord_Howe", "2026-04-05T01:45"), ["2026-04-04T14:45", "2026-04-04T15:15"]);
});

test("every instant is one of the instants of its wall time, and lies in its own stretch", () => {
  const instant = fc.integer({ min: at("1970-01-01"), max: at("2060-01-01") });
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), instant, (zone, ms) => {
      assert.ok(fromWall(zone, toWall(zone, ms)).includes(ms));
      const { start_ms, end_ms } = segmentAt(zone, ms);
      assert.ok(start_ms <= ms && ms < end_ms);
    }),
  );
});
