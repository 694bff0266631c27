import { localText } from "@oa/shared/core/local-time.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlScheduleSimulation, CronSchedule } from "@oa/shared/generated/types.ts";
import type { ScheduleLogEntry } from "@oa/shared/schedule/log.ts";
import type { Simulation } from "@oa/shared/schedule/simulate.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { readChanges, SET_OPTION } from "./schedule-options.ts";
import { table } from "./table.ts";
import { readLocalTime } from "./time-options.ts";

interface Answer extends Simulation {
  readonly from: string;
  readonly to: string;
  readonly schedule: CronSchedule;
  readonly run_ms: number;
  readonly recorded: readonly ScheduleLogEntry[];
}

export const command: Command = defineCommand({
  words: ["schedule", "simulate"],
  summary: "Go through last week again, with other settings, and show what would have run when",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    from: { type: "text", value: "TIME", summary: "Of this machine; without it, a week before --to" },
    to: { type: "text", value: "TIME", summary: "Of this machine; without it, now" },
    set: SET_OPTION,
  },
  examples: [
    "oa schedule simulate nightly-index",
    'oa schedule simulate nightly-index --set cron="0 3 * * *" --set window=01:00-06:00',
    "oa schedule simulate nightly-index --from 2026-03-01 --to 2026-03-15 --set plugged_in=none --set on_unknown=run --json",
  ],
  run: async ({ api, args, options, print }) => {
    const times = readTimes(options);
    if (isRejection(times)) return times;
    const changes = readChanges(options.set);
    if (isRejection(changes)) return changes;
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const path = `/v1/schedule/${encodeURIComponent(install.install_id)}/simulate`;
    const answer = await client.post<Answer>(path, { ...times, changes } satisfies ControlScheduleSimulation);
    if (isRejection(answer)) return answer;
    print(answer, () => describe(answer));
    return 0;
  },
});

function readTimes(options: {
  readonly from: string | undefined;
  readonly to: string | undefined;
}): Pick<ControlScheduleSimulation, "from" | "to"> | Rejection {
  const times: { from?: string; to?: string } = {};
  for (const name of ["from", "to"] as const) {
    const text = options[name];
    if (text === undefined) continue;
    const at_ms = readLocalTime(`--${name}`, text, Date.now());
    if (isRejection(at_ms)) return at_ms;
    times[name] = new Date(at_ms).toISOString();
  }
  return times;
}

function describe(answer: Answer): string {
  const { decisions, schedule, recorded } = answer;
  const shown = (at_ms: number): string => localText(schedule.timezone, at_ms).replace("T", " ");
  const started = decisions.filter(({ kind }) => kind === "fired").length;
  const really = recorded.filter(({ kind }) => kind === "fired").length;
  const unknown = decisions.some(({ trace }) => trace.constraints.some(({ met }) => met === "unknown"));
  return [
    `${schedule.expression} in ${schedule.timezone}, ${shown(Date.parse(answer.from))} to ${shown(Date.parse(answer.to))}:`,
    decisions.length === 0
      ? "Nothing would have been due."
      : table(
          ["DUE", "DECIDED", "WHAT", "OUTCOME"],
          decisions.map(({ at_ms, kind, trace }) => [
            ...[shown(trace.due_ms), shown(at_ms), WHAT[kind]],
            trace.outcome.replaceAll("_", " "),
          ]),
        ),
    `${started} ${started === 1 ? "run" : "runs"} would have started; ${really} really did.`,
    ...(unknown ? ["Where nothing was measured, the constraints are unknown and do what on_unknown says."] : []),
    ...(answer.complete ? [] : ["There is more; look at a shorter time."]),
  ].join("\n");
}

const WHAT = { fired: "starts", skipped: "skipped", deferred: "waits" } as const;
