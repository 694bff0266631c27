import type { ScheduleDescription } from "@oa/shared/api/ports.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ClockChange, Preview } from "@oa/shared/schedule/preview.ts";
import { type Command, type CommandContext, defineCommand, type ExitCode } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { noteNobody } from "./nobody-starts.ts";
import { describeOwn } from "./schedule-set.ts";
import { plain } from "./terminal.ts";
import { machineTimeZone, readInstant, readWindow } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["schedule", "next"],
  summary: "Show when an install, or a cron schedule, fires next, jitter aside",
  arguments: {
    install: { summary: `${INSTALL_NAME}; without it, --cron`, optional: true },
  },
  options: {
    cron: { type: "text", value: "EXPRESSION", summary: "Five fields, or an alias such as @daily" },
    tz: { type: "text", value: "ZONE", summary: "IANA time zone, e.g. America/Chicago; without it, this machine's" },
    from: { type: "text", value: "INSTANT", summary: "ISO 8601 instant, exclusive; without it, now" },
    count: { type: "integer", value: "N", summary: "How many", min: 1, max: LIMITS.schedule_previewed, default: 5 },
    window: { type: "text", value: "HH:MM-HH:MM", summary: "Leave out fires outside this time of day" },
  },
  examples: [
    "oa schedule next nightly-index --count 10",
    'oa schedule next --cron "30 6 * * 1-5"',
    'oa schedule next --cron "0 2 * * *" --tz America/Chicago',
    'oa schedule next --cron "*/15 * * * MON-FRI" --tz Europe/London --from 2026-03-28T00:00:00Z --count 10 --window 22:00-06:00 --json',
  ],
  run: async (context) => {
    const { args, options, fail, note, print } = context;
    const { cron: expression, count } = options;
    if (args.install !== undefined) {
      if (expression !== undefined || options.tz !== undefined || options.window !== undefined) {
        return reject("usage", "an install has its own times: leave --cron, --tz and --window out");
      }
      return nextOfInstall(context, args.install, options);
    }
    if (expression === undefined) return reject("usage", "name an install, or a schedule by --cron");
    const time_zone = options.tz ?? machineTimeZone();
    const { previewSchedule } = await import("@oa/shared/schedule/preview.ts");
    const from_ms = options.from === undefined ? Date.now() : readInstant("--from", options.from);
    if (isRejection(from_ms)) return fail(from_ms, NONE);
    const window = options.window === undefined ? {} : { window: readWindow(options.window) };
    const preview = previewSchedule({ expression, time_zone, from_ms, count, ...window });
    if (isRejection(preview)) return fail(preview, NONE);
    if (options.tz === undefined) note(`In this machine's time zone, ${time_zone}; --tz names another.`);
    print({ time_zone, ...preview }, () => describe(preview, time_zone));
    return 0;
  },
});

async function nextOfInstall(
  { api, note, print }: Pick<CommandContext, "api" | "note" | "print">,
  name: string,
  { from, count }: { readonly from: string | undefined; readonly count: number },
): Promise<ExitCode | Rejection> {
  const from_ms = from === undefined ? null : readInstant("--from", from);
  if (isRejection(from_ms)) return from_ms;
  const client = await api();
  const install = await findInstall(client, name);
  if (isRejection(install)) return install;
  const query = new URLSearchParams({ count: String(count) });
  if (from_ms !== null) query.set("from", new Date(from_ms).toISOString());
  const path = `/v1/schedule/${encodeURIComponent(install.install_id)}?${query}`;
  const found = await client.get<ScheduleDescription>(path);
  if (isRejection(found)) return found;
  const [what = "", ...whose] = describeOwn(found);
  const { schedule } = found;
  const lines = schedule === null || found.fires.length === 0 ? [] : describe(found, schedule.timezone).split("\n");
  const chosen = whose.filter((line) => !line.startsWith("Next:"));
  const { outsideSentence } = await import("@oa/shared/schedule/preview.ts");
  const outside = schedule?.window === undefined ? [] : [outsideSentence(schedule.window, schedule.on_missed)];
  print(found, () => [what, ...chosen, ...lines, ...outside].map(plain).join("\n"));
  if (schedule !== null) noteNobody(client, note);
  return 0;
}

const NONE = { fires: [] };
const OUTCOMES: Readonly<Record<ClockChange["outcome"], string>> = {
  fires_after_gap: "does not exist; what falls in it fires once, right after it",
  waits_for_window: "does not exist; its window is closed right after it, so what falls in it waits for it to open",
  outside_window: "does not exist; its window is closed right after it, so what falls in it does not fire",
  does_not_fire: "does not exist; what falls in it does not fire",
  fires_first_time: "comes twice; the schedule fires the first time only",
  fires_both_times: "comes twice; the schedule fires both times",
};

function describe({ fires, local, clock_changes }: Preview, time_zone: string): string {
  if (fires.length === 0) return "It never fires.";
  // A gap may end on another day than it began: Samoa's whole 30 December 2011 did.
  const days = new Map(
    clock_changes.flatMap(({ local_from, local_until, kind }) => [
      [local_from.slice(0, 10), kind],
      [local_until.slice(0, 10), kind],
    ]),
  );
  const lines = local.map((text, index) => {
    const kind = days.get(text.slice(0, 10));
    return `${text.replace("T", " ")}   ${fires[index]}${kind === undefined ? "" : `   ← ${kind}`}`;
  });
  const notes = clock_changes.map(
    ({ local_from, local_until, outcome }) =>
      `${local_from.replace("T", " ")} to ${untilOf(local_from, local_until)} in ${time_zone} ${OUTCOMES[outcome]}.`,
  );
  return [...lines, ...notes].join("\n");
}

function untilOf(from: string, until: string): string {
  return from.slice(0, 10) === until.slice(0, 10) ? until.slice(11) : until.replace("T", " ");
}
