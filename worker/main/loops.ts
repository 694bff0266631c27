import { realpathSync } from "node:fs";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { filter as wrapFilter } from "@oa/shared/nostr/24051-install-config.ts";
import { filter as releaseFilter } from "@oa/shared/nostr/30052-release.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { filters as yankFilters } from "@oa/shared/nostr/yank.ts";
import { countOpenRuns, openRunsOf } from "@oa/shared/run/views.ts";
import { openFileWatch } from "../adapters/file-watch.ts";
import { lastAwake } from "../adapters/last-awake.ts";
import { relayCursors } from "../adapters/relay-cursors.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { CursorStore } from "../adapters/relay-subscription.ts";
import { toldCursor } from "../adapters/told-cursor.ts";
import { chosenModerators } from "../admin/moderators.ts";
import type { PortsOptions } from "../admin/ports.ts";
import { ownRelays } from "../admin/reputation.ts";
import { lookForUpdate, sightingOf } from "../admin/updates.ts";
import type { KillSwitch } from "../engine/kill-switch.ts";
import type { Engine } from "../engine.ts";
import { openAttestationLoop } from "../loops/attestation.ts";
import { openCapabilityReports } from "../loops/capability-reports.ts";
import { openCoordinatorStatus } from "../loops/coordinator-status.ts";
import { type InstallLoop, openInstallLoop } from "../loops/install.ts";
import { openIntake } from "../loops/intake.ts";
import { openModerationWatch } from "../loops/moderation-watch.ts";
import { openReleaseWatch, type ReleaseWatch } from "../loops/release-watch.ts";
import { openRetentionLoop } from "../loops/retention.ts";
import { openScheduleLoop } from "../loops/schedule.ts";
import { openTriggerLoop } from "../loops/trigger.ts";
import { runsOfInstall } from "../loops/watched-files.ts";
import { type Ground, WORKSPACE } from "./ground.ts";
import type { Outside } from "./outside.ts";
import type { Consequences } from "./record.ts";
import { sealedSend } from "./reports.ts";

/** Gift wraps carry times that were shifted at random (NIP-59), so each connection reads all that a relay has kept. */
const FROM_THE_START: CursorStore = { get: () => null, set: () => {} };

type OnEvent = Parameters<RelayPool["subscribe"]>[0]["on_event"];

/** What goes on by itself once a worker is started. */
export interface Loops {
  readonly installs: InstallLoop;
  readonly releases: ReleaseWatch;
  readonly run: (signal: AbortSignal) => readonly Promise<void>[];
}

/** Opens every loop of a worker. Nothing acts before `run`. `ports` is asked once they run: it needs the loops itself. */
export function openLoops(
  ground: Ground,
  outside: Outside,
  options: {
    readonly store: EventStore;
    readonly consequences: Consequences;
    readonly engine: Engine;
    readonly kill_switch: KillSwitch;
    readonly lookUp: PortsOptions["lookUp"];
    readonly keyStatements?: NonNullable<PortsOptions["keyStatements"]>;
    readonly ports: () => PortsOptions;
  },
): Loops {
  const { config, clock, report, database, own, owner, random, schnorr, home, secrecy, feed } = ground;
  const { pool, mailbox, artifacts, capabilities, states } = outside;
  const { relays, edge_url, aup } = config;
  const { store, consequences, engine, kill_switch, lookUp, keyStatements, ports } = options;
  const common = { clock, report, commit: database.commit, workspace_id: WORKSPACE };
  const logged = { ...common, store, sql: database, database, worker: own.public_key };
  const fromRelays = (filters: readonly WireFilter[], on_event: OnEvent, signal: AbortSignal) =>
    pool.subscribe({ relays, filters, since: FROM_THE_START, on_event }, signal);

  const { schedule, triggers } = openStarters(ground, outside, logged, engine);
  const attestations = openAttestationLoop({
    ...{ ...logged, pool, random, kill_switch, aup, secret_key: own.secret_key, owner: owner.public_key },
    ...{ enabled: config.attest_runs, relays: ownRelays(relays, edge_url) },
  });
  const retention = openRetentionLoop({ ...logged, artifacts, states, retention_days: config.retention_days });
  const intake = openIntake(logged);
  const installs = openInstallLoop({
    ...{ ...logged, schnorr, home, lookUp, intake, mailbox, secret_key: own.secret_key },
    compliance: outside.compliance,
    ...(keyStatements === undefined ? {} : { keyStatements }),
    listen:
      relays.length === 0 ? null : (on_event, signal) => fromRelays([wrapFilter(own.public_key)], on_event, signal),
  });
  const telling = {
    ...{ sql: database, clock, random, report, secret_key: own.secret_key },
    send: sealedSend({ mailbox, pool, relays, aup, kill_switch, now_ms: clock.now_ms, record: null }),
  };
  const reports = openCapabilityReports({ ...telling, measure: capabilities });
  const statuses = openCoordinatorStatus({
    ...{ ...telling, store, aup, kill_switch, clean: secrecy.clean },
    ...{ events: feed.events, head: feed.head, cursor: toldCursor(database) },
  });
  const releases = openReleaseWatch({
    ...{ ...logged, sighting: sightingOf },
    look: (install, looking, signal) => lookForUpdate(install, ports(), looking, signal),
    notice: (refusal, ref) => intake.refuse("relay", refusal, ref),
    listen:
      relays.length === 0
        ? null
        : (authors, on_event, signal) =>
            fromRelays([...yankFilters(authors), releaseFilter({ authors })], on_event, signal),
  });
  const moderation = openModerationWatch({
    ...{ ...logged, chosen: chosenModerators(config, outside.edge), stops: config.on_take_down === "stop" },
    cancelRuns: async (install_id, reason) => {
      for (const run_id of openRunsOf(database, install_id)) await engine.cancel(run_id, reason);
    },
    listen:
      ownRelays(relays, edge_url).length === 0
        ? null
        : (filters, on_event, signal) =>
            pool.subscribe({ relays: ownRelays(relays, edge_url), filters, since: FROM_THE_START, on_event }, signal),
  });
  consequences.installsChanged = () => {
    schedule.wake();
    triggers.refresh();
    releases.refresh();
    moderation.refresh();
  };
  consequences.trialFailed = (run_id, { install_id, reason }) => {
    if (install_id !== null) engine.start(install_id, reason, { cause: `instead/${run_id}` }).catch(report);
  };
  const all = [schedule, triggers, installs, releases, moderation, retention, reports, statuses, attestations];
  return { installs, releases, run: (signal) => all.map((loop) => loop.run(signal)) };
}

/** What starts runs: the schedule, and triggers. */
function openStarters(
  { config, database, home, own, time_zone }: Ground,
  { pool, machineState }: Outside,
  logged: Pick<
    Parameters<typeof openScheduleLoop>[0],
    "clock" | "report" | "commit" | "workspace_id" | "store" | "sql"
  >,
  { start, cancel, gates }: Engine,
) {
  const { relays, data_dir } = config;
  const { measure } = machineState;
  const schedule = openScheduleLoop({
    ...{ ...logged, measure, start, gatesOf: gates, awake: lastAwake(data_dir) },
    activeRuns: (install_id) => countOpenRuns(database, install_id),
    cancelRuns: async (install_id, reason) => {
      for (const run_id of openRunsOf(database, install_id)) await cancel(run_id, reason);
    },
  });
  const triggers = openTriggerLoop({
    ...{ ...logged, home, worker: own.public_key, start, time_zone, measure },
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
  return { schedule, triggers };
}
