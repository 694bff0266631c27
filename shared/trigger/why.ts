import { LIMITS } from "../core/limits.ts";
import { duration, shownTime } from "../core/local-time.ts";
import { measurement } from "../core/measurement.ts";
import { assertNever } from "../core/refusal.ts";
import { runSentence, type ToldRun } from "../core/run-words.ts";
import type { ConstraintTrace, TriggerCause, TriggerWatch, WatchRefusal } from "../generated/types.ts";
import type { TriggerLogEntry } from "./log.ts";

/** All that is known about an install's triggers at a time; each fact comes from a view. Times are Unix milliseconds. */
export interface TriggerWhyFacts {
  /** The time asked about; null: now. */
  readonly at_ms: number | null;
  readonly now_ms: number;
  readonly time_zone: string;
  readonly watching: readonly TriggerLogEntry[];
  readonly cycle: readonly TriggerLogEntry[];
  readonly settled: TriggerLogEntry | null;
  /** Causes by `seq`; those that were deleted are absent. */
  readonly causes: ReadonlyMap<number, TriggerCause>;
  /** The run that was started for it. */
  readonly run: ToldRun | null;
}

export interface WatchStory {
  readonly trigger: number;
  readonly watch: TriggerWatch;
  /** Why it was not watched then; null: it was. */
  readonly refusal: WatchRefusal | null;
}

/** What an install's triggers saw, and what came of it. */
export interface TriggerWhy {
  readonly answer: "ran" | "starting" | "refused" | "waits" | "skipped" | "not_decided" | "not_scheduled";
  readonly sentences: readonly string[];
  /** When what `answer` is about was noted first; null where nothing was. */
  readonly noted_at: string | null;
  readonly run_id: string | null;
  readonly watches: readonly WatchStory[];
  readonly entries: readonly TriggerLogEntry[];
}

type Of<Kind extends TriggerLogEntry["kind"]> = Extract<TriggerLogEntry, { readonly kind: Kind }>;

/** What was seen, held back, refused and run for, in plain sentences. Null for an install that never had triggers. Pure. */
export function explainTriggers(facts: TriggerWhyFacts): TriggerWhy | null {
  const { watching, cycle, settled, run } = facts;
  const [first] = watching;
  if (first === undefined) return null;
  const watches = first.kind === "set" ? watchStories(first.watches, watching) : [];
  const [noted] = cycle;
  const passed = settled !== null && settled.at_ms > (cycle.at(-1)?.at_ms ?? 0) ? settled : null;
  const notWatched =
    first.kind === "cleared"
      ? [`Its triggers were not watched: ${first.reason}.`]
      : watches.flatMap(notWatchedSentence);
  const sentences = [
    ...notWatched,
    ...(noted === undefined ? [] : cycleSentences(facts, watches)),
    ...(passed?.kind === "settled" ? [settledSentence(facts, passed)] : []),
    ...(noted === undefined && passed === null && watches.some(({ refusal }) => refusal === null)
      ? [`Nothing that it waits for has happened since ${shownTime(facts.time_zone, first.at_ms)}.`]
      : []),
  ];
  return {
    answer: answerOf(facts, watches),
    sentences,
    noted_at: noted === undefined ? null : new Date(noted.at_ms).toISOString(),
    run_id: run?.run_id ?? null,
    watches,
    entries: cycle,
  };
}

function watchStories(watches: readonly TriggerWatch[], watching: readonly TriggerLogEntry[]): readonly WatchStory[] {
  return watches.map((watch, trigger) => {
    const last = watching.findLast(
      (entry): entry is Of<"watch_failed" | "watch_restored"> =>
        (entry.kind === "watch_failed" || entry.kind === "watch_restored") && entry.trigger === trigger,
    );
    return { trigger, watch, refusal: last?.kind === "watch_failed" ? last.refusal : (watch.refusal ?? null) };
  });
}

function notWatchedSentence({ watch, refusal }: WatchStory): readonly string[] {
  if (refusal === null) return [];
  return [`It is not watched for ${subjectOf(watch)}: ${refusal.message} (${refusal.code}).`];
}

function subjectOf(watch: TriggerWatch): string {
  if (watch.type === "file_change") return `changes of files that match ${watch.glob}`;
  return `Nostr events that match ${JSON.stringify(watch.filter)}`;
}

function cycleSentences(facts: TriggerWhyFacts, watches: readonly WatchStory[]): readonly string[] {
  const { cycle, time_zone, run } = facts;
  const noted = cycle.filter((entry): entry is Of<"noted"> => entry.kind === "noted");
  const fired = cycle.findLast((entry): entry is Of<"fired"> => entry.kind === "fired");
  const [first] = noted;
  if (first === undefined) return [];
  const sentences = [`At ${shownTime(time_zone, first.at_ms)} ${seen(facts, first, watches)}.`];
  const causes = fired?.causes ?? noted.length;
  if (causes > 1) sentences.push(`With what came after it, that is ${causes} causes: they make one run.`);
  if (fired?.passed_over !== undefined) sentences.push(floodSentence(fired.passed_over));
  for (const entry of cycle) if (entry.kind === "deferred") sentences.push(deferredSentence(entry, facts));
  if (fired === undefined) {
    const cleared = cycle.find((entry) => entry.kind === "set" || entry.kind === "cleared");
    const waits =
      cycle.at(-1)?.kind === "deferred"
        ? []
        : ["Its run has not started yet: it waits for quiet, or for a run to end."];
    return [
      ...sentences,
      ...(cleared === undefined ? waits : ["Then its triggers were set anew, which ended the wait."]),
    ];
  }
  const waited_ms = Math.max(0, fired.at_ms - fired.first_ms);
  const after = waited_ms < 1_000 ? "at once" : `after ${duration(waited_ms)}`;
  sentences.push(`It fired at ${shownTime(time_zone, fired.at_ms)}, ${after}.`);
  if (fired.constraints !== undefined) sentences.push(...fired.constraints.map((one) => `${measurement(one)}.`));
  const refused = cycle.findLast((entry): entry is Of<"run_refused"> => entry.kind === "run_refused");
  if (refused !== undefined) {
    const again = refused.again ? "; it is tried again" : "";
    sentences.push(`No run was started: ${refused.message} (${refused.code})${again}.`);
  } else if (run === null) sentences.push("Its run has not been queued yet.");
  else sentences.push(runSentence(run));
  return sentences;
}

function floodSentence(passed_over: number): string {
  const [events, were] = passed_over === 1 ? ["Nostr event", "was"] : ["Nostr events", "were"];
  const rate = `over ${LIMITS.trigger_events_per_minute} a minute`;
  return `${passed_over} more ${events} came in a flood, ${rate}, and ${were} passed over: the same run came after.`;
}

/** What was seen, as the first cause has it, or as much as is left of it. */
function seen({ causes }: TriggerWhyFacts, entry: Of<"noted" | "settled">, watches: readonly WatchStory[]): string {
  const cause = causes.get(entry.seq);
  const watch = watches.find(({ trigger }) => trigger === entry.trigger)?.watch;
  const what =
    watch === undefined
      ? ""
      : `, which matches ${watch.type === "file_change" ? watch.glob : JSON.stringify(watch.filter)}`;
  if (cause === undefined)
    return `something was seen${what === "" ? "" : ` among ${watch === undefined ? "" : subjectOf(watch)}`}`;
  if (cause.kind === "nostr_event") return `the Nostr event ${cause.event_id} came from ${cause.relay}${what}`;
  const [path = ""] = cause.paths;
  if (cause.changed === undefined) {
    return `files had changed since the worker had last looked${watch === undefined ? "" : ` (${subjectOf(watch)})`}`;
  }
  const more = cause.changed === 1 ? "" : ` and ${cause.changed - 1} more`;
  return `a change of ${path}${more} was seen${what}`;
}

function deferredSentence(
  { reason, at_ms, until_ms, constraints = [] }: Of<"deferred">,
  { time_zone }: TriggerWhyFacts,
): string {
  const until = shownTime(time_zone, until_ms);
  switch (reason) {
    case "rate":
      return `It waited until ${until}: its triggers had made as many runs as they may in an hour (rate).`;
    case "window":
      return `It waited for its window to open at ${until}.`;
    case "constraints": {
      const unmet: readonly ConstraintTrace[] = constraints.filter(({ met }) => met !== "yes");
      return `From ${shownTime(time_zone, at_ms)} it waited for the machine: ${unmet.map(measurement).join("; ")}.`;
    }
    default:
      return assertNever(reason);
  }
}

function settledSentence(facts: TriggerWhyFacts, entry: Of<"settled">): string {
  const { watching, time_zone } = facts;
  const [first] = watching;
  const watches = first?.kind === "set" ? watchStories(first.watches, watching) : [];
  const why = {
    first_look: "watching began",
    own_run: "it changed during a run of this install, or just after, and counts as its own",
    own_event: "this worker signed it",
    missed: "what is missed is skipped (on_missed: skip)",
  };
  const what = facts.causes.has(entry.seq) ? `${seen(facts, entry, watches)}; no` : "No";
  return `At ${shownTime(time_zone, entry.at_ms)} ${what === "No" ? "no" : what} run was started for it: ${why[entry.reason]}.`;
}

function answerOf(
  { cycle, run, settled, watching }: TriggerWhyFacts,
  watches: readonly WatchStory[],
): TriggerWhy["answer"] {
  const last = cycle.at(-1);
  if (settled !== null && settled.at_ms > (last?.at_ms ?? 0)) return "skipped";
  if (last === undefined) {
    const off = watching[0]?.kind === "cleared" || watches.every(({ refusal }) => refusal !== null);
    return off ? "not_scheduled" : "not_decided";
  }
  if (last.kind === "run_refused") return last.again ? "waits" : "refused";
  if (run !== null) return "ran";
  if (last.kind === "fired") return "starting";
  return last.kind === "set" || last.kind === "cleared" ? "skipped" : "waits";
}
