import type { Decider } from "../core/decider.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import type { ReasonCode } from "../core/reasons.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type {
  ConstraintTrace,
  FileBaseline,
  TriggerCause,
  TriggerDeferred,
  TriggerEvent,
  TriggerSettled,
  TriggerWatch,
  WatchRefusal,
} from "../generated/types.ts";

/** What has been noted and not been run for yet. */
export interface PendingCause {
  readonly trigger: number;
  /** The first one. */
  readonly cause: TriggerCause | null;
  readonly causes: number;
  readonly first_ms: number;
  readonly last_ms: number;
}

/** One install's triggers, folded from their events. Times are Unix milliseconds. */
export interface TriggerState {
  readonly set: {
    readonly install_id: string;
    readonly watches: readonly TriggerWatch[];
    readonly since_ms: number;
  } | null;
  readonly pending: PendingCause | null;
  /** By trigger: the watched files as they were last known, and since when. */
  readonly baselines: Readonly<Record<number, FileBaseline & { readonly at_ms: number }>>;
  /** By trigger: why it cannot be watched for now. */
  readonly failures: Readonly<Record<number, WatchRefusal>>;
  /** Nostr events that counted already, the latest `LIMITS.trigger_event_ids`. */
  readonly event_ids: readonly string[];
  /** How the ids begin of those that a run answered for without their being noted, the latest as many. */
  readonly passed_ids: readonly string[];
  /** How often it has fired, ever. */
  readonly fire: number;
  /** When it fired, as far back as the limit of the rate looks. */
  readonly fired_at_ms: readonly number[];
  /** The fire whose run has not been started yet. */
  readonly unstarted: (PendingCause & { readonly fire: number }) | null;
  /** What holds a cause back, and until when at the most likely. */
  readonly deferred: { readonly reason: Hold["reason"]; readonly until_ms: number } | null;
  /** After a start at the wrong moment: not before this. */
  readonly retry_at_ms: number;
}

/** Why what was noted may not be run for now. */
export type Hold = Pick<TriggerDeferred["data"], "reason" | "until_ms">;

export type TriggerCommand =
  | {
      readonly type: "set";
      readonly now_ms: number;
      readonly install_id: string;
      readonly watches: readonly TriggerWatch[];
    }
  | { readonly type: "clear"; readonly reason: string }
  /** Something happened that is to be run for. */
  | {
      readonly type: "note";
      readonly now_ms: number;
      readonly trigger: number;
      readonly cause: TriggerCause;
      readonly baseline?: FileBaseline;
    }
  /** Something happened, or was there, that is not run for. */
  | {
      readonly type: "settle";
      readonly now_ms: number;
      readonly trigger: number;
      readonly reason: TriggerSettled["data"]["reason"];
      readonly cause?: TriggerCause;
      readonly baseline?: FileBaseline;
    }
  /** Why a trigger cannot be watched, found while trying; null: it is watched. Said once, until that changes. */
  | {
      readonly type: "record_watch";
      readonly now_ms: number;
      readonly trigger: number;
      readonly refusal: WatchRefusal | null;
    }
  /**
   * Decides whether to fire. `active_runs` are the install's runs that have not finished; `hold` is its schedule's;
   * `passed_over` are Nostr events of a flood, which the run answers for too; `passed_over_ids` how the ids of the
   * latest of them begin, as `passedId` has it.
   */
  | {
      readonly type: "check";
      readonly now_ms: number;
      readonly active_runs: number;
      readonly passed_over: number;
      readonly passed_over_ids: readonly string[];
      readonly hold: Hold | null;
      readonly constraints: readonly ConstraintTrace[];
    }
  | { readonly type: "record_start"; readonly fire: number; readonly run_id: string }
  | {
      readonly type: "record_refusal";
      readonly now_ms: number;
      readonly fire: number;
      readonly code: string;
      readonly message: string;
    };

/** The subject of an install's triggers: an install's own events fold apart from them. */
export function triggerSubject(install_id: string): string {
  return `trigger_${install_id.replace(/^install_/, "")}`;
}

/**
 * The rules of triggers. Everything noted is run for once, by a run that starts after the last of it: what comes while
 * one is running waits for its end. A Nostr event counts once, whoever brings it and however often. Refusals:
 * install_disabled (nothing is watched), not_found (there is no such trigger).
 */
export const triggerDecider: Decider<TriggerState, TriggerEvent, TriggerCommand> = {
  initial: {
    set: null,
    pending: null,
    baselines: {},
    failures: {},
    event_ids: [],
    passed_ids: [],
    fire: 0,
    fired_at_ms: [],
    unstarted: null,
    deferred: null,
    retry_at_ms: 0,
  },
  evolve,
  decide,
};

/** Starts that were refused only because of the moment. */
const AGAIN: ReadonlySet<string> = new Set<ReasonCode>(["already_running", "busy"]);

function evolve(state: TriggerState, event: TriggerEvent): TriggerState {
  switch (event.event_type) {
    case "trigger.set": {
      const { install_id, watches, at_ms } = event.data;
      return {
        ...state,
        ...{ set: { install_id, watches, since_ms: at_ms }, pending: null, baselines: {}, failures: {} },
        ...{ unstarted: null, deferred: null, retry_at_ms: 0 },
      };
    }
    case "trigger.cleared":
      return { ...state, set: null, pending: null, baselines: {}, failures: {}, unstarted: null, deferred: null };
    case "trigger.noted": {
      const { trigger, at_ms, cause = null } = event.data;
      const added = state.pending ?? { trigger, cause, causes: 0, first_ms: at_ms };
      const pending = { ...added, causes: added.causes + 1, last_ms: at_ms };
      return { ...known(state, event.data), pending };
    }
    case "trigger.settled":
      return known(state, event.data);
    case "trigger.watch_failed":
      return { ...state, failures: { ...state.failures, [event.data.trigger]: event.data.refusal } };
    case "trigger.watch_restored": {
      const { [event.data.trigger]: _, ...failures } = state.failures;
      return { ...state, failures };
    }
    case "trigger.deferred":
      return { ...state, deferred: { reason: event.data.reason, until_ms: event.data.until_ms } };
    case "trigger.fired": {
      const { fire, trigger, at_ms, cause = null, causes, first_ms, passed_over_ids = [] } = event.data;
      const passed_ids = [...state.passed_ids, ...passed_over_ids].slice(-LIMITS.trigger_event_ids);
      const fired_at_ms = [...state.fired_at_ms, at_ms].slice(-LIMITS.trigger_fires);
      const unstarted = { fire, trigger, cause, causes, first_ms, last_ms: state.pending?.last_ms ?? at_ms };
      return { ...state, pending: null, deferred: null, fire, fired_at_ms, unstarted, passed_ids };
    }
    case "trigger.run_started":
      return { ...state, unstarted: null };
    case "trigger.run_refused": {
      const { again, at_ms } = event.data;
      if (!again || state.unstarted === null) return { ...state, unstarted: null };
      const { fire: _, ...back } = state.unstarted;
      const pending = state.pending === null ? back : merged(back, state.pending);
      // It did not run, so it does not count against the rate.
      const fired_at_ms = state.fired_at_ms.slice(0, -1);
      return { ...state, unstarted: null, pending, fired_at_ms, retry_at_ms: at_ms + LIMITS.trigger_quiet_ms };
    }
    default:
      return assertNever(event);
  }
}

function merged(first: PendingCause, then: PendingCause): PendingCause {
  return { ...first, causes: first.causes + then.causes, last_ms: then.last_ms };
}

/** What an event says about the files or the Nostr event it is about. */
function known(
  state: TriggerState,
  data: {
    readonly trigger: number;
    readonly at_ms: number;
    readonly cause?: TriggerCause;
    readonly baseline?: FileBaseline;
  },
): TriggerState {
  const { trigger, at_ms, cause, baseline } = data;
  const baselines =
    baseline === undefined ? state.baselines : { ...state.baselines, [trigger]: { ...baseline, at_ms } };
  const event_ids =
    cause?.kind === "nostr_event"
      ? [...state.event_ids, cause.event_id].slice(-LIMITS.trigger_event_ids)
      : state.event_ids;
  return { ...state, baselines, event_ids };
}

/** Whether a Nostr event was noted already, or answered for in a flood. */
export function hasCounted({ event_ids, passed_ids }: TriggerState, event_id: string): boolean {
  return event_ids.includes(event_id) || passed_ids.includes(passedId(event_id));
}

/** As much of a Nostr event's id as tells it from the others of a flood. */
export function passedId(event_id: string): string {
  return event_id.slice(0, 16);
}

function decide(state: TriggerState, command: TriggerCommand): readonly TriggerEvent[] | Rejection {
  switch (command.type) {
    case "set": {
      const { install_id, watches, now_ms: at_ms } = command;
      if (state.set !== null && canonicalize(state.set.watches) === canonicalize(watches)) return [];
      return [{ event_type: "trigger.set", data: { install_id, at_ms, watches } }];
    }
    case "clear":
      if (state.set === null) return [];
      return [{ event_type: "trigger.cleared", data: { install_id: state.set.install_id, reason: command.reason } }];
    case "note":
    case "settle":
      return decideSeen(state, command);
    case "record_watch":
      return decideWatch(state, command);
    case "check":
      return decideCheck(state, command);
    case "record_start":
    case "record_refusal":
      return decideOutcome(state, command);
    default:
      return assertNever(command);
  }
}

function decideSeen(
  state: TriggerState,
  command: Extract<TriggerCommand, { type: "note" | "settle" }>,
): readonly TriggerEvent[] | Rejection {
  if (state.set === null) return reject("install_disabled", "the install's triggers are not watched");
  const { type, now_ms: at_ms, ...seen } = command;
  const { install_id, watches } = state.set;
  if (watches[seen.trigger] === undefined) return reject("not_found", `the install has no trigger ${seen.trigger}`);
  if (seen.cause?.kind === "nostr_event" && hasCounted(state, seen.cause.event_id)) return [];
  const data = { install_id, at_ms, ...seen };
  if ("reason" in data) return [{ event_type: "trigger.settled", data }];
  return [{ event_type: "trigger.noted", data }];
}

function decideWatch(
  { set, failures }: TriggerState,
  { now_ms: at_ms, trigger, refusal }: Extract<TriggerCommand, { type: "record_watch" }>,
): readonly TriggerEvent[] | Rejection {
  if (set === null) return reject("install_disabled", "the install's triggers are not watched");
  if (set.watches[trigger] === undefined) return reject("not_found", `the install has no trigger ${trigger}`);
  const { install_id } = set;
  if (failures[trigger]?.code === refusal?.code) return [];
  if (refusal === null) return [{ event_type: "trigger.watch_restored", data: { install_id, trigger, at_ms } }];
  return [{ event_type: "trigger.watch_failed", data: { install_id, trigger, at_ms, refusal } }];
}

function decideCheck(
  state: TriggerState,
  command: Extract<TriggerCommand, { type: "check" }>,
): readonly TriggerEvent[] {
  const { now_ms: at_ms, active_runs, passed_over, hold, constraints } = command;
  const { set, pending, unstarted } = state;
  if (set === null || pending === null || unstarted !== null || active_runs > 0) return [];
  if (at_ms < readyAt(state, at_ms)) return [];
  const { install_id } = set;
  const measured = constraints.length === 0 ? {} : { constraints };
  const held = rateHold(state, at_ms) ?? hold;
  if (held !== null) {
    // Said once; looked at again and again.
    if (state.deferred?.reason === held.reason) return [];
    return [{ event_type: "trigger.deferred", data: { install_id, at_ms, ...held, ...measured } }];
  }
  const { trigger, cause, causes, first_ms } = pending;
  const passed_over_ids = command.passed_over_ids.slice(-LIMITS.trigger_event_ids);
  const flood = passed_over === 0 ? {} : { passed_over, passed_over_ids };
  const data = { install_id, fire: state.fire + 1, trigger, at_ms, causes, first_ms, ...flood, ...measured };
  return [{ event_type: "trigger.fired", data: cause === null ? data : { ...data, cause } }];
}

function rateHold(state: TriggerState, at_ms: number): Hold | null {
  const recent = fires(state, at_ms);
  const [oldest] = recent;
  if (oldest === undefined || recent.length < LIMITS.trigger_fires) return null;
  return { reason: "rate", until_ms: oldest + LIMITS.trigger_fires_window_ms };
}

/**
 * When what is pending may fire: once Nostr events have stopped coming, files having settled before they were noted;
 * at the latest after `LIMITS.trigger_wait_ms`. Infinity where nothing is. A time further ahead than any limit reaches
 * was written before the clock went back, and holds nothing up.
 */
export function readyAt({ pending, deferred, retry_at_ms }: TriggerState, now_ms: number): number {
  if (pending === null) return Number.POSITIVE_INFINITY;
  const quiet_ms = pending.cause?.kind === "file_change" ? 0 : LIMITS.trigger_quiet_ms;
  const settled_ms = Math.min(pending.last_ms + quiet_ms, pending.first_ms + LIMITS.trigger_wait_ms);
  // Only the rate is known ahead: a window may be changed, and a machine plugged in.
  const rate_ms = deferred?.reason === "rate" ? deferred.until_ms : 0;
  const ready_ms = Math.max(settled_ms, rate_ms, retry_at_ms);
  return ready_ms > now_ms + LIMITS.trigger_fires_window_ms ? now_ms : ready_ms;
}

/** Those in the window of the rate. A clock that went back must not hold anything for longer, so later ones are out. */
function fires(state: TriggerState, now_ms: number): readonly number[] {
  const from_ms = now_ms - LIMITS.trigger_fires_window_ms;
  return state.fired_at_ms.filter((at_ms) => at_ms > from_ms && at_ms <= now_ms);
}

function decideOutcome(
  state: TriggerState,
  command: Extract<TriggerCommand, { type: "record_start" | "record_refusal" }>,
): readonly TriggerEvent[] {
  // A repeat after a crash, or triggers cleared meanwhile, have nothing left to record.
  if (state.set === null || state.unstarted?.fire !== command.fire) return [];
  const { install_id } = state.set;
  const { fire } = command;
  if (command.type === "record_start") {
    return [{ event_type: "trigger.run_started", data: { install_id, fire, run_id: command.run_id } }];
  }
  const { now_ms: at_ms, code, message } = command;
  const data = { install_id, fire, at_ms, code, message: message.slice(0, 2_000), again: AGAIN.has(code) };
  return [{ event_type: "trigger.run_refused", data }];
}
