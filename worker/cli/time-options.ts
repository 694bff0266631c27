import { DAY_MS } from "@oa/shared/core/durations.ts";
import { localText } from "@oa/shared/core/local-time.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { fromWall, offsetAt, segmentAt, toWall } from "@oa/shared/core/time-zone.ts";

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** The instant in milliseconds. A date alone is midnight in UTC; a time needs its offset. */
export function readInstant(option: string, text: string): number | Rejection {
  const at_ms = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at_ms)) return at_ms;
  return reject("usage", `${option} takes an instant like 2026-03-08T00:00:00Z, not ${quoted(text)}`);
}

/**
 * As `readInstant`, and also a time without an offset, which is of the zone: `2026-03-08 02:00`, a date alone, or `02:00`
 * for the last time it was that. One that its clocks skip is the first after the change: what is due in it runs then.
 */
export function readLocalTime(
  option: string,
  text: string,
  now_ms: number,
  time_zone: string = machineTimeZone(),
): number | Rejection {
  if (/[Z+]|T.*-/.test(text)) return readInstant(option, text);
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hour !== undefined) {
    const today_ms = Math.floor(toWall(time_zone, now_ms) / DAY_MS) * DAY_MS;
    const wall_ms = today_ms + (Number(hour) * 60 + Number(minute)) * 60_000;
    const passed = [wall_ms - DAY_MS, wall_ms].flatMap((wall) => instantsOf(time_zone, wall));
    return passed.filter((at_ms) => at_ms <= now_ms).at(-1) ?? now_ms;
  }
  const [, date, time = "00:00"] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?$/.exec(text) ?? [];
  const wall_ms = date === undefined ? Number.NaN : Date.parse(`${date}T${time}Z`);
  const [at_ms = Number.NaN] = Number.isNaN(wall_ms) ? [] : instantsOf(time_zone, wall_ms);
  if (!Number.isNaN(at_ms)) return at_ms;
  return reject(
    "usage",
    `${option} takes a time like 02:00, "2026-03-08 02:00" or 2026-03-08T02:00:00Z, not ${quoted(text)}`,
  );
}

/** An event's time as this machine's clocks show it, e.g. `2026-03-08 03:00:07-05:00`. */
export function hereText(at: string): string {
  const at_ms = Date.parse(at);
  const text = localText(machineTimeZone(), at_ms).replace("T", " ");
  const seconds = String(Math.floor(at_ms / 1000) % 60).padStart(2, "0");
  return `${text.slice(0, 16)}:${seconds}${text.slice(16)}`;
}

/** Of this machine's clocks. */
export function machineTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** When the zone's clocks show a time, in order: twice where they are set back. */
function instantsOf(time_zone: string, wall_ms: number): readonly number[] {
  const found = fromWall(time_zone, wall_ms);
  if (found.length > 0) return found;
  const after_ms = wall_ms - offsetAt(time_zone, wall_ms - offsetAt(time_zone, wall_ms) - DAY_MS);
  return [segmentAt(time_zone, after_ms).start_ms];
}

/** `HH:MM-HH:MM`; what is missing is left for the window's own check to refuse. */
export function readWindow(text: string): { readonly start: string; readonly end: string } {
  const cut = text.indexOf("-");
  return { start: cut === -1 ? text : text.slice(0, cut), end: cut === -1 ? "" : text.slice(cut + 1) };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
