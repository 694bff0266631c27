import type { ScheduleDescription } from "@oa/shared/api/ports.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlScheduleSet } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { readScheduleOptions, SCHEDULE_OPTIONS, SET_OPTION } from "./schedule-options.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["schedule", "set"],
  summary: "Run an install at other times than its upgrade declares, or by other rules",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    ...SCHEDULE_OPTIONS,
    set: SET_OPTION,
    declared: { type: "flag", summary: "Back to what the upgrade declares" },
  },
  examples: [
    'oa schedule set nightly-index --schedule "30 3 * * *" --tz Europe/Berlin --window 02:00-06:00',
    "oa schedule set nightly-index --overlap queue_one --set plugged_in=none --set cpu_max_percentage=50",
    "oa schedule set nightly-index --declared",
  ],
  run: async ({ api, args, options, print }) => {
    const chosen = readScheduleOptions(options, options.set);
    if (isRejection(chosen)) return chosen;
    if ((chosen === undefined) !== options.declared) {
      return reject("usage", "say what to change, for example --schedule, or --declared alone for the upgrade's own");
    }
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const body: ControlScheduleSet = { changes: chosen ?? null };
    const path = `/v1/schedule/${encodeURIComponent(install.install_id)}`;
    const set = await client.post<ScheduleDescription>(path, body);
    if (isRejection(set)) return set;
    print(set, () => describeOwn(set).map(plain).join("\n"));
    return 0;
  },
});

const NEVER = "It never starts: nothing of it is due while its window is open, and what is due outside is skipped.";

/** What it runs by, whose choice that is, and when it is due next. */
export function describeOwn(description: ScheduleDescription): readonly string[] {
  const { title, sentence, declared_sentence, schedule_changes, local, schedule } = description;
  const [first] = local;
  const never = schedule !== null && first === undefined;
  return [
    `${title} runs ${sentence}.`,
    ...(schedule_changes === null ? [] : [`You chose that; the upgrade declares: ${declared_sentence}.`]),
    ...(never ? [NEVER] : []),
    ...(first === undefined || schedule === null ? [] : [`Next: ${first.replace("T", " ")} (${schedule.timezone}).`]),
  ];
}
