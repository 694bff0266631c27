import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ClockChange, Preview } from "@oa/shared/schedule/preview.ts";
import { type Command, defineCommand } from "./command.ts";
import { readInstant, readWindow } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["schedule", "next"],
  summary: "Show when a cron schedule fires next, jitter aside",
  options: {
    cron: { type: "text", value: "EXPRESSION", summary: "Five fields, or an alias such as @daily", required: true },
    tz: { type: "text", value: "ZONE", summary: "IANA time zone, e.g. America/Chicago", required: true },
    from: { type: "text", value: "INSTANT", summary: "ISO 8601 instant, exclusive; without it, now" },
    count: { type: "integer", value: "N", summary: "How many", min: 1, max: 10_000, default: 5 },
    window: { type: "text", value: "HH:MM-HH:MM", summary: "Leave out fires outside this time of day" },
  },
  examples: [
    'oa schedule next --cron "0 2 * * *" --tz America/Chicago',
    'oa schedule next --cron "*/15 * * * MON-FRI" --tz Europe/London --from 2026-03-28T00:00:00Z --count 10 --window 22:00-06:00 --json',
  ],
  run: async ({ options, fail, print }) => {
    const { previewSchedule } = await import("@oa/shared/schedule/preview.ts");
    const from_ms = options.from === undefined ? Date.now() : readInstant("--from", options.from);
    if (isRejection(from_ms)) return fail(from_ms, NONE);
    const { cron: expression, tz: time_zone, count } = options;
    const window = options.window === undefined ? {} : { window: readWindow(options.window) };
    const preview = previewSchedule({ expression, time_zone, from_ms, count, ...window });
    if (isRejection(preview)) return fail(preview, NONE);
    print(preview, () => describe(preview, time_zone));
    return 0;
  },
});

const NONE = { fires: [] };
const OUTCOMES: Readonly<Record<ClockChange["outcome"], string>> = {
  fires_after_gap: "does not exist; what falls in it fires once, right after it",
  does_not_fire: "does not exist; what falls in it does not fire",
  fires_first_time: "comes twice; the schedule fires the first time only",
  fires_both_times: "comes twice; the schedule fires both times",
};

function describe({ fires, local, clock_changes }: Preview, time_zone: string): string {
  if (fires.length === 0) return "It never fires.";
  const days = new Map(clock_changes.map(({ local_from, kind }) => [local_from.slice(0, 10), kind]));
  const lines = local.map((text, index) => {
    const kind = days.get(text.slice(0, 10));
    return `${text.replace("T", " ")}   ${fires[index]}${kind === undefined ? "" : `   ← ${kind}`}`;
  });
  const notes = clock_changes.map(
    ({ local_from, local_until, outcome }) =>
      `${local_from.replace("T", " ")} to ${local_until.slice(11)} in ${time_zone} ${OUTCOMES[outcome]}.`,
  );
  return [...lines, ...notes].join("\n");
}
