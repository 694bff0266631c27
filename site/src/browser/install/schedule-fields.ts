import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ScheduleConstraints, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { type ClockChange, outsideSentence, previewSchedule } from "@oa/shared/schedule/preview.ts";

/** The schedule editor's fields, as they stand in the form. */
export interface ScheduleFields {
  readonly how: "declared" | "daily" | "cron" | "manual";
  /** HH:MM, and a key of `DAYS`: what `daily` goes by. */
  readonly at: string;
  readonly days: string;
  readonly expression: string;
  readonly timezone: string;
  /** HH:MM; both empty: at any time of day. */
  readonly start: string;
  readonly end: string;
  readonly overlap: NonNullable<UpgradeSchedule["overlap"]>;
  readonly plugged_in: boolean;
  readonly wifi_only: boolean;
  readonly suspend_if_active: boolean;
  readonly respect_dnd: boolean;
  /** Percent; empty: whatever it is. */
  readonly cpu_max: string;
}

export const CONDITIONS = ["plugged_in", "wifi_only", "suspend_if_active", "respect_dnd"] as const;

/** On which days an upgrade runs that runs at a time of day: as cron has them, and as people do. */
export const DAYS: readonly (readonly [string, string])[] = [
  ["*", "Every day"],
  ["1-5", "Monday to Friday"],
  ["0,6", "Saturday and Sunday"],
  ["1", "Mondays"],
  ["2", "Tuesdays"],
  ["3", "Wednesdays"],
  ["4", "Thursdays"],
  ["5", "Fridays"],
  ["6", "Saturdays"],
  ["0", "Sundays"],
];

/** The time and days of a cron expression that says no more than those; null: it says more. */
function daily(expression: string): Pick<ScheduleFields, "at" | "days"> | null {
  const [, minute = "", hour = "", days = ""] = /^(\d{1,2}) (\d{1,2}) \* \* (\S+)$/.exec(expression.trim()) ?? [];
  if (Number(minute) > 59 || Number(hour) > 23 || !DAYS.some(([value]) => value === days)) return null;
  return { at: `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`, days };
}

/** The same as cron; what is no time of day stays what no cron is, and is refused as that. */
function asCron({ at, days }: Pick<ScheduleFields, "at" | "days">): string {
  const [hour = "", minute = ""] = at.split(":");
  return `${Number(minute)} ${hour === "" ? "?" : Number(hour)} * * ${days}`;
}

/** What the form shows first: the schedule that was chosen before, or what the upgrade declares. */
export function fieldsOf(declared: UpgradeSchedule, chosen: UpgradeSchedule | null, zone: string): ScheduleFields {
  const shown = chosen ?? declared;
  const { constraints = {} } = shown;
  const own = daily(shown.expression ?? "");
  return {
    how: chosen === null ? "declared" : chosen.type !== "cron" ? "manual" : own === null ? "cron" : "daily",
    ...(own ?? { at: "03:00", days: "*" }),
    expression: shown.expression ?? "0 3 * * *",
    timezone: shown.timezone ?? zone,
    start: shown.window?.start ?? "",
    end: shown.window?.end ?? "",
    overlap: shown.overlap ?? "skip",
    plugged_in: constraints.plugged_in ?? false,
    wifi_only: constraints.wifi_only ?? false,
    suspend_if_active: constraints.suspend_if_active ?? false,
    respect_dnd: constraints.respect_dnd ?? false,
    cpu_max: constraints.cpu_max_percentage === undefined ? "" : String(constraints.cpu_max_percentage),
  };
}

/** The schedule to order: null where the upgrade's own is kept. What the form does not show stays as declared. */
export function scheduleOf(declared: UpgradeSchedule, fields: ScheduleFields): UpgradeSchedule | null {
  const { how, expression, timezone, start, end, overlap, cpu_max } = fields;
  if (how === "declared") return null;
  const { window: _, expression: __, constraints: ___, ...rest } = declared;
  if (how === "manual") return { ...rest, type: "manual" };
  const asked: ScheduleConstraints = {
    ...Object.fromEntries(CONDITIONS.filter((name) => fields[name]).map((name) => [name, true])),
    ...(cpu_max.trim() === "" ? {} : { cpu_max_percentage: Number(cpu_max) }),
  };
  return {
    ...rest,
    ...{
      type: "cron",
      expression: how === "daily" ? asCron(fields) : expression.trim(),
      timezone: timezone.trim(),
      overlap,
    },
    ...(start === "" && end === "" ? {} : { window: { start, end } }),
    ...(Object.keys(asked).length === 0 ? {} : { constraints: asked }),
  };
}

const FIRES = 5;

/** The next times a schedule fires, by its zone's clocks, with what the changes of clocks and its window do to it. */
export function nextTimes(schedule: UpgradeSchedule, zone: string, now_ms: number): readonly string[] | Rejection {
  if (schedule.type !== "cron") return [];
  const { expression = "", timezone = zone, window, on_missed = "catch_up" } = schedule;
  const preview = previewSchedule({
    ...{ expression, time_zone: timezone, from_ms: now_ms, count: FIRES, on_missed },
    ...(window === undefined ? {} : { window }),
  });
  if (isRejection(preview)) return preview;
  if (preview.local.length === 0) return ["It never fires within its window."];
  const outside = window === undefined ? [] : [outsideSentence(window, on_missed)];
  return [...preview.local.map(timeSentence), ...preview.clock_changes.map(clockSentence), ...outside];
}

/** `Fri 2027-03-26, 02:30 (UTC+01:00)`, out of ISO 8601 with its offset: an offset beside a time reads as another time. */
function timeSentence(local: string): string {
  const [day = "", clock = ""] = local.split("T");
  const weekday = new Intl.DateTimeFormat("en", { weekday: "short", timeZone: "UTC" }).format(
    new Date(`${day}T00:00Z`),
  );
  const [time, offset] = [clock.slice(0, 5), clock.slice(5)];
  return `${weekday} ${day}, ${time} (UTC${offset === "Z" ? "" : offset})`;
}

function clockSentence({ kind, local_from, local_until, outcome }: ClockChange): string {
  const from = local_from.replace("T", " ");
  const until = local_until.slice(11);
  const what = kind === "gap" ? `Clocks skip ${from} to ${until}` : `Clocks show ${from} to ${until} twice`;
  const then = {
    fires_after_gap: "it fires right after",
    waits_for_window: "its window is closed right after, so it waits for it to open",
    outside_window: "its window is closed right after, so it is skipped",
    does_not_fire: "it does not fire then",
    fires_first_time: "it fires the first time only",
    fires_both_times: "it fires both times",
  }[outcome];
  return `${what}: ${then}.`;
}
