import { DAY_MS } from "./durations.ts";
import { LIMITS } from "./limits.ts";
import { assert, type Rejection, reject } from "./refusal.ts";

/**
 * Time zones of the IANA database, as `Intl` knows them. A wall time is written as the Unix milliseconds at which a
 * clock in UTC would show it, so wall = instant + offset.
 */

/** A stretch of instants with one offset, `end_ms` exclusive. Cut at the UTC year, so an end need not be a change. */
export interface Segment {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly offset_ms: number;
}

/** A change of offset: from `before_ms` to `after_ms` at the instant `at_ms`. */
export interface Transition {
  readonly at_ms: number;
  readonly before_ms: number;
  readonly after_ms: number;
}

interface Zone {
  readonly format: Intl.DateTimeFormat;
  readonly years: Map<number, readonly Segment[]>;
}

const PROBE_MS = 3 * DAY_MS; // no zone has changed its offset and back within it
const zones = new Map<string, Zone>();

/** Null where `name` is a zone of the IANA database, e.g. `America/Chicago`. Refusal: `time_zone_unknown`. */
export function checkTimeZone(name: string): Rejection | null {
  if (zoneOf(name) !== null) return null;
  const shown = JSON.stringify(name.slice(0, 80));
  return reject("time_zone_unknown", `${shown} is not a time zone of the IANA database, like America/Chicago or UTC`);
}

/** What is added to an instant to get the zone's wall time. The zone is a known one. */
export function offsetAt(time_zone: string, at_ms: number): number {
  return segmentAt(time_zone, at_ms).offset_ms;
}

export function toWall(time_zone: string, at_ms: number): number {
  return at_ms + offsetAt(time_zone, at_ms);
}

/** The instants at which the zone's clocks show a wall time, in order: none in a gap, two in an overlap. */
export function fromWall(time_zone: string, wall_ms: number): readonly number[] {
  const instants: number[] = [];
  let segment = segmentAt(time_zone, wall_ms - 2 * DAY_MS);
  for (; segment.start_ms < wall_ms + 2 * DAY_MS; segment = segmentAt(time_zone, segment.end_ms)) {
    const at_ms = wall_ms - segment.offset_ms;
    if (at_ms >= segment.start_ms && at_ms < segment.end_ms) instants.push(at_ms);
  }
  return instants;
}

/** The first change of offset after `after_ms` and not after `until_ms`, or null. */
export function nextTransition(time_zone: string, after_ms: number, until_ms: number): Transition | null {
  for (let segment = segmentAt(time_zone, after_ms); segment.end_ms <= until_ms; ) {
    const next = segmentAt(time_zone, segment.end_ms);
    if (next.offset_ms !== segment.offset_ms) {
      return { at_ms: next.start_ms, before_ms: segment.offset_ms, after_ms: next.offset_ms };
    }
    segment = next;
  }
  return null;
}

/** The stretch of constant offset that has the instant `at_ms` in it. */
export function segmentAt(time_zone: string, at_ms: number): Segment {
  const zone = zoneOf(time_zone);
  assert(zone !== null, `${time_zone} was checked to be a time zone`);
  const year = new Date(at_ms).getUTCFullYear();
  let segments = zone.years.get(year);
  if (segments === undefined) {
    segments = segmentsOfYear(zone.format, year);
    zone.years.set(year, segments);
  }
  const found = segments.find(({ end_ms }) => at_ms < end_ms);
  assert(found !== undefined, `${at_ms} is an instant`);
  return found;
}

function segmentsOfYear(format: Intl.DateTimeFormat, year: number): readonly Segment[] {
  const end = Date.UTC(year + 1, 0, 1);
  const segments: Segment[] = [];
  let start_ms = Date.UTC(year, 0, 1);
  let offset_ms = measure(format, start_ms);
  for (let probe = start_ms; probe < end; ) {
    const next = Math.min(probe + PROBE_MS, end - 1000);
    const after = measure(format, next);
    if (after !== offset_ms) {
      const end_ms = changeBetween(format, probe, next, offset_ms);
      segments.push({ start_ms, end_ms, offset_ms });
      start_ms = end_ms;
      offset_ms = measure(format, end_ms);
      probe = end_ms;
    } else probe = next === end - 1000 ? end : next;
  }
  segments.push({ start_ms, end_ms: end, offset_ms });
  return segments;
}

/** The first whole second in (low, high] at which the offset is no longer `offset_ms`. */
function changeBetween(format: Intl.DateTimeFormat, low: number, high: number, offset_ms: number): number {
  let same = low / 1000;
  let changed = high / 1000;
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (measure(format, middle * 1000) === offset_ms) same = middle;
    else changed = middle;
  }
  return changed * 1000;
}

function measure(format: Intl.DateTimeFormat, at_ms: number): number {
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
    format.format(at_ms).match(/\d+/g) ?? []
  ).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) - at_ms;
}

function zoneOf(name: string): Zone | null {
  const known = zones.get(name);
  if (known !== undefined) return known;
  // Intl also takes offsets such as +05:30, which are not in the IANA database.
  if (name.length > LIMITS.time_zone_chars || !/^[A-Za-z]/.test(name)) return null;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (error) {
    if (error instanceof RangeError) return null; // how Intl says that it does not know the zone
    throw error;
  }
  if (zones.size >= LIMITS.time_zone_cache_entries) zones.clear();
  const zone = { format, years: new Map() };
  zones.set(name, zone);
  return zone;
}
