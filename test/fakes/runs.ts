import { approvalProjection } from "@oa/shared/approval/views.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, openEventStore, task } from "@oa/shared/core/event-store.ts";
import { newId } from "@oa/shared/core/id.ts";
import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import type { Projection } from "@oa/shared/core/projection.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { SEALED_FIELDS } from "@oa/shared/generated/sealed.ts";
import type { PolicyZone, QuotasConfig, UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { installProjection } from "@oa/shared/install/views.ts";
import { licenceProjection } from "@oa/shared/license/views.ts";
import { pairingProjection } from "@oa/shared/pairing/views.ts";
import { quarantineProjection, usageProjection } from "@oa/shared/policy/views.ts";
import { runProjection } from "@oa/shared/run/views.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import type { Artifacts } from "@oa/worker/adapters/artifacts.ts";
import { type Clock, systemClock } from "@oa/worker/adapters/clock.ts";
import { nativeSha256, openRandom } from "@oa/worker/adapters/random.ts";
import { openSqlite, type SqliteDatabase } from "@oa/worker/adapters/sqlite.ts";
import { ownerDecides } from "@oa/worker/admin/decide.ts";
import { openEventFeed } from "@oa/worker/admin/event-feed.ts";
import { openKillSwitch } from "@oa/worker/engine/kill-switch.ts";
import type { EngineOptions } from "@oa/worker/engine/options.ts";
import { contractOf, type Effects } from "@oa/worker/engine/perform.ts";
import { type Engine, openEngine } from "@oa/worker/engine.ts";
import { withInstallApprovals } from "@oa/worker/loops/install-approvals.ts";
import type { EventPublisher, Op } from "@oa/worker/ops/op.ts";

export const random = openRandom();
export const WORKSPACE = "ws_test";
const HOME = "/home/owner";
export const KEY = "1".repeat(64);

export type Ops = Readonly<Record<string, Op<never, object>>>;

export interface RunWorld {
  readonly database: SqliteDatabase;
  readonly store: EventStore;
  readonly engine: Engine;
  /** What the engine was opened with. */
  readonly options: EngineOptions;
  /** What the engine reported as gone wrong inside. */
  readonly reports: unknown[];
  /** Installs a manifest with everything it needs granted, as the owner would. */
  readonly install: (manifest: UpgradeManifest, inputs?: Readonly<Record<string, string>>) => string;
  readonly close: () => void;
}

/** An engine over a database with ops that a test wrote: their contracts are the real ones. */
export function openRunWorld(options: {
  readonly ops: Ops;
  readonly path?: string;
  readonly clock?: Clock;
  readonly concurrency?: number;
  readonly notes?: EventPublisher;
  readonly completion_note_relays?: readonly string[];
  readonly effects?: object;
  readonly kill_switch?: boolean;
  readonly zone?: PolicyZone;
  readonly quotas?: QuotasConfig;
  readonly compliance?: NonNullable<EngineOptions["compliance"]>;
  readonly projections?: readonly Projection[];
  readonly artifacts?: Artifacts;
  readonly measure?: EngineOptions["measure"];
  readonly guard?: NonNullable<EngineOptions["guard"]>;
  readonly wrap?: (database: SqliteDatabase) => SqliteDatabase;
  /** What follows in the same transaction, as the worker composes it. */
  readonly store?: (inner: EventStore, database: SqliteDatabase) => EventStore;
}): RunWorld {
  const database = (options.wrap ?? ((same) => same))(openSqlite(options.path ?? ":memory:"));
  const projections = [
    ...[runProjection, installProjection, pairingProjection, approvalProjection, usageProjection],
    ...[licenceProjection, quarantineProjection],
    ...(options.projections ?? []),
  ];
  const log = openEventStore(database, projections, random, SEALED_FIELDS, nativeSha256);
  const approving = withInstallApprovals(log, { sql: database, random, home: HOME, worker: KEY });
  const store = (options.store ?? ((same) => same))(approving, database);
  const reports: unknown[] = [];
  const clock = options.clock ?? systemClock;
  const { kill_switch = false, zone, quotas } = options;
  const engine_options: EngineOptions = {
    kill_switch: openKillSwitch({ store, database, clock, config: { workspace_id: WORKSPACE, kill_switch } }),
    ...{ store, database, clock, random, contractOf },
    ops: options.ops,
    effects: () => (options.effects ?? {}) as Effects,
    notes: options.notes ?? { publish: () => Promise.reject(new Error("no notes in this test")) },
    artifacts: options.artifacts ?? {
      put: async (bytes) => ({ sha256: "c".repeat(64), bytes: bytes.byteLength }),
      get: async () => new Uint8Array(),
      sweep: async () => 0,
      room: () => ({ bytes: 0, quota_bytes: 0 }),
    },
    measure: options.measure ?? (async () => ({})),
    ...(options.guard === undefined ? {} : { guard: options.guard }),
    ...(options.compliance === undefined ? {} : { compliance: options.compliance }),
    report: (error) => reports.push(error),
    config: {
      workspace_id: WORKSPACE,
      worker: KEY,
      home: HOME,
      concurrency: options.concurrency ?? 1,
      completion_note_relays: options.completion_note_relays ?? [],
      kill_switch,
      ...(zone === undefined ? {} : { zone }),
      ...(quotas === undefined ? {} : { quotas }),
    },
  };
  const engine = openEngine(engine_options);
  return {
    ...{ database, store, engine, reports, options: engine_options },
    install: (manifest, inputs = {}) => seedInstall(store, manifest, inputs, clock.now_ms()),
    close: () => database.close(),
  };
}

export function contextOf(now_ms: number, correlation_id = "test"): EventContext {
  return {
    now_ms,
    workspace_id: WORKSPACE,
    stream_type: "workspace",
    stream_id: WORKSPACE,
    actor_type: "user",
    actor_id: "owner",
    correlation_id,
  };
}

/** What explaining a run needs of a worker besides its database: the log's pages and the owner's commands. */
export function whySide({ database, store, engine }: Pick<RunWorld, "database" | "store" | "engine">) {
  return {
    engine,
    deciding: () => false,
    feed: openEventFeed(store, `workspace/${WORKSPACE}`),
    decide: ownerDecides(database, store, (id) => contextOf(Date.now(), id)),
  };
}

function seedInstall(
  store: EventStore,
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, string>>,
  now_ms: number,
): string {
  const install_id = newId("install", now_ms, random);
  const recorded = store.handle(contextOf(now_ms, install_id), [
    task(installDecider, install_id, orderCommand(manifest, now_ms, { inputs })),
  ]);
  if (isRejection(recorded)) throw new Error(recorded.message);
  return install_id;
}

/** An order for a manifest with everything it needs granted. */
export function orderCommand(
  manifest: UpgradeManifest,
  now_ms: number,
  change: Partial<Omit<Order, "pins">> & { readonly pins?: Partial<Order["pins"]>; readonly revision?: number } = {},
): Order {
  const { inputs = {}, pins, revision = 1, ...more } = change;
  const plan = planOf(manifest, inputs as Record<string, string>, { home: HOME });
  if (isRejection(plan)) throw new Error(plan.message);
  const hashes = { manifest_sha256: manifestHash(manifest), permission_hash: permissionHash(plan.permissions) };
  return {
    type: "order",
    pins: {
      ...{ upgrade_address: `30051:${KEY}:${manifest.id}`, upgrade_id: manifest.id, upgrade_version: manifest.version },
      ...{ title: manifest.title, author_pubkey: KEY, permissions: plan.permissions, schedule: manifest.schedule },
      ...{ manifest_event_id: "a".repeat(64), release_event_id: "b".repeat(64) },
      ...pins,
    },
    ...{ manifest, inputs, named: hashes, found: hashes, grant: plan.grant, ceiling: plan.grant },
    signed_by: { signer: KEY, revision, config_event_id: "d".repeat(64) },
    ...{ recipient: KEY, worker: KEY, expires_at_ms: now_ms + 1, now_ms },
    ...more,
  };
}
type Order = Extract<InstallCommand, { readonly type: "order" }>;

/** A manifest around a pipeline, with what the pipeline declares needing. */
export function manifestOf(
  pipeline: UpgradeManifest["pipeline"],
  permissions: NonNullable<UpgradeManifest["permissions"]> = {},
): UpgradeManifest {
  return {
    id: "example.upgrade",
    version: "1.0.0",
    title: "Example",
    author: { npub: `npub1${"q".repeat(58)}` },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions,
    schedule: { type: "manual" },
    pipeline,
  };
}

/** A clock that stands still until `pass` moves it; sleepers whose time has come wake in order. */
export function fakeClock(start_ms = 1_750_000_000_000): Clock & { readonly pass: (ms: number) => Promise<void> } {
  let now_ms = start_ms;
  const sleepers = new Set<{ readonly at_ms: number; readonly wake: () => void }>();
  const alarm: Clock["alarm"] = (ms, ring) => {
    const sleeper = {
      at_ms: now_ms + ms,
      wake: () => {
        sleepers.delete(sleeper);
        ring();
      },
    };
    sleepers.add(sleeper);
    return () => void sleepers.delete(sleeper);
  };
  return {
    now_ms: () => now_ms,
    alarm,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const end = (): void => {
          cancel();
          signal.removeEventListener("abort", end);
          resolve();
        };
        const cancel = alarm(ms, end);
        signal.addEventListener("abort", end, { once: true });
      }),
    pass: async (ms) => {
      const until_ms = now_ms + ms;
      for (;;) {
        await settled();
        const [next] = [...sleepers].filter(({ at_ms }) => at_ms <= until_ms).sort((a, b) => a.at_ms - b.at_ms);
        if (next === undefined) break;
        now_ms = Math.max(now_ms, next.at_ms);
        next.wake();
      }
      now_ms = until_ms;
      await settled();
    },
  };
}

/** Lets everything that needs no further time happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
