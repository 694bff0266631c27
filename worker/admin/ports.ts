import type { ControlPorts, DoctorCheck } from "@oa/shared/api/ports.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { escapeGlob } from "@oa/shared/core/permission.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import { getRun, listRuns } from "@oa/shared/run/views.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";
import type { ModelBackends } from "../backends/backend.ts";
import type { Config } from "../config.ts";
import type { Engine } from "../engine.ts";
import { answerSearch } from "../ops/searchkit-query.ts";
import type { SearchIndexes } from "../searchkit/indexes.ts";
import { exportLines } from "./audit.ts";
import type { EventFeed } from "./event-feed.ts";
import { type InstallsOptions, installsPort } from "./installs.ts";
import { marketPort } from "./market.ts";
import { openMetrics } from "./metrics.ts";
import { pairingsPort } from "./pairings.ts";
import { policyPort } from "./policy.ts";
import { schedulePort } from "./schedule.ts";
import { upgradesPort } from "./upgrades.ts";

export interface PortsOptions extends Omit<InstallsOptions, "lookUp"> {
  readonly measure: MachineState["measure"];
  readonly config: Config;
  readonly lookUp: InstallsOptions["lookUp"];
  readonly store: EventStore;
  readonly feed: EventFeed;
  readonly engine: Engine;
  readonly leases: ControlPorts["leases"];
  readonly indexes: SearchIndexes;
  readonly backends: ModelBackends;
  readonly edge: EdgeClient | null;
  readonly doctor: (signal: AbortSignal) => Promise<readonly DoctorCheck[]>;
  readonly report: (error: unknown) => void;
}

/** The control API's ports over one worker. No rules here: each calls what has them. */
export function controlPorts(options: PortsOptions): ControlPorts {
  const { config, engine, feed, sql, store } = options;
  const runOf = (id: string) => {
    const run = getRun(sql, id);
    return run === null ? reject("not_found", `there is no run ${id}`) : { ...run, progress: engine.progress(id) };
  };
  return {
    worker: {
      describe: async (signal) => ({
        worker: options.worker,
        data_dir: config.data_dir,
        edge_url: config.edge_url,
        relays: config.relays,
        local_only: config.local_only,
        head_seq: feed.head(),
        capabilities: await options.capabilities(signal),
      }),
    },
    installs: installsPort(options),
    upgrades: upgradesPort(options),
    runs: {
      list: (filter) => listRuns(sql, filter),
      get: runOf,
      start: (install_id, deadline_ms) =>
        engine.start(install_id, "manual", deadline_ms === undefined ? {} : { deadline_ms }),
      pause: async (id, reason) => (await engine.pause(id, reason)) ?? runOf(id),
      resume: async (id, reason) => (await engine.resume(id, reason)) ?? runOf(id),
      cancel: async (id, reason) => (await engine.cancel(id, reason)) ?? runOf(id),
    },
    leases: options.leases,
    events: feed.events,
    market: marketPort(options.edge),
    search: ({ query, index, limit }, signal) =>
      answerSearch(
        { query, index: index ?? null, limit },
        { ...options, signal, treeOf: (root) => treeOf(root, options.home) },
      ),
    schedule: schedulePort(options),
    audit: { verify: () => store.verify(), export: () => exportLines(store) },
    pairings: pairingsPort(options),
    policy: policyPort(options),
    metrics: openMetrics({ store, sql }),
    doctor: options.doctor,
    report: options.report,
  };
}

/** The indexed folder, for its owner to compare with; null where it is gone. */
async function treeOf(root: string, home: string) {
  try {
    return await openGrantedFiles([`filesystem:read:${escapeGlob(root)}/**`], { home }).tree(root);
  } catch {
    return null; // the answer then says that the folder could not be compared
  }
}
