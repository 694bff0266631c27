import { type Rejection, reject } from "@oa/shared/core/refusal.ts";

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** The instant in milliseconds. A date alone is midnight in UTC; a time needs its offset. */
export function readInstant(option: string, text: string): number | Rejection {
  const at_ms = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at_ms)) return at_ms;
  return reject("usage", `${option} takes an instant like 2026-03-08T00:00:00Z, not ${quoted(text)}`);
}

/**
 * As `readInstant`, and also a time without an offset, which is this machine's: `2026-03-08 02:00`, a date alone, or
 * `02:00` for the last time it was that.
 */
export function readLocalTime(option: string, text: string, now_ms: number): number | Rejection {
  if (/[Z+]|T.*-/.test(text)) return readInstant(option, text);
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hour !== undefined) {
    const at = new Date(now_ms);
    at.setHours(Number(hour), Number(minute), 0, 0);
    if (at.getTime() > now_ms) at.setDate(at.getDate() - 1);
    return at.getTime();
  }
  const [, date, time = "00:00"] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?$/.exec(text) ?? [];
  const at_ms = date === undefined ? Number.NaN : new Date(`${date}T${time}`).getTime();
  if (!Number.isNaN(at_ms)) return at_ms;
  return reject(
    "usage",
    `${option} takes a time like 02:00, "2026-03-08 02:00" or 2026-03-08T02:00:00Z, not ${quoted(text)}`,
  );
}

/** `HH:MM-HH:MM`; what is missing is left for the window's own check to refuse. */
export function readWindow(text: string): { readonly start: string; readonly end: string } {
  const cut = text.indexOf("-");
  return { start: cut === -1 ? text : text.slice(0, cut), end: cut === -1 ? "" : text.slice(cut + 1) };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
