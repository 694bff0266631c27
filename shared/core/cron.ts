import { DAY_MS, MINUTE_MS } from "./durations.ts";
import { LIMITS } from "./limits.ts";
import { type Rejection, reject } from "./refusal.ts";
import { type Segment, segmentAt } from "./time-zone.ts";

/**
 * Cron expressions of five fields (minute, hour, day of month, month, day of week) in an IANA time zone.
 *
 * Fields take numbers, ranges, lists, steps over `*` or a range, and names (JAN, SUN; 0 and 7 are Sunday). Day of month
 * also takes `L` (last day), `15W` (the weekday nearest to the 15th, in the same month) and `LW`; day of week takes
 * `MON#2` (second Monday) and `FRIL` or `5L` (last Friday). Where both day fields are other than `*`, either matches.
 *
 * Daylight saving: with a `*` or `/` in minute or hour, minutes that do not exist do not fire and repeated ones fire in
 * both passes. All other expressions name fixed times: what falls in a gap fires once, at the first valid minute after
 * it, and what is repeated fires the first time only.
 */
export interface Cron {
  readonly expression: string;
  /** Ascending. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** Bit n is set for month n. */
  readonly months: number;
  readonly days: DayOfMonth;
  readonly weekdays: DayOfWeek;
  /** Has a `*` or `/` in minute or hour. */
  readonly interval: boolean;
}

interface DayOfMonth {
  readonly restricted: boolean;
  /** Bit n is set for day n. */
  readonly mask: number;
  readonly last: boolean;
  readonly last_weekday: boolean;
  readonly nearest_weekday: readonly number[];
}

interface DayOfWeek {
  readonly restricted: boolean;
  /** Bit n is set for weekday n, 0 is Sunday. */
  readonly mask: number;
  /** The `nth` such weekday of the month; 0 is the last. */
  readonly nth: readonly { readonly weekday: number; readonly nth: number }[];
}

/** A time at which a schedule fires, and whether daylight saving moved it there out of a gap. */
export interface Occurrence {
  readonly at_ms: number;
  readonly moved: boolean;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** How many different values there are: the largest step that makes sense. */
  readonly size: number;
  readonly names: readonly string[];
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MINUTE: Field = { name: "minute", min: 0, max: 59, size: 60, names: [] };
const HOUR: Field = { name: "hour", min: 0, max: 23, size: 24, names: [] };
const DAY: Field = { name: "day of month", min: 1, max: 31, size: 31, names: [] };
const MONTH: Field = { name: "month", min: 1, max: 12, size: 12, names: MONTHS };
const WEEKDAY: Field = { name: "day of week", min: 0, max: 7, size: 7, names: WEEKDAYS };

const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
  }),
);

/** The Gregorian calendar repeats after 400 years: a day not found by then never comes. */
const CALENDAR_MONTHS = 400 * 12;

/** Parses an expression or an alias such as `@daily`. Refusal: `cron_invalid`. */
export function parseCron(expression: string): Cron | Rejection {
  const text = expression.trim();
  const fields = (ALIASES.get(text.toLowerCase()) ?? text).split(/\s+/);
  const [minute, hour, day, month, weekday] = fields.map((field) => field.toUpperCase());
  if (expression.length > LIMITS.cron_chars) return bad(expression, `is longer than ${LIMITS.cron_chars} characters`);
  if (text.startsWith("@") && fields.length === 1) {
    return bad(text, `is not one of the aliases ${[...ALIASES.keys()].join(", ")}`);
  }
  if (
    fields.length !== 5 ||
    minute === undefined ||
    hour === undefined ||
    day === undefined ||
    month === undefined ||
    weekday === undefined
  ) {
    const count = text === "" ? 0 : fields.length;
    return bad(text, `has ${count} fields; cron takes 5: minute hour day-of-month month day-of-week`);
  }
  try {
    return {
      expression: text,
      minutes: listOf(minute, MINUTE),
      hours: listOf(hour, HOUR),
      months: maskOf(listOf(month, MONTH)),
      days: parseDays(day),
      weekdays: parseWeekdays(weekday),
      interval: /[*/]/.test(minute) || /[*/]/.test(hour),
    };
  } catch (error) {
    if (error instanceof BadField) return bad(text, error.message);
    throw error;
  }
}

/** The first instant after `after_ms` at which the schedule fires, or null where it never does. */
export function nextFire(
  schedule: { readonly cron: Cron; readonly time_zone: string },
  after_ms: number,
): number | null {
  return nextOccurrence(schedule, after_ms)?.at_ms ?? null;
}

/**
 * As `nextFire`, with what daylight saving did to it. Within a stretch of constant offset wall times and instants map
 * one to one, so each stretch is searched on the wall clock.
 */
export function nextOccurrence(
  schedule: { readonly cron: Cron; readonly time_zone: string },
  after_ms: number,
): Occurrence | null {
  const { cron, time_zone } = schedule;
  const from_ms = Math.floor(after_ms) + 1;
  for (let segment = segmentAt(time_zone, from_ms); ; ) {
    const { start_ms, end_ms, offset_ms } = segment;
    let floor = Math.max(from_ms, start_ms) + offset_ms;
    if (!cron.interval) {
      const shown = shownBefore(time_zone, segment);
      const at_ms = Math.ceil((start_ms + offset_ms) / MINUTE_MS) * MINUTE_MS - offset_ms;
      if (shown < start_ms + offset_ms && at_ms >= from_ms && hasWall(cron, shown, start_ms + offset_ms)) {
        return { at_ms, moved: true };
      }
      floor = Math.max(floor, shown);
    }
    const wall = nextWall(cron, floor);
    if (wall === null) return null;
    if (wall < end_ms + offset_ms) return { at_ms: wall - offset_ms, moved: false };
    // A wall time below `floor` can come again only where clocks go back within a day or so of `from_ms`. Beyond that,
    // nothing fires until the clocks come near `wall`.
    const near = end_ms > from_ms + 2 * DAY_MS ? Math.max(end_ms, wall - 2 * DAY_MS) : end_ms;
    segment = segmentAt(time_zone, near);
  }
}

/** Whether the expression names a wall time in [from, until). */
export function hasWall(cron: Cron, from: number, until: number): boolean {
  const wall = nextWall(cron, from);
  return wall !== null && wall < until;
}

/** The wall time up to which clocks had run before the stretch began. */
export function shownBefore(time_zone: string, segment: Segment): number {
  let shown = Number.NEGATIVE_INFINITY;
  for (let until = segment.start_ms; segment.start_ms - until < 2 * DAY_MS; ) {
    const before = segmentAt(time_zone, until - 1);
    shown = Math.max(shown, until + before.offset_ms);
    until = before.start_ms;
  }
  return shown;
}

/** The first wall time, in whole minutes and not before `from`, that the expression names; null for never. */
export function nextWall(cron: Cron, from: number): number | null {
  const start = new Date(Math.ceil(from / MINUTE_MS) * MINUTE_MS);
  const year = start.getUTCFullYear();
  const first_day = start.getUTCDate();
  const first_month = start.getUTCMonth();
  for (let ahead = 0; ahead <= CALENDAR_MONTHS; ahead += 1) {
    const month = (first_month + ahead) % 12;
    if (((cron.months >>> (month + 1)) & 1) === 0) continue;
    const in_year = year + Math.floor((first_month + ahead) / 12);
    const days = daysOf(cron, in_year, month);
    for (let day = ahead === 0 ? first_day : 1; day <= 31; day += 1) {
      if (((days >>> day) & 1) === 0) continue;
      const is_first = ahead === 0 && day === first_day;
      const time = is_first ? timeFrom(cron, start.getUTCHours(), start.getUTCMinutes()) : timeFrom(cron, 0, 0);
      if (time !== null) return Date.UTC(in_year, month, day) + time * MINUTE_MS;
    }
  }
  return null;
}

/** The first minute of the day, from the given time on. */
function timeFrom(cron: Cron, from_hour: number, from_minute: number): number | null {
  for (const hour of cron.hours) {
    if (hour < from_hour) continue;
    const least = hour === from_hour ? from_minute : 0;
    const minute = cron.minutes.find((candidate) => candidate >= least);
    if (minute !== undefined) return hour * 60 + minute;
  }
  return null;
}

/** The month's days as bits; months count from 0. */
function daysOf(cron: Cron, year: number, month: number): number {
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const first_weekday = new Date(Date.UTC(year, month, 1)).getUTCDay();
  const weekdayOf = (day: number): number => (first_weekday + day - 1) % 7;
  const { days, weekdays } = cron;
  let by_day = days.mask;
  if (days.last) by_day |= 1 << length;
  if (days.last_weekday) by_day |= 1 << nearestWeekday(length, length, weekdayOf);
  for (const day of days.nearest_weekday) {
    if (day <= length) by_day |= 1 << nearestWeekday(day, length, weekdayOf);
  }
  let by_weekday = 0;
  for (let day = 1; day <= length; day += 1) {
    if (((weekdays.mask >>> weekdayOf(day)) & 1) === 1) by_weekday |= 1 << day;
  }
  for (const { weekday, nth } of weekdays.nth) {
    const first = 1 + ((weekday - first_weekday + 7) % 7);
    const day = nth === 0 ? first + 7 * Math.floor((length - first) / 7) : first + 7 * (nth - 1);
    if (day <= length) by_weekday |= 1 << day;
  }
  const either = days.restricted && weekdays.restricted;
  return (either ? by_day | by_weekday : by_day & by_weekday) & (2 ** (length + 1) - 1);
}

function nearestWeekday(day: number, length: number, weekdayOf: (day: number) => number): number {
  const weekday = weekdayOf(day);
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === length ? day - 2 : day + 1;
  return day;
}

class BadField extends Error {}

function parseDays(text: string): DayOfMonth {
  const plain: string[] = [];
  const nearest_weekday: number[] = [];
  let last = false;
  let last_weekday = false;
  for (const item of text.split(",")) {
    const nearest = /^(\d{1,2})W$/.exec(item)?.[1];
    if (item === "L") last = true;
    else if (item === "LW") last_weekday = true;
    else if (nearest !== undefined) nearest_weekday.push(numberOf(nearest, DAY, text));
    else plain.push(item);
  }
  const mask = plain.length === 0 ? 0 : maskOf(listOf(plain.join(","), DAY));
  return { restricted: text !== "*", mask, last, last_weekday, nearest_weekday };
}

function parseWeekdays(text: string): DayOfWeek {
  const plain: string[] = [];
  const nth: { weekday: number; nth: number }[] = [];
  for (const item of text.split(",")) {
    const [, name, which] = /^(\w+?)(#[1-5]|#?L)$/.exec(item) ?? [];
    if (name === undefined || which === undefined) plain.push(item);
    else
      nth.push({ weekday: numberOf(name, WEEKDAY, text) % 7, nth: which.endsWith("L") ? 0 : Number(which.slice(1)) });
  }
  const days = plain.length === 0 ? [] : listOf(plain.join(","), WEEKDAY);
  return { restricted: text !== "*", mask: maskOf(days.map((day) => day % 7)), nth };
}

/** The values of a field's numbers, ranges, lists and steps, ascending. */
function listOf(text: string, field: Field): readonly number[] {
  const values = new Set<number>();
  for (const item of text.split(",")) {
    const [, range = "", step_text] = /^([^/]*)(?:\/(\d{1,4}))?$/.exec(item) ?? [];
    const [from_text = "", to_text, ...rest] = range.split("-");
    if (item === "" || range === "" || rest.length > 0) {
      throw new BadField(
        `has ${quoted(item)} in its ${field.name} field${inList(item, text)}, which cron does not know`,
      );
    }
    const step = step_text === undefined ? 1 : Number(step_text);
    if (step < 1 || step > field.size) {
      throw new BadField(`steps by ${step} in its ${field.name} field; a step is between 1 and ${field.size}`);
    }
    if (step_text !== undefined && range !== "*" && to_text === undefined) {
      throw new BadField(
        `steps from a single value (${quoted(item)}); write ${range}-${field.max}/${step} or */${step}`,
      );
    }
    const from = range === "*" ? field.min : numberOf(from_text, field, text);
    const to = range === "*" ? field.max : to_text === undefined ? from : numberOf(to_text, field, text);
    if (from > to) {
      throw new BadField(`has the range ${quoted(range)} in its ${field.name} field, which ends before it starts`);
    }
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** The whole field, where what is wrong is only a part of it. */
function inList(item: string, whole: string): string {
  return item === whole ? "" : ` (${quoted(whole)})`;
}

function numberOf(text: string, field: Field, whole: string): number {
  const named = field.names.indexOf(text);
  const value = named !== -1 ? named + field.min : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) {
    throw new BadField(
      `has ${quoted(text)} in its ${field.name} field${inList(text, whole)}, which cron does not know`,
    );
  }
  if (value < field.min || value > field.max) {
    throw new BadField(`has ${value} in its ${field.name} field; it takes ${field.min} to ${field.max}`);
  }
  return value;
}

function maskOf(values: readonly number[]): number {
  return values.reduce((mask, value) => mask | (1 << value), 0);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

function bad(expression: string, problem: string): Rejection {
  return reject("cron_invalid", `the cron expression ${quoted(expression)} ${problem}`);
}
