import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Permission } from "@oa/shared/core/permission.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { FileWatchOrder, InputValue, MachineReadings, TriggerWatch } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { scheduleOf } from "@oa/shared/install/state.ts";
import { listInstalls } from "@oa/shared/install/views.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { Sensor } from "@oa/shared/schedule/constraints.ts";
import {
  hasCounted,
  passedId,
  readyAt,
  type TriggerCommand,
  triggerDecider,
  triggerSubject,
} from "@oa/shared/trigger/decider.ts";
import { mayChange } from "@oa/shared/trigger/own-writes.ts";
import { openTriggers, watchedInstalls } from "@oa/shared/trigger/views.ts";
import { mergeInputs } from "@oa/shared/upgrade/plan.ts";
import { plannedTriggers } from "@oa/shared/upgrade/triggers.ts";
import type { Clock } from "../adapters/clock.ts";
import type { FileWatch } from "../adapters/file-watch.ts";
import { acceptEvents } from "./trigger-events.ts";
import { gateOf } from "./trigger-gate.ts";
import {
  openWatchedFiles,
  type RunsOfInstall,
  type WatchedFilesLoop,
  type WatchedFilesOptions,
} from "./watched-files.ts";

export interface TriggerPorts {
  readonly store: EventStore;
  readonly sql: Sql;
  /** Runs `body` durably; what is queued together is committed together. */
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: Clock;
  readonly workspace_id: string;
  /** This worker's public key: what it signs itself starts nothing. */
  readonly worker: string;
  readonly home: string;
  /** For schedules that name none. */
  readonly time_zone: string;
  readonly measure: (sensors: readonly Sensor[], signal: AbortSignal) => Promise<MachineReadings>;
  readonly runs: (install_id: string) => RunsOfInstall;
  /** Starts a run. Asked twice for one install and cause, it answers with the one run. */
  readonly start: (
    install_id: string,
    reason: "trigger",
    options: { readonly cause: string },
  ) => Promise<{ readonly run_id: string } | Rejection>;
  readonly watchFiles: (glob: string, grant: readonly Permission[], onSign: () => void) => FileWatch;
  /** Verified events that match a NIP-01 filter, from `from_s` on; `scope` names who listens. Null without a relay. */
  readonly listen:
    | ((
        order: { readonly scope: string; readonly filter: WireFilter; readonly from_s: number },
        on_event: (event: VerifiedEvent, relay: string) => Promise<void>,
        signal: AbortSignal,
      ) => void)
    | null;
  /** Told of what went wrong; the loop goes on and tries again. */
  readonly report: (error: unknown) => void;
}

export interface TriggerLoop {
  /** Looks where it is time and starts what is to start. Resolves to how long there is nothing to do. */
  readonly tick: (signal: AbortSignal) => Promise<number>;
  /** An install may have changed. */
  readonly refresh: () => void;
  /** Ticks until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Events of a flood: how many, and how the ids of the latest begin. */
interface PassedOver {
  readonly events: number;
  readonly ids: readonly string[];
}
const NONE_PASSED: PassedOver = { events: 0, ids: [] };

interface Watched {
  readonly release: string;
  /** Everything that watching hangs on. */
  readonly terms: string;
  readonly stop: AbortController;
  readonly files: readonly WatchedFilesLoop[];
}

/**
 * The loop that starts installs when what they wait for happens. What it knows is in the log: after a crash nothing that
 * was noted is forgotten, and nothing runs twice.
 */
export function openTriggerLoop(ports: TriggerPorts): TriggerLoop {
  const { sql, store, clock, report } = ports;
  const watched = new Map<string, Watched>();
  /** Events of a flood that the run to come answers for, by install. */
  const passed_over = new Map<string, PassedOver>();
  let stale = true;
  let alarm = new AbortController();
  const wake = (): void => alarm.abort();
  const measure = measuredOnce(ports);

  const append = async (install_id: string, command: TriggerCommand): Promise<number> => {
    const by = { actor_type: "service", actor_id: "triggers" } as const;
    const context = inWorkspace(ports.workspace_id, { now_ms: clock.now_ms(), ...by, correlation_id: install_id });
    const subject = triggerSubject(install_id);
    const done = await ports.commit(() => store.handle(context, [task(triggerDecider, subject, command)]));
    if (!isRejection(done)) return done.length;
    // Disabled in this very moment: there is nobody to note it for.
    if (done.code === "install_disabled") return 0;
    throw new Fault(done.code, done.message);
  };
  const stateOf = (install_id: string) => store.load(triggerDecider, triggerSubject(install_id));

  const passOver = (install_id: string, more: PassedOver): void => {
    const { events, ids } = passed_over.get(install_id) ?? NONE_PASSED;
    const latest = [...ids, ...more.ids].slice(-LIMITS.trigger_event_ids);
    passed_over.set(install_id, { events: events + more.events, ids: latest });
  };

  const unwatch = (install_id: string): void => {
    const one = watched.get(install_id);
    one?.stop.abort();
    for (const files of one?.files ?? []) files.close();
    watched.delete(install_id);
    passed_over.delete(install_id);
  };
  const watch = async (install_id: string, release: string, active: InstalledRelease): Promise<void> => {
    const watches = watchesOf(active, ports);
    const on_missed = scheduleOf(store.load(installDecider, install_id))?.on_missed ?? "catch_up";
    const terms = canonicalize({ watches, grant: active.grant, on_missed });
    const before = watched.get(install_id);
    if (before?.terms === terms) {
      // Watched anew, it would not know what changed until now.
      watched.set(install_id, { ...before, release });
      return;
    }
    unwatch(install_id);
    if (watches.length === 0) {
      await append(install_id, { type: "clear", reason: "the install has no triggers" });
      watched.set(install_id, { release, terms, stop: new AbortController(), files: [] });
      return;
    }
    await append(install_id, { type: "set", now_ms: clock.now_ms(), install_id, watches });
    for (const { refusal } of watches) {
      if (refusal !== undefined) report(new Fault("trigger_not_granted", `${install_id}: ${refusal.message}`));
    }
    const stop = new AbortController();
    const from_s = Math.floor((stateOf(install_id).set?.since_ms ?? clock.now_ms()) / 1_000);
    const granted = [...watches.entries()].filter(([, { refusal }]) => refusal === undefined);
    // Recorded before anything is opened: where that fails, all of it is tried again.
    for (const [trigger, { type }] of granted) if (type === "nostr_event") await recordListening(install_id, trigger);
    const files: WatchedFilesLoop[] = [];
    for (const [trigger, order] of granted) {
      if (order.type === "file_change")
        files.push(watchFiles(install_id, trigger, order, { grant: active.grant, on_missed }));
      else {
        const { filter } = order;
        const scope = `${install_id}/${trigger}`;
        const accept = acceptEvents({
          ...{ ports, filter, from_s, trigger, wake, pending: () => stateOf(install_id).pending !== null },
          counted: (event_id) => hasCounted(stateOf(install_id), event_id),
          passOver: (event_id) => passOver(install_id, { events: 1, ids: [passedId(event_id)] }),
          append: (command) => append(install_id, command),
        });
        // Checked by `parseFilter` when it was planned.
        ports.listen?.({ scope, filter: filter as WireFilter, from_s }, accept, stop.signal);
      }
    }
    watched.set(install_id, { release, terms, stop, files });
  };
  /** No relay is a state of this worker, which may have one at its next start. */
  const recordListening = async (install_id: string, trigger: number): Promise<void> => {
    const refusal = ports.listen === null ? NO_RELAY : null;
    if (refusal !== null) report(new Fault(refusal.code, `${install_id}: ${refusal.message}`));
    await append(install_id, { type: "record_watch", now_ms: clock.now_ms(), trigger, refusal });
  };
  const watchFiles = (
    install_id: string,
    trigger: number,
    { glob }: FileWatchOrder,
    { grant, on_missed }: Pick<InstalledRelease, "grant"> & Pick<WatchedFilesOptions, "on_missed">,
  ): WatchedFilesLoop =>
    openWatchedFiles({
      ...{ trigger, clock, wake, on_missed },
      open: (onSign) => ports.watchFiles(glob, grant, onSign),
      runs: () => ports.runs(install_id),
      own_writes: mayChange(grant, glob),
      baseline: () => stateOf(install_id).baselines[trigger],
      failing: () => stateOf(install_id).failures[trigger] !== undefined,
      onBlind: () => report(blindTo(install_id, glob)),
    });

  /** Watches what is enabled and nothing else. */
  const follow = async (): Promise<void> => {
    stale = false;
    /** One that cannot be followed now keeps no other from it, and is tried again with the next tick. */
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        stale = true;
        report(error);
      }
    };
    const enabled = new Set<string>();
    for (const { install_id, updated_at, active } of listInstalls(sql, {
      limit: LIMITS.trigger_installs,
      status: "enabled",
    })) {
      if (active === null) continue;
      enabled.add(install_id);
      const release = `${active.signed_by.config_event_id} ${updated_at}`;
      if (watched.get(install_id)?.release === release) continue;
      await attempt(async () => {
        const installed = store.load(installDecider, install_id).active;
        if (installed !== null) await watch(install_id, release, installed);
      });
    }
    for (const install_id of new Set([...watched.keys(), ...watchedInstalls(sql, LIMITS.trigger_installs)])) {
      if (enabled.has(install_id)) continue;
      unwatch(install_id);
      await attempt(() => append(install_id, { type: "clear", reason: "the install is not enabled" }));
    }
  };

  /** Decides whether to fire; when to come back where it does not. */
  const decide = async (install_id: string, signal: AbortSignal): Promise<number | null> => {
    const now_ms = clock.now_ms();
    const active_runs = ports.runs(install_id).active;
    const ready_ms = readyAt(stateOf(install_id), now_ms);
    if (active_runs > 0) return Math.max(ready_ms, now_ms + LIMITS.trigger_poll_ms);
    if (ready_ms > now_ms) return ready_ms;
    const schedule = scheduleOf(store.load(installDecider, install_id)) ?? { type: "event" };
    const gate = await gateOf(schedule, now_ms, { ...ports, measure }, signal);
    const { events, ids } = passed_over.get(install_id) ?? NONE_PASSED;
    // Those that come while it is recorded are of the next run.
    passed_over.delete(install_id);
    const passed = { passed_over: events, passed_over_ids: ids };
    try {
      await append(install_id, { type: "check", now_ms, active_runs, ...passed, ...gate });
    } finally {
      if (stateOf(install_id).unstarted === null && events > 0) passOver(install_id, { events, ids });
    }
    if (stateOf(install_id).unstarted !== null) return null;
    return gate.hold === null
      ? readyAt(stateOf(install_id), now_ms)
      : Math.max(now_ms + LIMITS.trigger_poll_ms, gate.hold.until_ms);
  };

  /** Starts what was fired; when to come back. */
  const settle = async (install_id: string, signal: AbortSignal): Promise<number> => {
    if (stateOf(install_id).unstarted === null) {
      const later_ms = await decide(install_id, signal);
      if (later_ms !== null) return later_ms;
    }
    const now_ms = clock.now_ms();
    const state = stateOf(install_id);
    if (state.unstarted === null) return readyAt(state, now_ms);
    const { fire } = state.unstarted;
    const answer = await ports.start(install_id, "trigger", { cause: `trigger/${fire}` });
    const command: TriggerCommand = isRejection(answer)
      ? { type: "record_refusal", now_ms, fire, code: answer.code, message: answer.message }
      : { type: "record_start", fire, run_id: answer.run_id };
    await append(install_id, command);
    return readyAt(stateOf(install_id), now_ms);
  };

  const tick = async (signal: AbortSignal): Promise<number> => {
    let next_ms = Number.POSITIVE_INFINITY;
    const attempt = async (work: () => Promise<number>): Promise<void> => {
      try {
        next_ms = Math.min(next_ms, await work());
      } catch (error) {
        if (!signal.aborted) report(error);
        next_ms = Math.min(next_ms, clock.now_ms() + LIMITS.trigger_sleep_ms);
      }
    };
    if (stale) await follow();
    for (const [install_id, { files }] of watched) {
      const note = async (told: TriggerCommand): Promise<void> => {
        const news = (await append(install_id, told)) > 0 && told.type === "record_watch" ? told.refusal : null;
        if (news !== null) report(new Fault("trigger_not_granted", `${install_id}: ${news.message}`));
      };
      for (const one of files) if (!signal.aborted) await attempt(() => one.tick(note, signal));
    }
    for (let open = openTriggers(sql, LIMITS.trigger_batch); open.length > 0 && !signal.aborted; ) {
      for (const install_id of open) await attempt(() => settle(install_id, signal));
      // Those that only wait do not keep the ones after them from starting.
      open = openTriggers(sql, LIMITS.trigger_batch, open.at(-1));
    }
    return Math.min(LIMITS.trigger_sleep_ms, Math.max(0, next_ms - clock.now_ms()));
  };

  return {
    tick,
    refresh: () => {
      stale = true;
      wake();
    },
    run: async (signal) => {
      while (!signal.aborted) {
        alarm = new AbortController();
        const wait_ms = await tick(signal).catch((error: unknown) => {
          report(error);
          return LIMITS.trigger_sleep_ms;
        });
        await clock.sleep(wait_ms, AbortSignal.any([signal, alarm.signal]));
      }
      for (const install_id of [...watched.keys()]) unwatch(install_id);
    },
  };
}

/** The sensors, asked once for all that wait at the same time: one of them may take a second to answer. */
function measuredOnce({ clock, measure }: Pick<TriggerPorts, "clock" | "measure">): TriggerPorts["measure"] {
  let readings: MachineReadings = {};
  let at_ms = Number.NEGATIVE_INFINITY;
  return async (sensors, signal) => {
    if (Math.abs(clock.now_ms() - at_ms) >= LIMITS.trigger_poll_ms) readings = {};
    const asked = sensors.filter((name) => !(name in readings));
    if (asked.length === 0) return readings;
    readings = { ...readings, ...(await measure(asked, signal)) };
    at_ms = clock.now_ms();
    return readings;
  };
}

function blindTo(install_id: string, glob: string): Fault {
  const limits = "on Linux, fs.inotify.max_user_watches and max_user_instances limit what it can watch";
  const often = `it is looked at every ${LIMITS.trigger_rescan_blind_ms / 1_000} s instead`;
  return new Fault("busy", `${install_id}: the system does not tell of every change of ${glob} (${limits}): ${often}`);
}

const NO_RELAY = { code: "unreachable", message: "it waits for Nostr events, and this worker reads no relay" } as const;

/** What an install waits for, with what it may not watch marked as such. */
function watchesOf(
  { manifest, inputs, grant }: InstalledRelease,
  ports: Pick<TriggerPorts, "home">,
): readonly TriggerWatch[] {
  if (manifest === null) return [];
  const merged = mergeInputs(manifest, inputs as Readonly<Record<string, InputValue>>);
  const planned = isRejection(merged) ? null : plannedTriggers(manifest, merged, { home: ports.home, grant });
  return (manifest.triggers ?? []).map((trigger, index) => {
    const missing = reject("input_missing", "it hangs on an input that has no value");
    const found = isRejection(merged) ? merged : (planned?.[index] ?? missing);
    if (!isRejection(found)) return found;
    const { code, message } = found;
    const why = { refusal: { code, message: message.slice(0, 2_000) } };
    if (trigger.type === "file_change") return { type: "file_change", glob: trigger.glob, ...why };
    return { type: "nostr_event", filter: { kinds: trigger.kinds, ...trigger.filter }, ...why };
  });
}
