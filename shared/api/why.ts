import { shownTime } from "../core/local-time.ts";
import { runWords, type ToldRun } from "../core/run-words.ts";
import type { ScheduleChanges, UpgradeSchedule } from "../generated/types.ts";
import type { Quarantine } from "../policy/views.ts";
import type { RunSummary } from "../run/views.ts";
import type { Why as ScheduleWhy } from "../schedule/why.ts";
import type { TriggerWhy } from "../trigger/why.ts";
import { whenSentence } from "./consent.ts";

/** Why an install did or did not run: its schedule, its triggers and its owner, in plain sentences and as data. */
export interface WhyAnswer extends Omit<ScheduleWhy, "answer"> {
  /** Of whatever happened last: a due time, a trigger's cause, or a start by hand. */
  readonly answer: ScheduleWhy["answer"];
  /** Null for an install that never had triggers. */
  readonly triggers: TriggerWhy | null;
  /** The last run that was started by hand; null for none. */
  readonly manual: (ToldRun & Pick<RunSummary, "created_at">) | null;
  /** What the owner chose in place of what the upgrade declares. */
  readonly schedule_changes: ScheduleChanges | null;
  /** Why nothing of it starts now, whatever happened last. */
  readonly quarantine: Quarantine | null;
}

/** One answer from the stories of schedule, triggers and owner: all are told, and the latest of them decides. Pure. */
export function whyAnswer(facts: {
  readonly schedule: ScheduleWhy;
  readonly triggers: TriggerWhy | null;
  readonly manual: WhyAnswer["manual"];
  readonly declared: UpgradeSchedule | null;
  readonly schedule_changes: ScheduleChanges | null;
  readonly time_zone: string;
  /** As it is now; it is told where it began before `at_ms`, which is what is asked about. */
  readonly quarantine: Quarantine | null;
  /** Why a moderator's decision keeps it from starting now; null: none does, or an earlier time is asked about. */
  readonly taken_down: string | null;
  readonly at_ms: number;
}): WhyAnswer {
  const { schedule, triggers, manual, schedule_changes } = facts;
  const quarantine = facts.quarantine !== null && facts.quarantine.at_ms <= facts.at_ms ? facts.quarantine : null;
  const told = { triggers, manual, schedule_changes, quarantine };
  // An install that only triggers start is not explained by a schedule that it never had.
  const aside = triggers !== null && schedule.answer === "not_scheduled" && schedule.entries.length === 0;
  const sentences = [
    ...quarantineSentences(quarantine, facts),
    ...(facts.taken_down === null ? [] : [`Nothing of it starts: ${facts.taken_down}.`]),
    ...(aside ? [] : schedule.sentences),
    ...(triggers?.sentences ?? []),
    ...manualSentences(facts, aside ? null : schedule.decided_at),
    ...ownSentences(facts),
  ];
  const [latest] = [
    { at: schedule.decided_at ?? "", answer: schedule.answer, run_id: schedule.run_id },
    { at: triggers?.noted_at ?? "", answer: triggers?.answer ?? schedule.answer, run_id: triggers?.run_id ?? null },
    { at: manual?.created_at ?? "", answer: "ran" as const, run_id: manual?.run_id ?? null },
  ].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  const nothing = latest === undefined || latest.at === "";
  const answer = nothing ? (aside ? triggers.answer : schedule.answer) : latest.answer;
  return {
    ...schedule,
    ...told,
    sentences,
    answer,
    run_id: nothing ? schedule.run_id : latest.run_id,
  };
}

/** A start by hand is told where nothing of the schedule came after it. */
function manualSentences(
  { manual, time_zone }: Parameters<typeof whyAnswer>[0],
  decided_at: string | null,
): readonly string[] {
  if (manual === null || (decided_at !== null && decided_at > manual.created_at)) return [];
  const at = shownTime(time_zone, Date.parse(manual.created_at));
  return [`You last started it yourself at ${at}: ${runWords(manual)}.`];
}

function quarantineSentences(
  quarantine: Quarantine | null,
  { schedule, time_zone }: Parameters<typeof whyAnswer>[0],
): readonly string[] {
  if (quarantine === null) return [];
  const { by, reason, at_ms } = quarantine;
  const who = by === "owner" ? "you" : "the policy";
  return [
    `Nothing of it starts: ${who} quarantined it at ${shownTime(time_zone, at_ms)} (${reason}).`,
    `To let it run again: oa policy lift ${schedule.install_id}.`,
  ];
}

function ownSentences({ declared, schedule_changes }: Parameters<typeof whyAnswer>[0]): readonly string[] {
  if (schedule_changes === null || declared === null) return [];
  const names = Object.keys(schedule_changes).join(", ");
  return [`Its schedule is the one you set (${names}); the upgrade itself would run ${whenSentence(declared, [])}.`];
}
