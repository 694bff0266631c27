import { realpathSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { openEventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, type Rejection } from "@oa/shared/core/refusal.ts";
import { SEALED_FIELDS } from "@oa/shared/generated/sealed.ts";
import type { RunCreated } from "@oa/shared/generated/types.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { filter as keyFilter } from "@oa/shared/nostr/03164-key-rotation.ts";
import { filter as wrapFilter } from "@oa/shared/nostr/24051-install-config.ts";
import { filter as releaseFilter } from "@oa/shared/nostr/30052-release.ts";
import { filters as yankFilters } from "@oa/shared/nostr/yank.ts";
import { countOpenRuns, openRunsOf } from "@oa/shared/run/views.ts";
import { openArtifacts } from "./adapters/artifacts.ts";
import { thisMachinesCapabilities } from "./adapters/capabilities.ts";
import { systemClock } from "./adapters/clock.ts";
import { openEdgeClient, openEdgeEgress } from "./adapters/edge-client.ts";
import { openFileWatch } from "./adapters/file-watch.ts";
import { type Key, loadOrCreateKey } from "./adapters/keys.ts";
import { openLog } from "./adapters/log.ts";
import { thisMachine } from "./adapters/machine-state/machine.ts";
import { openMailbox } from "./adapters/mailbox.ts";
import { openProcesses } from "./adapters/process.ts";
import { nativeSha256, openRandom } from "./adapters/random.ts";
import { relayCursors } from "./adapters/relay-cursors.ts";
import type { CursorStore } from "./adapters/relay-pool.ts";
import { openRunGuard } from "./adapters/run-usage.ts";
import { thisMachinesSandbox } from "./adapters/sandbox.ts";
import { loadSchnorr } from "./adapters/schnorr.ts";
import { serviceStderr } from "./adapters/service-log.ts";
import { SERVICE_LOG } from "./adapters/service-text.ts";
import { openSqlite } from "./adapters/sqlite.ts";
import { openTraceExporter } from "./adapters/trace-export.ts";
import { ownerDecides } from "./admin/decide.ts";
import { examine } from "./admin/doctor.ts";
import { openEventFeed } from "./admin/event-feed.ts";
import { machine } from "./admin/machine.ts";
import { listingLookUp } from "./admin/market.ts";
import { controlPorts, type PortsOptions } from "./admin/ports.ts";
import { ownRelays } from "./admin/reputation.ts";
import { authorize } from "./admin/tokens.ts";
import { lookForUpdate, sightingOf } from "./admin/updates.ts";
import { openModelBackends } from "./backends/backends.ts";
import type { Config } from "./config.ts";
import { withCleanEvents } from "./engine/clean-events.ts";
import { cleanArtifacts, guardedPublisher } from "./engine/guarded-effects.ts";
import { joinWorkspace, type Workspace } from "./engine/join.ts";
import { openKillSwitch } from "./engine/kill-switch.ts";
import { openLeases } from "./engine/leases.ts";
import { contractOf } from "./engine/perform.ts";
import { eventPublisher } from "./engine/publisher.ts";
import { type EngineOptions, openEngine } from "./engine.ts";
import { openAttestationLoop } from "./loops/attestation.ts";
import { openInstallLoop } from "./loops/install.ts";
import { withInstallApprovals } from "./loops/install-approvals.ts";
import { withReleases } from "./loops/install-releases.ts";
import { withSchedules } from "./loops/install-schedule.ts";
import { openIntake } from "./loops/intake.ts";
import { openReleaseWatch, type ReleaseWatch } from "./loops/release-watch.ts";
import { openRetentionLoop } from "./loops/retention.ts";
import { openScheduleLoop } from "./loops/schedule.ts";
import { followEvents } from "./loops/telemetry.ts";
import { openTriggerLoop } from "./loops/trigger.ts";
import { runsOfInstall } from "./loops/watched-files.ts";
import { runEffects } from "./main/effects.ts";
import { PROJECTIONS } from "./main/projections.ts";
import { workerRelays } from "./main/relays.ts";
import { capabilityReports } from "./main/reports.ts";
import { capsOf } from "./main/run-caps.ts";
import { openSecrets } from "./main/secrets.ts";
import { trustOwner } from "./main/trust-owner.ts";
import { OPS } from "./ops/index.ts";
import { openSearchIndexes } from "./searchkit/indexes.ts";

/** One worker over one data folder, whose lock the caller holds. */
export interface Worker {
  readonly ports: ControlPorts;
  /** Its public key. */
  readonly public_key: string;
  /** Whether a capability token opens a route of the control API; null: it does. */
  readonly authorize: (token: string, method: string, path: string) => Rejection | null;
  /** Carries out runs from now on. */
  readonly work: () => void;
  /** Carries out runs, starts what is due and takes orders from now on. */
  readonly start: () => void;
  /** Resolves when nothing can be done any more: the database is damaged, say. */
  readonly broken: Promise<Fault>;
  /** Told of what went wrong inside. */
  readonly report: (error: unknown) => void;
  /** Carries out runs of another worker's workspace, under this one's own installs, until it is closed. */
  readonly join: (workspace: Workspace) => void;
  /** Stops everything; what was running resumes at the next start. */
  readonly close: () => Promise<void>;
}

/** With these the log can neither be read nor written: going on would be pretending. */
const BROKEN: ReadonlySet<string> = new Set(["database_damaged", "database_io", "database_read_only"]);
const random = openRandom();
/** Everything that happens on one worker is ordered in one stream. */
const WORKSPACE = "local";

/** Gift wraps carry times that were shifted at random (NIP-59), so each connection reads all that a relay has kept. */
const FROM_THE_START: CursorStore = { get: () => null, set: () => {} };

/** Composes a worker from its settings. Nothing acts before `work` or `start`. `token` never enters its log. */
export async function openWorker(config: Config, token?: string): Promise<Worker> {
  const { data_dir, relays } = config;
  const home = homedir();
  const clock = systemClock;
  const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const schnorr = await loadSchnorr();
  const [own, owner, capability] = await Promise.all([
    loadOrCreateKey(data_dir, "worker"),
    loadOrCreateKey(data_dir, "owner"),
    loadOrCreateKey(data_dir, "capability"),
  ]);
  const file = join(data_dir, "worker.sqlite");
  const database = openSqlite(file);
  await chmod(file, 0o600); // its journal takes the same mode
  const { vault, secrecy, trouble } = await openSecrets(
    config,
    [own, owner, capability].map(hexOf).concat(token ?? []),
  );
  const log = openLog({
    ...{ file_bytes: Math.floor(config.log_bytes / LIMITS.log_files), folder: join(data_dir, "logs") },
    ...{ level: config.log_level, redact: secrecy.redact, now_ms: clock.now_ms },
    stderr: serviceStderr(join(data_dir, SERVICE_LOG)),
  });
  const broken = Promise.withResolvers<Fault>();
  const report = (error: unknown): void => {
    log.error(error);
    if (error instanceof Fault && BROKEN.has(error.code)) broken.resolve(error);
  };
  trouble.forEach(report);
  const stream = `workspace/${WORKSPACE}`;
  const feed = openEventFeed(openEventStore(database, PROJECTIONS, random, SEALED_FIELDS, nativeSha256), stream);
  let installsChanged = (): void => {};
  let releasesChanged = (): void => {};
  const approving = withInstallApprovals(withCleanEvents(feed.store, secrecy), {
    sql: database,
    random,
    home,
    worker: own.public_key,
  });
  const scheduling = withSchedules(approving, {
    sql: database,
    worker: own.public_key,
    time_zone,
    changed: () => installsChanged(),
  });
  let insteadOfTrial: (run_id: string, run: RunCreated["data"]) => void = () => {};
  const store = withReleases(scheduling, {
    ...{ sql: database, worker: own.public_key },
    trialFailed: (run_id, run) => insteadOfTrial(run_id, run),
  });
  const context = (correlation_id: string): EventContext => ({
    now_ms: clock.now_ms(),
    workspace_id: WORKSPACE,
    stream_type: "workspace",
    stream_id: WORKSPACE,
    actor_type: "user",
    actor_id: "owner",
    correlation_id,
  });
  const decide = ownerDecides(database, store, context);
  await trustOwner(database, decide, owner.public_key, clock.now_ms, random);

  const { edge_url } = config;
  const edgeEgress = edge_url === null ? null : openEdgeEgress(edge_url);
  const edge = edge_url === null || edgeEgress === null ? null : openEdgeClient(edge_url, edgeEgress);
  const pool = workerRelays(config, { schnorr, secret_key: own.secret_key });
  const processes = openProcesses();
  const sandbox = await thisMachinesSandbox();
  const guard = openRunGuard({
    capsOf: ({ install_id }) => capsOf(config, install_id === null ? null : getInstall(database, install_id)),
  });
  const machineState = thisMachine(processes, config.machine_state_file);
  const backends = openModelBackends(config.backends);
  const measureMachine = thisMachinesCapabilities(processes, data_dir, sandbox.name);
  const indexes = openSearchIndexes(data_dir, clock.now_ms, secrecy.knows);
  const publisher = { secret_key: own.secret_key, pool, relays, random };
  const artifacts = cleanArtifacts(await openArtifacts(data_dir, config.artifacts_bytes), secrecy);
  const { kill_switch: forced, zone, quotas } = config;
  const killSwitch = openKillSwitch({
    ...{ store, database, clock },
    config: { workspace_id: WORKSPACE, kill_switch: forced },
  });
  const engineOptions: EngineOptions = {
    store,
    kill_switch: killSwitch,
    database,
    clock,
    random,
    report,
    contractOf,
    ops: OPS,
    measure: machineState.measure,
    artifacts,
    notes: guardedPublisher(eventPublisher(publisher, null), secrecy),
    secrecy,
    guard,
    effects: runEffects(config, { home, processes, sandbox, backends, indexes, publisher, secrecy, guard }),
    config: {
      workspace_id: WORKSPACE,
      worker: own.public_key,
      home,
      concurrency: config.concurrency,
      completion_note_relays: config.local_only ? null : config.completion_note_relays,
      aup: config.aup,
      ...{ kill_switch: forced, zone, quotas, sandbox: sandbox.name },
    },
  };
  const engine = openEngine(engineOptions);
  insteadOfTrial = (run_id, { install_id, reason }) => {
    if (install_id !== null) engine.start(install_id, reason, { cause: `instead/${run_id}` }).catch(report);
  };
  const common = { clock, report, commit: database.commit, workspace_id: WORKSPACE };
  const schedule = openScheduleLoop({
    ...common,
    store,
    sql: database,
    activeRuns: (install_id) => countOpenRuns(database, install_id),
    cancelRuns: async (install_id, reason) => {
      for (const run_id of openRunsOf(database, install_id)) await engine.cancel(run_id, reason);
    },
    measure: machineState.measure,
    start: engine.start,
  });
  const triggers = openTriggerLoop({
    ...common,
    ...{ store, home, sql: database, worker: own.public_key, start: engine.start },
    ...{ time_zone, measure: machineState.measure },
    runs: (install_id) => runsOfInstall(database, install_id),
    watchFiles: (glob, grant, onSign) => openFileWatch({ glob, grant, home, except: realpathSync(data_dir), onSign }),
    listen:
      relays.length === 0
        ? null
        : ({ scope, filter, from_s }, on_event, signal) => {
            const since = relayCursors(database, scope, from_s);
            pool.subscribe({ relays, filters: [filter], since, on_event }, signal);
          },
  });
  installsChanged = () => {
    schedule.wake();
    triggers.refresh();
    releasesChanged();
  };
  const lookUp = listingLookUp({
    edge,
    relays,
    queryRelays: (filters, from, signal) =>
      pool.query(from, filters, { timeout_ms: LIMITS.publish_timeout_ms, signal }),
  });
  const logged = { ...common, store, worker: own.public_key };
  const attestations = openAttestationLoop({
    ...{ ...logged, database, pool, random, secret_key: own.secret_key, owner: owner.public_key },
    ...{ enabled: config.attest_runs, relays: ownRelays(relays, edge_url), aup: config.aup, kill_switch: killSwitch },
  });
  const retention = openRetentionLoop({ ...logged, database, artifacts, retention_days: config.retention_days });
  const intake = openIntake(logged);
  const mailbox =
    edge_url === null || edgeEgress === null
      ? null
      : openMailbox({ edge_url, egress: edgeEgress, secret_key: own.secret_key, clock, random });
  const installs = openInstallLoop({
    ...logged,
    ...{ schnorr, home, lookUp, secret_key: own.secret_key, sql: database, aup: config.aup },
    intake,
    mailbox,
    listen:
      relays.length === 0
        ? null
        : (on_event, signal) =>
            pool.subscribe({ relays, filters: [wrapFilter(own.public_key)], since: FROM_THE_START, on_event }, signal),
  });
  const { otel_endpoint } = config;
  const traces =
    otel_endpoint === null
      ? null
      : openTraceExporter({ endpoint: otel_endpoint, egress: openEdgeEgress(otel_endpoint), clock, report });
  const portsOptions: PortsOptions = {
    ...{
      config,
      vault,
      sql: database,
      decide,
      home,
      worker: own.public_key,
      owner_key: owner.secret_key,
      schnorr,
      random,
    },
    ...{ sandbox, store, feed, engine, leases: openLeases(engineOptions), indexes, backends, edge, pool, report },
    ...{ kill_switch: killSwitch, workspace_id: WORKSPACE, token_key: capability.secret_key },
    decideAll: (id, tasks) => database.commit(() => store.handle(context(id), tasks)),
    now_ms: clock.now_ms,
    measure: machineState.measure,
    capabilities: async (signal) => ({
      ...(await measureMachine(signal)),
      backends: await backends.available(signal),
    }),
    aup: config.aup,
    authorKey: async () => {
      const author = await loadOrCreateKey(data_dir, "author");
      secrecy.keep({ name: "the author's key", value: hexOf(author) });
      return author.secret_key;
    },
    lookUp,
    ...(relays.length === 0
      ? {}
      : {
          keyStatements: (keys, signal) =>
            pool.query(relays, [keyFilter(keys)], { timeout_ms: LIMITS.publish_timeout_ms, signal }),
        }),
    accept: installs.accept,
    updates: { looks: () => releases.looks, check: (signal) => releases.check(signal) },
    doctor: (signal) => examine(machine(config, { database, processes, sandbox, backends, pool }), signal),
  };
  const ports = controlPorts(portsOptions);
  const reports = capabilityReports({
    ...{ sql: database, clock, random, mailbox, pool, relays, report, secret_key: own.secret_key },
    measure: portsOptions.capabilities,
  });
  const releases: ReleaseWatch = openReleaseWatch({
    ...logged,
    ...{ clock, sql: database, sighting: sightingOf },
    look: (install, looking, signal) => lookForUpdate(install, portsOptions, looking, signal),
    notice: (refusal, ref) => intake.refuse("relay", refusal, ref),
    listen:
      relays.length === 0
        ? null
        : (authors, on_event, signal) =>
            pool.subscribe(
              {
                relays,
                filters: [...yankFilters(authors), releaseFilter({ authors })],
                since: FROM_THE_START,
                on_event,
              },
              signal,
            ),
  });
  releasesChanged = releases.refresh;

  const stop = new AbortController();
  const running: Promise<void>[] = [];
  // What the others write while they stop is still told, and what is told is still sent.
  const [told, sent] = [new AbortController(), new AbortController()];
  const following: Promise<void>[] = [];
  let working = false;
  const work = (): void => {
    if (working) return;
    working = true;
    running.push(engine.loop(stop.signal));
    if (traces !== null) following.push(traces.run(sent.signal));
    following.push(
      followEvents({ store, events: feed.events, from_seq: feed.head(), log, traces }, told.signal).finally(() =>
        sent.abort(),
      ),
    );
  };
  return {
    ports,
    public_key: own.public_key,
    authorize: (...request) => authorize(portsOptions, ...request),
    broken: broken.promise,
    report,
    work,
    join: (workspace) => void running.push(joinWorkspace(engineOptions, workspace, stop.signal)),
    start: () => {
      work();
      running.push(
        schedule.run(stop.signal),
        triggers.run(stop.signal),
        installs.run(stop.signal),
        releases.run(stop.signal),
        retention.run(stop.signal),
        reports.run(stop.signal),
        attestations.run(stop.signal),
      );
    },
    close: async () => {
      stop.abort();
      await Promise.all(running);
      told.abort();
      await Promise.all(following);
      pool.close();
      await backends.close();
      database.close();
    },
  };
}

function hexOf({ secret_key }: Key): string {
  return Buffer.from(secret_key).toString("hex");
}
