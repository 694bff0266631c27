import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ScheduleChanges } from "@oa/shared/generated/types.ts";
import { readWindow } from "./time-options.ts";

/** One setting of a schedule by its name, as often as there are. */
export const SET_OPTION = {
  type: "text",
  value: "NAME=VALUE",
  repeat: true,
  summary:
    "A setting to change: cron, tz, window (HH:MM-HH:MM or none), jitter_ms, on_missed, catch_up_max_age_h, on_unknown, overlap, or a constraint (none takes it away)",
} as const;

/** The settings that owners change most, each with an option of its own. */
export const SCHEDULE_OPTIONS = {
  schedule: { type: "text", value: "CRON", summary: "Run at these times instead: five fields, or an alias" },
  tz: { type: "text", value: "ZONE", summary: "IANA time zone of these times and the window" },
  window: { type: "text", value: "HH:MM-HH:MM", summary: "Run only at this time of day; none for any time" },
  overlap: {
    type: "text",
    value: "HOW",
    summary: "While a run of it goes on: skip, queue_one or cancel_running",
    choices: ["skip", "queue_one", "cancel_running"],
  },
  "on-unknown": {
    type: "text",
    value: "HOW",
    summary: "Where no sensor can measure what it asks for: wait or run",
    choices: ["wait", "run"],
  },
} as const;

interface Given {
  readonly schedule: string | undefined;
  readonly tz: string | undefined;
  readonly window: string | undefined;
  readonly overlap: string | undefined;
  readonly "on-unknown": string | undefined;
}

/** What the options say, or undefined where none is given. Refusal: usage. */
export function readScheduleOptions(
  options: Given,
  set: readonly string[] = [],
): ScheduleChanges | undefined | Rejection {
  const { schedule, tz, window, overlap } = options;
  const named = { cron: schedule, tz, window, overlap, on_unknown: options["on-unknown"] };
  const texts = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return texts.length + set.length === 0 ? undefined : readChanges([...texts, ...set]);
}

const NAMES: Readonly<Record<string, string>> = { cron: "expression", tz: "timezone" };
const TEXTS = new Set(["expression", "timezone", "on_missed", "on_unknown", "overlap"]);
const NUMBERS = new Set(["jitter_ms", "catch_up_max_age_h"]);
const SWITCHES = new Set(["plugged_in", "wifi_only", "suspend_if_active", "respect_dnd"]);

/** What the worker's own check of the values refuses is left to it. */
export function readChanges(texts: readonly string[]): ScheduleChanges | Rejection {
  const changes: Record<string, unknown> = {};
  const constraints: Record<string, unknown> = {};
  for (const text of texts) {
    const cut = text.indexOf("=");
    const given = text.slice(0, Math.max(0, cut));
    const name = Object.hasOwn(NAMES, given) ? (NAMES[given] ?? given) : given;
    const value = text.slice(cut + 1);
    const none = value === "none" ? null : undefined;
    if (TEXTS.has(name)) changes[name] = value;
    else if (NUMBERS.has(name)) changes[name] = Number(value);
    else if (name === "window") changes[name] = none === null ? null : readWindow(value);
    else if (name === "cpu_max_percentage") constraints[name] = none === null ? null : Number(value);
    else if (SWITCHES.has(name))
      constraints[name] = none === null ? null : value === "true" ? true : value === "false" ? false : value;
    else return reject("usage", `--set ${JSON.stringify(text.slice(0, 80))} is not NAME=VALUE with a setting's name`);
  }
  return { ...changes, ...(Object.keys(constraints).length === 0 ? {} : { constraints }) } as ScheduleChanges;
}
