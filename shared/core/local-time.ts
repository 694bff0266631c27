import { offsetAt } from "./time-zone.ts";

/** An instant as the zone's clocks show it, e.g. `2026-03-08T03:00-05:00`. */
export function localText(time_zone: string, at_ms: number): string {
  const offset_ms = offsetAt(time_zone, at_ms);
  const minutes = Math.round(Math.abs(offset_ms) / 60_000);
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  return `${wallText(at_ms + offset_ms)}${offset_ms < 0 ? "-" : "+"}${hours}:${String(minutes % 60).padStart(2, "0")}`;
}

/** A wall time as `YYYY-MM-DDTHH:MM`. */
export function wallText(wall_ms: number): string {
  return new Date(wall_ms).toISOString().slice(0, 16);
}

/** An instant in a sentence, e.g. `2026-03-08 03:00-05:00 (America/Chicago)`. */
export function shownTime(time_zone: string, at_ms: number): string {
  return `${localText(time_zone, at_ms).replace("T", " ")} (${time_zone})`;
}

/** A length of time for people, e.g. `7 h 12 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.round(hours / 24)} days`;
}
