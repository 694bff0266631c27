import { localText } from "@oa/shared/core/local-time.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ScheduleChanges } from "@oa/shared/generated/types.ts";
import type { Quarantine } from "@oa/shared/policy/views.ts";
import type { ScheduleView } from "@oa/shared/schedule/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { noteNobody } from "./nobody-starts.ts";
import { table } from "./table.ts";

interface Listed extends ScheduleView {
  readonly title: string;
  readonly schedule_changes: ScheduleChanges | null;
  readonly quarantine: Quarantine | null;
}

export const command: Command = defineCommand({
  words: ["schedule", "list"],
  summary: "List what is on a schedule, the next start first",
  examples: ["oa schedule list", "oa schedule list --json"],
  run: async ({ api, note, print }) => {
    const client = await api();
    const answer = await client.get<{ readonly schedules: readonly Listed[] }>("/v1/schedule");
    if (isRejection(answer)) return answer;
    print(answer, () =>
      answer.schedules.length === 0
        ? "Nothing is on a schedule."
        : table(["INSTALL", "UPGRADE", "SCHEDULE", "NEXT", "LAST"], answer.schedules.map(row)),
    );
    if (answer.schedules.length > 0) noteNobody(client, note);
    return 0;
  },
});

function row({
  install_id,
  title,
  schedule,
  next_fire_ms,
  waiting_for,
  last_outcome,
  schedule_changes,
  quarantine,
}: Listed): readonly string[] {
  const start = next_fire_ms === null ? "never" : localText(schedule.timezone, next_fire_ms).replace("T", " ");
  const next = waiting_for === null || waiting_for === "window" ? start : `waits, until ${start}`;
  return [
    install_id,
    title,
    `${schedule.expression} ${schedule.timezone}${schedule_changes === null ? "" : " (yours)"}`,
    quarantine === null ? next : "never, quarantined",
    last_outcome?.replaceAll("_", " ") ?? "not yet",
  ];
}
