import type { Cron } from "./cron.ts";

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = "January,February,March,April,May,June,July,August,September,October,November,December".split(",");
const WORKING_DAYS = 0b0111110;
const WEEKEND = 0b1000001;
/** More times than this are no longer plainer in words. */
const TIMES_MAX = 4;

/**
 * When a schedule fires, as a person would say it: "every day at 02:00 in Chicago". Null where the expression is plainer
 * than any sentence; a sentence never leaves anything out.
 */
export function cronInWords(cron: Cron, time_zone: string | null): string | null {
  const days = daysInWords(cron);
  const times = timesInWords(cron);
  if (days === null || times === null) return null;
  const where = zoneInWords(time_zone);
  if (times.every_day) return days === "" ? `${times.text}, ${where}` : `${times.text}, ${days}, ${where}`;
  return `${days === "" ? "every day" : days} at ${times.text} ${where}`;
}

/** Where a clock is: "in Chicago", "UTC", "by the machine's own clock". */
export function zoneInWords(time_zone: string | null): string {
  if (time_zone === null) return "by the machine's own clock";
  const place = /^(?!Etc\/)[^/]+\/(.+)$/.exec(time_zone)?.[1];
  return place === undefined ? time_zone : `in ${(place.split("/").at(-1) ?? place).replaceAll("_", " ")}`;
}

function timesInWords({ minutes, hours }: Cron): { readonly text: string; readonly every_day: boolean } | null {
  const [minute = 0] = minutes;
  const step = evenStep(minutes, 60);
  if (hours.length === 24) {
    if (minutes.length === 60) return { text: "every minute", every_day: true };
    if (step !== null && minutes.length > 1) return { text: `every ${step} minutes`, every_day: true };
    if (minutes.length > 1) return null;
    return { text: minute === 0 ? "every hour" : `every hour at ${minute} past`, every_day: true };
  }
  if (minutes.length > 1) return null;
  const hourly = evenStep(hours, 24);
  if (hourly !== null && hours.length > TIMES_MAX) {
    return { text: `every ${hourly} hours${minute === 0 ? "" : ` at ${minute} past`}`, every_day: true };
  }
  if (hours.length > TIMES_MAX) return null;
  return { text: listed(hours.map((hour) => `${two(hour)}:${two(minute)}`)), every_day: false };
}

/** Empty: every day. */
function daysInWords({ days, weekdays, months }: Cron): string | null {
  if (days.restricted && weekdays.restricted) return null;
  const plain = !days.last && !days.last_weekday && days.nearest_weekday.length === 0 && weekdays.nth.length === 0;
  if (!plain) return null;
  const some = namesIn(months >>> 1, MONTHS);
  if (some.length > TIMES_MAX && some.length < 12) return null;
  const of_months = some.length === 12 ? "" : listed(some);
  if (days.restricted) {
    const dates = namesIn(
      days.mask >>> 1,
      Array.from({ length: 31 }, (_, day) => ordinal(day + 1)),
    );
    if (dates.length > TIMES_MAX) return null;
    return `on the ${listed(dates)} of ${of_months === "" ? "each month" : of_months}`;
  }
  const named = weekdays.restricted ? weekdaysInWords(weekdays.mask) : "";
  if (of_months === "") return named;
  return named === "" ? `every day in ${of_months}` : `${named} in ${of_months}`;
}

function weekdaysInWords(mask: number): string {
  if (mask === 0b1111111) return "";
  if (mask === WORKING_DAYS) return "Monday to Friday";
  if (mask === WEEKEND) return "on Saturdays and Sundays";
  // A week is read from Monday on.
  const from_monday = (mask >>> 1) | ((mask & 1) << 6);
  return `on ${listed(namesIn(from_monday, [...WEEKDAYS.slice(1), "Sunday"]).map((name) => `${name}s`))}`;
}

function namesIn(mask: number, names: readonly string[]): readonly string[] {
  return names.filter((_, bit) => ((mask >>> bit) & 1) === 1);
}

/** The distance between values that divide a whole evenly from 0 on; null where they do not. */
function evenStep(values: readonly number[], whole: number): number | null {
  const step = whole / values.length;
  return Number.isInteger(step) && values.every((value, index) => value === index * step) ? step : null;
}

function listed(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? "") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function ordinal(day: number): string {
  const ending = day > 10 && day < 14 ? "th" : (["th", "st", "nd", "rd"][day % 10] ?? "th");
  return `${day}${ending}`;
}
