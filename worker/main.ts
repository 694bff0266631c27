import type { Actor } from "@oa/shared/api/actor.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Fault, Rejection } from "@oa/shared/core/refusal.ts";
import { filter as keyFilter } from "@oa/shared/nostr/03164-key-rotation.ts";
import { loadOrCreateKey } from "./adapters/keys.ts";
import { ownerDecides } from "./admin/decide.ts";
import { examine } from "./admin/doctor.ts";
import { machine } from "./admin/machine.ts";
import { catalogOf, listingLookUp } from "./admin/market.ts";
import { controlPorts, type PortsOptions } from "./admin/ports.ts";
import { authorize } from "./admin/tokens.ts";
import type { Config } from "./config.ts";
import { joinWorkspace, type Workspace } from "./engine/join.ts";
import { openLeases } from "./engine/leases.ts";
import { openOutward } from "./engine/outward.ts";
import { followEvents } from "./loops/telemetry.ts";
import { type Ground, hexOf, openGround, WORKSPACE } from "./main/ground.ts";
import { openLoops } from "./main/loops.ts";
import { openOutside } from "./main/outside.ts";
import { openRecord } from "./main/record.ts";
import { openRunning } from "./main/running.ts";
import { trustOwner } from "./main/trust-owner.ts";

/** One worker over one data folder, whose lock the caller holds. */
export interface Worker {
  readonly ports: ControlPorts;
  /** Its public key. */
  readonly public_key: string;
  /** Who acts with a capability token, where it opens a route of the control API. */
  readonly authorize: (token: string, method: string, path: string) => Actor | Rejection;
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

/** Composes a worker from its settings. Nothing acts before `work` or `start`. `token` never enters its log. */
export async function openWorker(config: Config, token?: string): Promise<Worker> {
  const ground = await openGround(config, token);
  const { database, own, feed, log, report } = ground;
  const { store, consequences } = openRecord(ground);
  const decide = ownerDecides(database, store, ground.asOwner);
  await trustOwner(database, decide, ground.owner.public_key, ground.clock.now_ms, ground.random);

  const outside = await openOutside(ground);
  const { edge, pool, traces, backends, processes, sandbox } = outside;
  const { measure } = outside.machineState;
  const { engine, options: engineOptions, kill_switch } = openRunning(ground, outside, store);
  const { relays } = config;
  const timeout_ms = LIMITS.publish_timeout_ms;
  const lookUp = listingLookUp({
    ...{ edge, relays, config, now_ms: ground.clock.now_ms },
    queryRelays: (filters, from, signal) => pool.query(from, filters, { timeout_ms, signal }),
  });
  const witness: Pick<PortsOptions, "keyStatements"> =
    relays.length === 0
      ? {}
      : { keyStatements: (keys, signal) => pool.query(relays, [keyFilter(keys)], { timeout_ms, signal }) };
  const loops = openLoops(ground, outside, {
    ...witness,
    ...{ store, consequences, engine, kill_switch, lookUp },
    ports: () => options,
  });
  let deciding = false;
  const options: PortsOptions = {
    catalog: catalogOf(edge, config),
    ...{ ...ground, ...outside, sql: database, decide, store, engine, kill_switch, lookUp },
    ...{ worker: own.public_key, owner_key: ground.owner.secret_key, workspace_id: WORKSPACE },
    ...{ token_key: ground.capability.secret_key, now_ms: ground.clock.now_ms, leases: openLeases(engineOptions) },
    measure,
    deciding: () => deciding,
    decideAll: (id, tasks) => database.commit(() => store.handle(ground.asOwner(id), tasks)),
    authorKey: () => authorKey(ground),
    outward: openOutward({ ...ground, store, kill_switch, aup: config.aup, now_ms: ground.clock.now_ms }),
    ...witness,
    accept: loops.installs.accept,
    updates: { looks: () => loops.releases.looks, check: (signal) => loops.releases.check(signal) },
    doctor: (signal) =>
      examine(machine(config, { database, processes, sandbox, backends, pool, vault: ground.vault, measure }), signal),
  };

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
    const telling = followEvents({ store, events: feed.events, from_seq: feed.head(), log, traces }, told.signal);
    following.push(telling.finally(() => sent.abort()));
  };
  return {
    ports: controlPorts(options),
    public_key: own.public_key,
    authorize: (...request) => authorize(options, ...request),
    broken: ground.broken,
    report,
    work,
    join: (workspace) => void running.push(joinWorkspace(engineOptions, workspace, stop.signal)),
    start: () => {
      work();
      deciding = true;
      running.push(...loops.run(stop.signal));
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

/** The author's key is made when something is first signed with it. */
async function authorKey({ config, secrecy }: Ground): Promise<Uint8Array> {
  const author = await loadOrCreateKey(config.data_dir, "author");
  secrecy.keep({ name: "the author's key", value: hexOf(author) });
  return author.secret_key;
}
