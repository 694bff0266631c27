import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { MachineReadings } from "@oa/shared/generated/types.ts";
import { MACHINE_SUBJECT, type MachineCommand, machineDecider } from "@oa/shared/machine/decider.ts";
import { evaluateConstraints, type Sensor, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import { type ScheduleCommand, scheduleDecider, scheduleSubject } from "@oa/shared/schedule/decider.ts";
import { mayStart } from "@oa/shared/schedule/timing.ts";
import {
  type DueInstall,
  dueInstalls,
  type HeldGroup,
  heldGroups,
  heldInstalls,
  nextStart,
  type UnstartedFire,
  unstartedFires,
  type WaitingInstall,
  waitingInstalls,
} from "@oa/shared/schedule/views.ts";
import { isAllowed, type StartGates } from "@oa/shared/schedule/waits.ts";
import type { MonotonicClock } from "../adapters/clock.ts";
import type { LastAwake } from "../adapters/last-awake.ts";

export interface SchedulePorts {
  readonly store: EventStore;
  readonly sql: Sql;
  /** Runs `body` durably; what is queued together is committed together. */
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: MonotonicClock;
  readonly workspace_id: string;
  /** How many runs of the install have not finished. */
  readonly activeRuns: (install_id: string) => number;
  /** Whether the install's next run is paid for, and its quotas have room. */
  readonly gatesOf: (install_id: string) => StartGates;
  /** Asks those runs to stop; they end when they have. */
  readonly cancelRuns: (install_id: string, reason: string) => Promise<void>;
  /** Asks the machine's sensors; a sensor that cannot know says so, and never throws. */
  readonly measure: (sensors: readonly Sensor[], signal: AbortSignal) => Promise<MachineReadings>;
  /** Starts a run. Asked twice for one install and due time, it answers with the one run; with `against`, makes none. */
  readonly start: (
    install_id: string,
    reason: UnstartedFire["reason"],
    options: { readonly due_ms: number; readonly against?: Rejection },
  ) => Promise<{ readonly run_id: string } | Rejection>;
  /** Where it stands when the worker last looked; absent, and a stopped worker is not known to have been away. */
  readonly awake?: LastAwake;
  /** Told of what went wrong; the loop goes on and tries again. */
  readonly report: (error: unknown) => void;
}

export interface ScheduleLoop {
  /** Decides about everything that is due and starts what fires. Resolves to how long there is nothing to do. */
  readonly tick: (signal?: AbortSignal) => Promise<number>;
  /** Ends the sleep: a schedule has changed, or a run has ended. */
  readonly wake: () => void;
  /** Ticks until the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * The loop that starts installs when they are due. It never sleeps longer than `LIMITS.schedule_sleep_ms` and compares
 * wall time with monotonic time and with when it meant to wake, so a sleeping machine or a clock that is set is noticed
 * and recorded, and so is a worker that was stopped. What was decided is in the log: after a crash it goes on with what
 * has not been started yet.
 */
export function openScheduleLoop(ports: SchedulePorts): ScheduleLoop {
  const { sql, clock } = ports;
  const watch = watchClock(clock, ports.awake);
  const measure = measuring(ports);
  let alarm = new AbortController();
  let after_install_id = "";
  let more_held = false;
  let jump: ClockJump = NO_JUMP;
  const held_back: HeldBack = new Map();
  let after_fire: UnstartedFire | undefined;

  const decideAll = async (installs: readonly DueInstall[], machine: MachineReadings): Promise<boolean> => {
    const now_ms = clock.now_ms();
    const decided = await Promise.allSettled(
      // Each by itself: one whose state cannot be read keeps no other from starting.
      installs.map(async ({ install_id }) => {
        const active_runs = ports.activeRuns(install_id);
        const gates = ports.gatesOf(install_id);
        const command = { type: "check", now_ms, active_runs, gates, machine, ...jump } as const;
        return append(ports, install_id, now_ms, scheduleTask(install_id, command));
      }),
    );
    for (const result of decided) if (result.status === "rejected") ports.report(result.reason);
    return decided.some((result) => result.status === "fulfilled" && result.value > 0);
  };

  /** What is due, and what waited for the machine and need not any longer. Whether anything was decided. */
  const decideDue = async (signal: AbortSignal): Promise<boolean> => {
    const due = dueInstalls(sql, clock.now_ms(), LIMITS.schedule_batch);
    const groups = more_held || measure.isDue() ? heldGroups(sql) : [];
    const decides = (readings: MachineReadings): boolean =>
      due.some(isConstrained) || groups.some((group) => isFreed(group, readings));
    const machine = await measure.now([...due, ...groups], decides, signal);
    const freed = groups
      .filter((group) => isFreed(group, machine))
      .flatMap(({ conditions, constraints }) =>
        heldInstalls(sql, conditions, LIMITS.schedule_batch).map((install_id) => ({ install_id, constraints })),
      );
    // More than a batch of them: the rest at the next tick, which comes at once.
    more_held = freed.length >= LIMITS.schedule_batch;
    const known = new Set(due.map(({ install_id }) => install_id));
    return decideAll([...due, ...freed.filter(({ install_id }) => !known.has(install_id))], machine);
  };

  /** What need not wait any longer for a run, a licence or a quota. */
  const isFree = ({ install_id, waiting_for }: WaitingInstall): boolean => {
    try {
      if (waiting_for === "run") return ports.activeRuns(install_id) === 0;
      return isAllowed(ports.gatesOf(install_id)[waiting_for]);
    } catch (error) {
      ports.report(error);
      return false;
    }
  };

  /** Of what waits for those: has a run canceled where the schedule says so, and decides what need not wait longer. */
  const decideWaiting = async (signal: AbortSignal): Promise<void> => {
    const page = waitingInstalls(sql, after_install_id, LIMITS.schedule_batch);
    after_install_id = page.length < LIMITS.schedule_batch ? "" : (page.at(-1)?.install_id ?? "");
    for (const { install_id, overlap, waiting_for } of page) {
      if (waiting_for !== "run" || overlap !== "cancel_running") continue;
      if (ports.activeRuns(install_id) > 0) await cancel(ports, install_id);
    }
    const free = page.filter(isFree);
    if (free.length > 0) await decideAll(free, await measure.now(free, () => true, signal));
  };

  /** Starts what has fired, a part of it at each tick: those that are held back keep no other from being started. */
  const startFired = async (): Promise<void> => {
    const fires = unstartedFires(sql, LIMITS.schedule_batch, after_fire);
    if (fires.length === 0 && after_fire === undefined) held_back.clear();
    after_fire = undefined;
    let held = false;
    for (const fire of fires) {
      const attempt = await startRun(ports, fire, held_back);
      if (attempt === "full") return;
      held ||= attempt === "later";
    }
    // Where none is held back, all of this part have been started, and the next is the first.
    if (held && fires.length >= LIMITS.schedule_batch) after_fire = fires.at(-1);
  };

  const tick = async (signal: AbortSignal = new AbortController().signal): Promise<number> => {
    const seen = watch.jump();
    if (seen.clock_jump_ms !== 0 || seen.away_ms !== 0) {
      jump = seen;
      measure.forget();
      const { clock_jump_ms: jump_ms, away_ms } = seen;
      await note(ports, { type: "clock_jump", at_ms: clock.now_ms(), jump_ms, away_ms });
    }
    const progress = await decideDue(signal);
    await decideWaiting(signal);
    stayAwake(ports);
    await startFired();
    const wait_ms = (nextStart(sql) ?? Number.POSITIVE_INFINITY) - clock.now_ms();
    // What the machine was away for explains all that was due then, however many ticks that takes.
    if (wait_ms > 0 || !progress) jump = NO_JUMP;
    // More is due: at once, unless nothing could be decided.
    const idle_ms = wait_ms > 0 ? Math.min(wait_ms, LIMITS.schedule_sleep_ms) : progress ? 0 : LIMITS.schedule_retry_ms;
    const more_ms = after_fire === undefined ? idle_ms : Math.min(idle_ms, LIMITS.schedule_retry_ms);
    const sleep_ms = more_held && progress ? 0 : more_ms;
    watch.sleeps(sleep_ms);
    return sleep_ms;
  };

  return {
    tick,
    wake: () => alarm.abort(),
    run: async (signal) => {
      while (!signal.aborted) {
        alarm = new AbortController();
        const wait_ms = await tick(signal).catch((error) => {
          ports.report(error);
          watch.sleeps(LIMITS.schedule_sleep_ms);
          return LIMITS.schedule_sleep_ms;
        });
        await clock.sleep(wait_ms, AbortSignal.any([signal, alarm.signal]));
      }
    },
  };
}

/** Puts an install on a schedule, or takes it off, as part of the transaction that enables or disables it. */
export function scheduleTask(install_id: string, command: ScheduleCommand): Task {
  return task(scheduleDecider, scheduleSubject(install_id), command);
}

/** Starts that could not be made yet, by install, and what held them back last. */
type HeldBack = Map<string, { readonly due_ms: number; readonly refusal: Rejection }>;

const CLOSED = reject("busy", "its window closed before its run could be queued");

/**
 * "full": no further run can be queued now. What cannot start yet is tried again, for a day at most, and not while its
 * window is closed: that it was open when this was decided does not open it again. Only a run that was made before a
 * crash is asked for then.
 */
async function startRun(ports: SchedulePorts, fire: UnstartedFire, held_back: HeldBack): Promise<StartAttempt> {
  const { install_id, reason, due_ms, overlap } = fire;
  const known = held_back.get(install_id);
  const held = known?.due_ms === due_ms ? known : null;
  try {
    const since_ms = ports.clock.now_ms() - fire.fired_at_ms;
    const in_time = since_ms < LIMITS.schedule_wait_ms;
    const delayed = held !== null || since_ms > LIMITS.schedule_late_ms;
    const shut = delayed && !mayStart(fire.schedule, ports.clock.now_ms());
    if (shut && held !== null && in_time) return "later";
    const against = shut ? { against: held?.refusal ?? CLOSED } : {};
    const answer = await ports.start(install_id, reason, { due_ms, ...against });
    const later = isRejection(answer) && in_time ? (shut ? "later" : laterFor(answer, overlap)) : null;
    if (isRejection(answer) && later !== null) {
      held_back.set(install_id, { due_ms, refusal: answer });
      if (answer.code === "already_running" && overlap === "cancel_running") await cancel(ports, install_id);
      return later;
    }
    held_back.delete(install_id);
    const outcome = isRejection(answer)
      ? ({ type: "record_refusal", due_ms, code: answer.code, message: answer.message } as const)
      : ({ type: "record_start", due_ms, run_id: answer.run_id } as const);
    await append(ports, install_id, ports.clock.now_ms(), scheduleTask(install_id, outcome));
    return "done";
  } catch (error) {
    ports.report(error); // the fire stays unstarted, so the next tick tries again
    return "later";
  }
}

type StartAttempt = "done" | "later" | "full";

/** Whether what stands against a start passes, so that it is tried again; null where it stays. */
function laterFor({ code }: Rejection, overlap: UnstartedFire["overlap"]): "later" | "full" | null {
  if (code === "busy") return "full";
  return code === "classifier_unavailable" || (code === "already_running" && overlap !== "skip") ? "later" : null;
}

async function cancel(ports: SchedulePorts, install_id: string): Promise<void> {
  try {
    await ports.cancelRuns(install_id, "its schedule says that the next run cancels the running one");
  } catch (error) {
    ports.report(error);
  }
}

/** How many events a task wrote. */
async function append(ports: SchedulePorts, correlation_id: string, now_ms: number, what: Task): Promise<number> {
  const about = { now_ms, actor_type: "service", actor_id: "scheduler", correlation_id } as const;
  const context = inWorkspace(ports.workspace_id, about);
  const recorded = await ports.commit(() => ports.store.handle(context, [what]));
  if (!isRejection(recorded)) return recorded.length;
  ports.report(new Fault(recorded.code, recorded.message));
  return 0;
}

/** Records what the machine did or was; failing to must not keep anything from starting. */
async function note(ports: SchedulePorts, command: MachineCommand): Promise<void> {
  try {
    await append(ports, MACHINE_SUBJECT, command.at_ms, task(machineDecider, MACHINE_SUBJECT, command));
  } catch (error) {
    ports.report(error);
  }
}

function isConstrained({ constraints }: Pick<DueInstall, "constraints">): boolean {
  return sensorsFor(constraints).length > 0;
}

function isFreed({ constraints, on_unknown }: HeldGroup, readings: MachineReadings): boolean {
  return evaluateConstraints(constraints, readings, on_unknown).verdict === "start";
}

/** The sensors, asked no more often than decisions need: one measurement serves a whole batch. */
function measuring(ports: SchedulePorts) {
  let last: { readonly monotonic_ms: number; readonly readings: MachineReadings } | null = null;
  const age_ms = (): number =>
    last === null ? Number.POSITIVE_INFINITY : ports.clock.monotonic_ms() - last.monotonic_ms;
  return {
    /** Whether what waits for the machine is looked at again. */
    isDue: (): boolean => age_ms() >= LIMITS.machine_measure_ms,
    /** What was measured before the machine slept says nothing after it, though no time has passed by its own clock. */
    forget: (): void => {
      last = null;
    },
    now: async (
      askers: readonly Pick<DueInstall, "constraints">[],
      decides: (readings: MachineReadings) => boolean,
      signal: AbortSignal,
    ): Promise<MachineReadings> => {
      const sensors = [...new Set(askers.flatMap(({ constraints }) => sensorsFor(constraints)))];
      if (sensors.length === 0) return {};
      const readings = last?.readings;
      if (readings !== undefined && age_ms() < LIMITS.schedule_retry_ms && sensors.every((name) => name in readings)) {
        return readings;
      }
      const measured = await ports.measure(sensors, signal);
      last = { monotonic_ms: ports.clock.monotonic_ms(), readings: measured };
      const decisive = decides(measured);
      await note(ports, { type: "measure", at_ms: ports.clock.now_ms(), readings: measured, decisive });
      return measured;
    },
  };
}

/** Notes that the worker is awake; failing to must not keep anything from starting. */
function stayAwake({ awake, clock, report }: SchedulePorts): void {
  try {
    awake?.touch(clock.now_ms());
  } catch (error) {
    report(error);
  }
}

interface ClockJump {
  readonly clock_jump_ms: number;
  readonly away_ms: number;
}

const NO_JUMP: ClockJump = { clock_jump_ms: 0, away_ms: 0 };

/**
 * Asked at each tick: how far wall time has run ahead of monotonic time since the last one, and how much later than
 * meant this one comes; 0 for clocks' usual drift. The first tick is meant to come when the worker before looked last.
 * In sleep a monotonic clock stands still on Linux, and need not on macOS.
 */
function watchClock(clock: MonotonicClock, awake: LastAwake | undefined) {
  let offset_ms = clock.now_ms() - clock.monotonic_ms();
  // When it last looked it was not away yet.
  let meant_ms = 1 + (awake?.last_ms() ?? Number.POSITIVE_INFINITY);
  return {
    sleeps: (ms: number): void => {
      meant_ms = clock.now_ms() + ms;
    },
    jump: (): ClockJump => {
      const wall_ms = clock.now_ms();
      const jump_ms = Math.round(wall_ms - clock.monotonic_ms() - offset_ms);
      offset_ms = wall_ms - clock.monotonic_ms();
      const late_ms = Math.round(wall_ms - meant_ms);
      return {
        clock_jump_ms: Math.abs(jump_ms) > LIMITS.schedule_clock_jump_ms ? jump_ms : 0,
        away_ms: late_ms > LIMITS.machine_away_ms ? late_ms : 0,
      };
    },
  };
}
