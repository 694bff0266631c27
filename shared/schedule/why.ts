import { HOUR_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { duration, shownTime as shown } from "../core/local-time.ts";
import { measurement } from "../core/measurement.ts";
import { assertNever } from "../core/refusal.ts";
import { runSentence, type ToldRun } from "../core/run-words.ts";
import type { ConstraintTrace, CronSchedule, ScheduleTrace } from "../generated/types.ts";
import type { ScheduleLogEntry } from "./log.ts";
import type { ScheduleView } from "./views.ts";

/** All that is known about an install and a time; each fact comes from a view. Times are Unix milliseconds. */
export interface WhyFacts {
  readonly install_id: string;
  readonly title: string;
  readonly status: "pending" | "enabled" | "disabled" | "yanked" | "removed";
  /** The time asked about; null asks about the due time decided last. */
  readonly at_ms: number | null;
  readonly now_ms: number;
  /** Of this worker, for times of an install that is on no schedule. */
  readonly time_zone: string;
  readonly schedule: ScheduleView | null;
  /** Whether it was on a schedule then: the last entry of `set` or `cleared`. */
  readonly standing: ScheduleLogEntry | null;
  /** Everything about the due time, in order. */
  readonly entries: readonly ScheduleLogEntry[];
  /** What was done to its schedule after the last decision about it. */
  readonly changes: readonly ScheduleLogEntry[];
  /** Whether the worker decides now about what is due; otherwise only its records are read. */
  readonly deciding: boolean;
  /** The run that was started for it. */
  readonly run: ToldRun | null;
  /** What it waits for, measured just now. */
  readonly measured: readonly ConstraintTrace[];
}

export interface Why {
  readonly install_id: string;
  readonly answer: "ran" | "starting" | "refused" | "waits" | "skipped" | "not_decided" | "not_scheduled";
  readonly sentences: readonly string[];
  readonly due_at: string | null;
  readonly decided_at: string | null;
  readonly trace: ScheduleTrace | null;
  readonly run_id: string | null;
  readonly measured: readonly ConstraintTrace[];
  readonly next_due_at: string | null;
  readonly entries: readonly ScheduleLogEntry[];
}

type Decision = Extract<ScheduleLogEntry, { readonly trace: ScheduleTrace }>;

/** Why an install did or did not run, in plain sentences, with the trace they are read from. Pure. */
export function explain(facts: WhyFacts): Why {
  const { install_id, schedule, entries, run, measured } = facts;
  const decision = entries.findLast((entry): entry is Decision => "trace" in entry) ?? null;
  const zone = schedule?.schedule.timezone ?? facts.time_zone;
  const next_ms = schedule?.waiting_for == null ? (schedule?.next_due_ms ?? null) : null;
  const next_due_at = next_ms === null ? null : new Date(next_ms).toISOString();
  const future = facts.at_ms !== null && facts.at_ms > facts.now_ms;
  const pending = future ? null : pendingSentence(facts, zone);
  const next =
    schedule === null && decision !== null
      ? [`It is on no schedule now: it is ${facts.status}.`]
      : next_ms === null || pending !== null
        ? []
        : [`It is due next at ${shown(zone, next_ms)}.`];
  const common = { install_id, run_id: run?.run_id ?? null, next_due_at, entries };
  const off = facts.at_ms !== null && facts.standing?.kind === "cleared";
  if (decision === null || future || pending !== null || (off && (facts.standing?.at_ms ?? 0) > decision.at_ms)) {
    const [answer, sentence] = pending === null ? undecided(facts, zone) : (["not_decided", pending] as const);
    const sentences = [sentence, ...next];
    return { ...common, answer, sentences, due_at: null, decided_at: null, trace: null, measured: [] };
  }
  const { trace } = decision;
  const waits = decision.kind === "deferred" && schedule?.waiting_for != null && schedule.last_due_ms === trace.due_ms;
  const sentences = [
    ...dueSentences(trace, zone, facts.at_ms),
    ...lateSentences(facts, decision, zone),
    ...(trace.window === null ? [] : [windowSentence(trace, zone)]),
    ...trace.constraints.map((constraint) => constraintSentence(constraint, trace)),
    ...gateSentence("Licence", trace.licence),
    ...gateSentence("Budget", trace.budget),
    outcomeSentence(decision, { waits, started: run !== null, opens_ms: schedule?.next_fire_ms ?? null }, zone),
    ...resultSentences(facts, decision, zone),
    ...offSentences(facts, decision, zone),
    ...(waits ? measured.filter(({ met }) => met !== "yes").map((now) => `Now: ${measurement(now)}.`) : []),
    ...next,
  ];
  return {
    ...common,
    answer: answerOf(facts, decision, waits),
    sentences,
    due_at: new Date(trace.due_ms).toISOString(),
    decided_at: new Date(decision.at_ms).toISOString(),
    trace,
    measured: waits ? measured : [],
  };
}

/** What is due and has not been decided about: its jitter delays it, or nobody was there to. */
function pendingSentence({ schedule, at_ms, now_ms, deciding }: WhyFacts, zone: string): string | null {
  if (schedule?.next_due_ms == null || schedule.next_fire_ms === null) return null;
  const { next_due_ms, next_fire_ms, waiting_for } = schedule;
  const late_ms = now_ms - next_fire_ms;
  if (next_due_ms > (at_ms ?? now_ms) || (waiting_for !== null && late_ms < LIMITS.machine_away_ms)) return null;
  const due = `It was due at ${shown(zone, next_due_ms)}`;
  if (late_ms < 0) {
    const off = deciding ? "" : " The worker is not running (oa up starts it).";
    return `${due} and starts ${duration(next_fire_ms - next_due_ms)} later (its jitter), at ${shown(zone, next_fire_ms)}.${off}`;
  }
  if (deciding && late_ms < LIMITS.machine_away_ms) return `${due} and is being decided about now.`;
  const now = waiting_for === null ? "has not been decided about" : "waits, and has not been looked at";
  const why = deciding
    ? `the machine has just woken or its clock was set, and the worker looks within ${duration(LIMITS.schedule_sleep_ms)}; or it cannot write to its log (oa doctor says)`
    : "the worker is not running (oa up starts it)";
  return `${due} and ${now} since: ${why}.`;
}

function undecided(facts: WhyFacts, zone: string): readonly [Why["answer"], string] {
  const { title, status, standing, schedule, at_ms, now_ms } = facts;
  const then = at_ms === null ? "" : ` at ${shown(zone, at_ms)}`;
  if (at_ms !== null && at_ms > now_ms) return ["not_decided", `${shown(zone, at_ms)} has not come yet.`];
  if (standing?.kind === "cleared") {
    return ["not_scheduled", `${title} was on no schedule${then}: ${standing.reason}.`];
  }
  if (standing === null && schedule !== null) {
    return ["not_scheduled", `${title} was not installed with a schedule yet${then}.`];
  }
  if (schedule === null) {
    const why = status === "enabled" ? "it runs when it is asked to, or when something triggers it" : `it is ${status}`;
    return ["not_scheduled", `${title} is on no schedule: ${why}.`];
  }
  return ["not_decided", `${title} has not been due since it was scheduled (${rule(schedule.schedule)}).`];
}

function dueSentences(trace: ScheduleTrace, zone: string, at_ms: number | null): readonly string[] {
  const { due_ms, first_due_ms, due_times, jitter_ms } = trace;
  const jitter = jitter_ms === 0 ? "" : `, to start ${duration(jitter_ms)} later (its jitter)`;
  const last = at_ms !== null && at_ms - due_ms >= 60_000 ? "Before that time it was last due" : "It was due";
  const sentences = [`${last} at ${shown(zone, due_ms)}${jitter}.`];
  if (due_times > 1) {
    const since = `due times since ${shown(zone, first_due_ms)}`;
    const stands =
      trace.counted_from_ms === undefined
        ? `${due_times} ${since}`
        : `all ${since}, ${due_times - 1} of them after ${shown(zone, trace.counted_from_ms)}`;
    sentences.push(`That stands for ${stands}: they make one run.`);
  }
  return sentences;
}

/** That it was late before anything else held it back: what then waited does not say so any more. */
function lateSentences({ entries }: WhyFacts, decision: Decision, zone: string): readonly string[] {
  const first = entries.find((entry): entry is Decision => "trace" in entry) ?? decision;
  const { late_ms, window, waited_ms } = first.trace;
  if (late_ms <= LIMITS.schedule_late_ms || waited_ms !== undefined) return [];
  const late = `${duration(late_ms)} late: ${absence(first.trace)}`;
  if (first === decision) return [`It was decided ${late}.`];
  const closed = window?.open === false ? "; its window was closed then" : "";
  return [`The first decision about it was made at ${shown(zone, first.at_ms)}, ${late}${closed}.`];
}

/** Why nobody decided in time. Wall time ahead of all other clocks is sleep or a clock that was set: both look alike. */
function absence({ clock_jump_ms = 0, away_ms = 0 }: ScheduleTrace): string {
  if (clock_jump_ms > 0)
    return `the machine slept for ${duration(clock_jump_ms)}, or its clock was set forward by that`;
  const back = clock_jump_ms === 0 ? "" : `, and its clock was set back by ${duration(-clock_jump_ms)}`;
  if (away_ms > 0) return `the worker was away for ${duration(away_ms)}${back}`;
  return `the worker was not running then, or could not write to its log${back}`;
}

function windowSentence({ window }: ScheduleTrace, zone: string): string {
  return `The window ${window?.start} to ${window?.end} (${zone}) was ${window?.open === true ? "open" : "closed"}.`;
}

function constraintSentence(constraint: ConstraintTrace, { on_unknown }: ScheduleTrace): string {
  const verdict = {
    yes: "met",
    no: "not met",
    unknown: `not known, so ${on_unknown === "run" ? "it may run" : "it waits"}`,
  };
  return `${measurement(constraint)}: ${verdict[constraint.met]}.`;
}

function gateSentence(name: string, gate: ScheduleTrace["licence"] | ScheduleTrace["budget"]): readonly string[] {
  if (gate === "not_applicable") return [];
  const code = "code" in gate ? ` (${gate.code})` : "";
  return [`${name}: ${gate.message}${code}.`];
}

function outcomeSentence(
  { at_ms, trace }: Decision,
  {
    waits,
    started,
    opens_ms,
  }: { readonly waits: boolean; readonly started: boolean; readonly opens_ms: number | null },
  zone: string,
): string {
  const { outcome, active_runs, overlap, wait_until_ms, waited_ms = 0 } = trace;
  const { catch_up_max_age_h = LIMITS.schedule_catch_up_h } = trace;
  const until = wait_until_ms === undefined ? "" : `, until ${shown(zone, wait_until_ms)} at the latest`;
  const verb = waits ? "waits" : "waited";
  const start = `It ${started ? "started" : "was to start"} at ${shown(zone, at_ms)}`;
  const runs = active_runs === 1 ? "a run of it was going on" : `${active_runs} runs of it were going on`;
  switch (outcome) {
    case "on_time":
      return `${start}, on time.`;
    case "caught_up":
      return `${start}, to catch up with what was missed.`;
    case "window_opened":
      return `${start}, when its window opened.`;
    case "constraints_met":
      return `${start}, when everything it asks for was met, after ${duration(waited_ms)}.`;
    case "run_ended":
      return `${start}, when the run before it had ended, after ${duration(waited_ms)}.`;
    case "licence_given":
      return `${start}, when its licence was there, after ${duration(waited_ms)}.`;
    case "budget_freed":
      return `${start}, when its quotas had room again, after ${duration(waited_ms)}.`;
    case "waits_for_window":
      return `It ${verb} for its window to open${waits && opens_ms !== null ? `, to start at ${shown(zone, opens_ms)}` : ""}.`;
    case "waits_for_constraints":
      return `It ${verb} until everything it asks for is met${until}.`;
    case "waits_for_licence":
      return `It ${verb} for a licence${until}.`;
    case "waits_for_budget":
      return `It ${verb} until its quotas have room again${until}.`;
    case "waits_for_run":
      return overlap === "cancel_running"
        ? `It had the running one canceled (overlap: cancel_running) and ${verb} for its end${until}.`
        : `It ${verb} for the run that was going on (overlap: queue_one)${until}.`;
    case "outside_window":
      return "It was skipped: the window was closed, and what is missed is skipped (on_missed: skip).";
    case "missed":
      return "It was skipped: it was missed (on_missed: skip).";
    case "too_old":
      return `It was skipped: it was missed more than ${duration(catch_up_max_age_h * HOUR_MS)} ago (catch_up_max_age_h: ${catch_up_max_age_h}).`;
    case "constraints_unmet":
      return `It was skipped: what it asks for was not met in time (it waited ${duration(waited_ms)}).`;
    case "unlicensed":
      return `It was skipped: nothing paid for it in time (it waited ${duration(waited_ms)}).`;
    case "over_budget":
      return `It was skipped: its quotas had no room in time (it waited ${duration(waited_ms)}).`;
    case "run_active":
      return overlap === "skip"
        ? `It was skipped: ${runs} (overlap: skip).`
        : `It was skipped: ${runs}, and did not end in time (it waited ${duration(waited_ms)}).`;
    default:
      return assertNever(outcome);
  }
}

/** What became of the decision afterwards. */
function resultSentences(facts: WhyFacts, decision: Decision, zone: string): readonly string[] {
  const { run, entries, changes } = facts;
  const refused = entries.findLast((entry) => entry.kind === "run_refused");
  if (refused?.kind === "run_refused") return [`No run was started: ${refused.message} (${refused.code}).`];
  if (run !== null) return [runSentence(run)];
  const off = clearedOf(facts);
  if (decision.kind === "fired") {
    if (off === null) return ["Its run has not been queued yet."];
    return [`No run was started: before it could be, at ${shown(zone, off.at_ms)}, ${off.reason}.`];
  }
  const [changed] = changes;
  if (decision.kind !== "deferred" || changed === undefined) return [];
  if (changed.kind === "cleared") return [`The wait ended at ${shown(zone, changed.at_ms)}: ${changed.reason}.`];
  return ["Then its schedule was changed, which ended the wait."];
}

/** Why nothing was due since what was decided last, where it was taken off its schedule and is on one again. */
function offSentences(facts: WhyFacts, decision: Decision, zone: string): readonly string[] {
  const off = clearedOf(facts);
  const again = facts.changes.findLast(({ kind }) => kind === "set");
  const told = decision.kind === "deferred" || (decision.kind === "fired" && facts.run === null);
  if (facts.at_ms !== null || off === null || again === undefined || again.at_ms < off.at_ms || told) return [];
  const reason = off.reason.replace(" is ", " was ");
  return [`It was on no schedule from ${shown(zone, off.at_ms)} to ${shown(zone, again.at_ms)}: ${reason}.`];
}

function clearedOf({ changes }: WhyFacts): Extract<ScheduleLogEntry, { kind: "cleared" }> | null {
  return changes.find((entry) => entry.kind === "cleared") ?? null;
}

function answerOf(facts: WhyFacts, decision: Decision, waits: boolean): Why["answer"] {
  if (facts.entries.some(({ kind }) => kind === "run_refused")) return "refused";
  if (facts.run !== null) return "ran";
  if (decision.kind === "fired") return clearedOf(facts) === null ? "starting" : "skipped";
  return waits ? "waits" : "skipped";
}

/** A schedule in one line. */
export function rule({ expression, timezone, window }: CronSchedule): string {
  const between = window === undefined ? "" : `, ${window.start} to ${window.end}`;
  return `${expression} in ${timezone}${between}`;
}
