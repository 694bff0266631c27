import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { MachineReadings, TriggerEvent, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { listRuns } from "@oa/shared/run/views.ts";
import type { Sensor } from "@oa/shared/schedule/constraints.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import { triggerSubject } from "@oa/shared/trigger/decider.ts";
import { triggerProjection } from "@oa/shared/trigger/views.ts";
import { openFileWatch } from "@oa/worker/adapters/file-watch.ts";
import { relayCursors } from "@oa/worker/adapters/relay-cursors.ts";
import { openRelayPool, type RelayPool } from "@oa/worker/adapters/relay-pool.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { openTriggerLoop, type TriggerLoop } from "@oa/worker/loops/trigger.ts";
import { runsOfInstall } from "@oa/worker/loops/watched-files.ts";
import { fakeClock, manifestOf, type Ops, openRunWorld, type RunWorld, settled } from "./runs.ts";

export type Triggers = NonNullable<UpgradeManifest["triggers"]>;
/** What fs.read gives. */
export const READ = { content: "x", bytes: 1, sha256: "e".repeat(64) };
export const WORKER_SECRET = new Uint8Array(32).fill(9);

export type TriggerSide = ReturnType<typeof openTriggerSide>;

/** A worker's trigger side over a folder of real files; `shut` and `boot` are a restart. */
export function openTriggerSide(
  context: TestContext,
  options: {
    readonly ops?: Ops;
    readonly relays?: readonly string[];
    readonly files_max?: number;
    readonly deaf?: boolean;
  } = {},
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-triggers-")));
  const clock = fakeClock(Date.now());
  const reports: unknown[] = [];
  const machine: { -readonly [Name in keyof MachineReadings]: MachineReadings[Name] } = {};
  const measured: (readonly Sensor[])[] = [];
  /** While it is full, what would write is refused. */
  const disk = { full: false };
  let stop = new AbortController();
  let world: RunWorld;
  let loop: TriggerLoop;
  let pool: RelayPool | undefined;
  let running: Promise<void>[] = [];
  let schnorr: Awaited<ReturnType<typeof loadSchnorr>>;
  const boot = async (): Promise<void> => {
    schnorr ??= await loadSchnorr();
    stop = new AbortController();
    world = openRunWorld({
      ...{ clock, ops: options.ops ?? { "fs.read": async () => READ } },
      ...{ path: join(folder, "worker.sqlite"), projections: [triggerProjection, scheduleProjection] },
    });
    const { database, engine, store } = world;
    const relays = options.relays ?? [];
    const open_pool = openRelayPool({ schnorr });
    pool = open_pool;
    loop = openTriggerLoop({
      ...{ store, sql: database, clock, home: folder, workspace_id: "ws_test" },
      commit: (body) =>
        database.commit(() => {
          const done = body();
          if (!disk.full || !Array.isArray(done) || done.length === 0) return done;
          throw new Fault("disk_full", "the disk is full", { retryable: true });
        }),
      worker: publicKeyOf(WORKER_SECRET),
      time_zone: "UTC",
      measure: async (sensors) => {
        measured.push(sensors);
        return machine;
      },
      runs: (install_id) => runsOfInstall(database, install_id),
      start: engine.start,
      watchFiles: (glob, grant, onSign) => {
        const files_max = options.files_max === undefined ? {} : { files_max: options.files_max };
        const watch = { glob, grant, home: folder, except: join(folder, "data"), ...files_max };
        // A system whose limit of watches is used up tells of nothing.
        if (options.deaf === true) return { ...openFileWatch({ ...watch, onSign: () => {} }), isBlind: () => true };
        return openFileWatch({ ...watch, onSign });
      },
      listen:
        relays.length === 0
          ? null
          : ({ scope, filter, from_s }, on_event, signal) =>
              open_pool.subscribe(
                { relays, filters: [filter], since: relayCursors(database, scope, from_s), on_event },
                signal,
              ),
      report: (error) => reports.push(error),
    });
    running = [engine.loop(stop.signal), loop.run(stop.signal)];
  };
  const shut = async (): Promise<void> => {
    stop.abort();
    pool?.close();
    await Promise.all(running);
    assert.equal(world.store.verify().ok, true);
    world.close();
  };
  context.after(async () => {
    await shut();
    rmSync(folder, { recursive: true, force: true });
  });
  const events = (install_id: string): readonly TriggerEvent[] =>
    world.store.bySubject(triggerSubject(install_id)) as unknown as readonly TriggerEvent[];
  return {
    ...{ folder, clock, reports, machine, measured, disk, boot, shut, events },
    path: (name: string) => join(folder, name),
    world: () => world,
    loop: () => loop,
    install: (triggers: Triggers, rest: Partial<UpgradeManifest> = {}): string => {
      const manifest = manifestOf([{ op: "fs.read", path: `${folder}/src/readme` }], {
        filesystem: [{ path: `${folder}/src/**`, access: "read" }],
        tools: ["fs.read"],
      });
      const install_id = world.install({ ...manifest, ...rest, triggers });
      loop.refresh();
      return install_id;
    },
    types: (install_id: string) => events(install_id).map(({ event_type }) => event_type),
    runs: (install_id: string) => listRuns(world.database, { install_id, limit: 100 }),
    /** Lets real signs come in while the clock passes, until `done`. */
    until: async (done: () => boolean, step_ms = 500): Promise<void> => {
      for (let tries = 0; tries < 400; tries += 1) {
        await settled();
        if (done()) return;
        await sleep(10);
        await clock.pass(step_ms);
      }
      assert.fail(`it did not come about; reported: ${reports.map(String).join("; ")}`);
    },
    /** Time for anything that is going to happen. */
    calm: async (ms = 3 * LIMITS.trigger_quiet_ms, step_ms = 500): Promise<void> => {
      for (let passed = 0; passed < ms; passed += step_ms) {
        await sleep(15);
        await clock.pass(step_ms);
      }
    },
  };
}
export const watchSource = (folder: string, glob = "src/**"): Triggers => [
  { type: "file_change", glob: `${folder}/${glob}` },
];
