import { type Cron, nextFire, parseCron } from "./cron.ts";
import { MINUTE_MS } from "./durations.ts";
import { assert, isRejection, type Rejection, reject } from "./refusal.ts";
import { nextTransition, toWall } from "./time-zone.ts";

/** A time of day on the wall clock, in minutes: `start` inclusive, `end` exclusive, across midnight where it ends first. */
export interface Window {
  readonly start_minute: number;
  readonly end_minute: number;
}

const DAY_MINUTES = 24 * 60;

/** Parses `{start, end}` in 24-hour `HH:MM`. Refusal: `window_invalid`, also where both are the same. */
export function parseWindow(window: { readonly start: string; readonly end: string }): Window | Rejection {
  const start_minute = minuteOf(window.start);
  const end_minute = minuteOf(window.end);
  if (start_minute === null || end_minute === null) {
    const wrong = start_minute === null ? window.start : window.end;
    if (wrong === "") {
      const given = JSON.stringify(`${window.start}${window.end}`.slice(0, 40));
      return reject("window_invalid", `a window has a start and an end, like 01:00-05:00, not ${given} alone`);
    }
    return reject("window_invalid", `${JSON.stringify(wrong.slice(0, 40))} is not a time of day like 01:00 or 23:30`);
  }
  if (start_minute === end_minute) {
    return reject("window_invalid", `the window starts and ends at ${window.start}, so it is never open`);
  }
  return { start_minute, end_minute };
}

/** Whether the window is open at an instant. */
export function isOpen(window: Window, time_zone: string, at_ms: number): boolean {
  return showsOpen(window, toWall(time_zone, at_ms));
}

/** Whether the window is open when clocks show a wall time. */
export function showsOpen(window: Window, wall_ms: number): boolean {
  const minutes = Math.floor(wall_ms / MINUTE_MS);
  const minute = ((minutes % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  const { start_minute, end_minute } = window;
  return start_minute < end_minute
    ? minute >= start_minute && minute < end_minute
    : minute >= start_minute || minute < end_minute;
}

/**
 * The first instant, not before `from_ms`, at which the window is open. A window opens when clocks show its start, in
 * both passes of an overlap, and where a change of clocks lands inside it.
 */
export function nextOpening(window: Window, time_zone: string, from_ms: number): number {
  if (isOpen(window, time_zone, from_ms)) return from_ms;
  const start_ms = nextFire({ cron: daily(window.start_minute), time_zone }, from_ms);
  assert(start_ms !== null, "every time of day comes again");
  for (let at_ms = from_ms; ; ) {
    const change = nextTransition(time_zone, at_ms, start_ms);
    if (change === null) return start_ms;
    if (isOpen(window, time_zone, change.at_ms)) return change.at_ms;
    at_ms = change.at_ms;
  }
}

/** The first instant, not before `from_ms`, at which the window is closed. */
export function nextClosing({ start_minute, end_minute }: Window, time_zone: string, from_ms: number): number {
  return nextOpening({ start_minute: end_minute, end_minute: start_minute }, time_zone, from_ms);
}

/** Each time clocks show this minute of the day. */
function daily(minute: number): Cron {
  const cron = parseCron(`${minute % 60} ${Math.floor(minute / 60)} * * *`);
  assert(!isRejection(cron), `${minute} is a minute of the day`);
  return { ...cron, interval: true };
}

function minuteOf(text: string): number | null {
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? null : Number(hour) * 60 + Number(minute);
}
