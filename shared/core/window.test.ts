import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isRejection } from "./refusal.ts";
import { isOpen, nextClosing, nextOpening, parseWindow, type Window } from "./window.ts";

const CHICAGO = "America/Chicago";
const at = (iso: string): number => Date.parse(`${iso}Z`);

function windowOf(text: string): Window {
  const [start = "", end = ""] = text.split("-");
  const window = parseWindow({ start, end });
  assert.ok(!isRejection(window), isRejection(window) ? window.message : "");
  return window;
}
const open = (text: string, zone: string, iso: string): boolean => isOpen(windowOf(text), zone, at(iso));
const opening = (text: string, zone: string, iso: string): string =>
  new Date(nextOpening(windowOf(text), zone, at(iso))).toISOString().slice(0, 16);

test("a window includes its start and excludes its end, in the schedule's zone", () => {
  assert.equal(open("01:00-05:00", CHICAGO, "2026-01-15T06:59:59"), false);
  assert.equal(open("01:00-05:00", CHICAGO, "2026-01-15T07:00"), true);
  assert.equal(open("01:00-05:00", CHICAGO, "2026-01-15T10:59:59"), true);
  assert.equal(open("01:00-05:00", CHICAGO, "2026-01-15T11:00"), false);
  assert.equal(open("01:00-05:00", CHICAGO, "1969-01-15T08:00"), true);
});

test("a window may cross midnight", () => {
  for (const [time, expected] of [
    ["21:59", false],
    ["22:00", true],
    ["00:00", true],
    ["04:59", true],
    ["05:00", false],
  ] as const) {
    assert.equal(open("22:00-05:00", "UTC", `2026-01-15T${time}`), expected, time);
  }
  assert.equal(open("22:00-00:00", "UTC", "2026-01-15T23:59"), true);
  assert.equal(open("22:00-00:00", "UTC", "2026-01-15T00:00"), false);
});

test("the next opening is now where it is open, else when clocks show the start", () => {
  assert.equal(opening("01:00-05:00", "UTC", "2026-01-15T03:00"), "2026-01-15T03:00");
  assert.equal(opening("01:00-05:00", "UTC", "2026-01-15T05:00"), "2026-01-16T01:00");
  assert.equal(opening("22:00-05:00", "UTC", "2026-01-15T12:00"), "2026-01-15T22:00");
});

test("a window whose start does not exist opens when clocks have jumped into it", () => {
  assert.equal(opening("02:30-05:00", CHICAGO, "2026-03-08T07:00"), "2026-03-08T08:00");
  assert.equal(opening("02:10-02:50", CHICAGO, "2026-03-08T07:00"), "2026-03-09T07:10");
});

test("a window that is repeated opens again", () => {
  assert.equal(opening("01:15-01:30", CHICAGO, "2026-11-01T06:30"), "2026-11-01T07:15");
  assert.equal(opening("00:00-01:30", CHICAGO, "2026-11-01T06:45"), "2026-11-01T07:00");
});

test("a time that is not HH:MM, and a window that is never open, are refused with window_invalid", () => {
  for (const [start, end] of [
    ["24:00", "05:00"],
    ["1:00", "05:00"],
    ["01:00", "05:60"],
    ["", "05:00"],
    ["01:00", "01:00"],
    ["01:00 ", "02:00"],
  ] as const) {
    const refusal = parseWindow({ start, end });
    assert.ok(isRejection(refusal) && refusal.code === "window_invalid", `${start}-${end}`);
  }
});

test("half a window is refused by what was given of it", () => {
  for (const half of [
    { start: "22:00", end: "" },
    { start: "", end: "22:00" },
  ]) {
    const refusal = parseWindow(half);
    assert.ok(isRejection(refusal));
    assert.match(refusal.message, /a start and an end, like 01:00-05:00, not "22:00" alone/);
  }
});

test("it is open at its opening, closed at its closing, and the other way round a minute before", () => {
  const minute = fc.integer({ min: 0, max: 24 * 60 - 1 });
  const zone = fc.constantFrom(CHICAGO, "Australia/Lord_Howe", "Pacific/Apia", "UTC");
  const instant = fc.integer({ min: at("2010-01-01T00:00"), max: at("2030-01-01T00:00") });
  fc.assert(
    fc.property(minute, minute, zone, instant, (start_minute, end_minute, time_zone, from) => {
      fc.pre(start_minute !== end_minute);
      const window = { start_minute, end_minute };
      const opens = nextOpening(window, time_zone, from);
      const closes = nextClosing(window, time_zone, opens);
      assert.ok(isOpen(window, time_zone, opens) && !isOpen(window, time_zone, closes));
      assert.ok(opens === from || !isOpen(window, time_zone, opens - 60_000));
      assert.ok(isOpen(window, time_zone, closes - 60_000) || closes - opens < 60_000);
      assert.ok(opens >= from && closes > opens);
    }),
  );
});
