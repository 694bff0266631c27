import type { ControlPorts, DoctorCheck } from "@oa/shared/api/ports.ts";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { escapeGlob } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { stepHistories } from "@oa/shared/run/steps.ts";
import { getRun, listRuns } from "@oa/shared/run/views.ts";
import type { Artifacts } from "../adapters/artifacts.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";
import type { OwnStates } from "../adapters/own-states.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { RunGuard } from "../adapters/run-usage.ts";
import { localSigner, type Signer } from "../adapters/signer.ts";
import type { Vault } from "../adapters/vault.ts";
import type { ModelBackends } from "../backends/backend.ts";
import type { Config } from "../config.ts";
import type { Compliance } from "../engine/compliance.ts";
import type { KillSwitch } from "../engine/kill-switch.ts";
import type { OutwardRecord } from "../engine/own-publish.ts";
import type { Engine } from "../engine.ts";
import type { ReleaseWatch } from "../loops/release-watch.ts";
import { answerSearch } from "../ops/searchkit-query.ts";
import type { SearchIndexes } from "../searchkit/indexes.ts";
import { readSchema } from "./api-schemas.ts";
import { approvalsPort } from "./approvals.ts";
import { exportLines, verifyLog } from "./audit.ts";
import type { DecideAll } from "./decide.ts";
import type { EventFeed } from "./event-feed.ts";
import { type InstallsOptions, installsPort } from "./installs.ts";
import { licencesPort } from "./licences.ts";
import { marketPort } from "./market.ts";
import { openMetrics } from "./metrics.ts";
import { moderationPort } from "./moderation.ts";
import { type AddressNamed, addressNamed } from "./naming.ts";
import { pairingsPort } from "./pairings.ts";
import { policyPort } from "./policy.ts";
import { ownRelays, reputationPort } from "./reputation.ts";
import { resourceMetrics } from "./resource-metrics.ts";
import { schedulePort } from "./schedule.ts";
import { secretsPort } from "./secrets.ts";
import { tokensPort } from "./tokens.ts";
import { updateViews } from "./updates.ts";
import { upgradesPort } from "./upgrades.ts";

export interface PortsOptions extends Omit<InstallsOptions, "lookUp"> {
  readonly measure: MachineState["measure"];
  /** Whether the worker decides now about what is due. */
  readonly deciding: () => boolean;
  /** The worker's own key: receipts are made out to it. */
  readonly own: { readonly secret_key: Uint8Array };
  readonly config: Config;
  readonly compliance: Compliance;
  readonly lookUp: InstallsOptions["lookUp"];
  readonly store: EventStore;
  readonly feed: EventFeed;
  readonly outward: OutwardRecord;
  readonly engine: Engine;
  readonly kill_switch: KillSwitch;
  readonly decideAll: DecideAll;
  readonly workspace_id: string;
  readonly token_key: Uint8Array;
  readonly leases: ControlPorts["leases"];
  readonly indexes: SearchIndexes;
  readonly vault: Vault;
  readonly backends: ModelBackends;
  readonly guard: Pick<RunGuard, "used">;
  readonly artifacts: Pick<Artifacts, "room">;
  readonly states: Pick<OwnStates, "room" | "size">;
  readonly edge: EdgeClient | null;
  readonly pool: Pick<RelayPool, "publish" | "query">;
  readonly doctor: (signal: AbortSignal) => Promise<readonly DoctorCheck[]>;
  /** The release watch, which is opened after this. */
  readonly updates: {
    readonly looks: () => ReleaseWatch["looks"];
    readonly check: ReleaseWatch["check"];
  };
  readonly report: (error: unknown) => void;
}

/** The control API's ports over one worker. No rules here: each calls what has them. */
export function controlPorts(options: PortsOptions): ControlPorts {
  const { config, engine, feed, sql, store } = options;
  const runOf = (id: string) => {
    const run = getRun(sql, id);
    return run === null ? reject("not_found", `there is no run ${id}`) : { ...run, progress: engine.progress(id) };
  };
  const relays = ownRelays(config.relays, config.edge_url);
  const own = { relays, aup: config.aup, signer: localSigner(options.owner_key), record: options.outward };
  const naming: { readonly addressNamed: AddressNamed } = {
    addressNamed: (name, signal) => addressNamed(name, options, signal),
  };
  return {
    outward: options.outward,
    readSchema,
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
    updates: {
      list: () => updateViews(options, options.updates.looks()),
      check: async (signal) => {
        await options.updates.check(signal);
        return updateViews(options, options.updates.looks());
      },
    },
    upgrades: upgradesPort(options),
    runs: {
      list: (filter) => listRuns(sql, filter),
      get: runOf,
      steps: (id) => {
        const run = runOf(id);
        // A run's subject has run events only.
        return isRejection(run) ? run : stepHistories(store.bySubject(id) as unknown as readonly Recorded<RunEvent>[]);
      },
      start: (install_id, asked) => engine.start(install_id, "manual", asked),
      pause: async (id, reason, by) => (await engine.pause(id, reason, by)) ?? runOf(id),
      resume: async (id, reason, by) => (await engine.resume(id, reason, by)) ?? runOf(id),
      cancel: async (id, reason, by) => (await engine.cancel(id, reason, by)) ?? runOf(id),
    },
    leases: options.leases,
    events: feed.events,
    market: marketPort({ ...options, ...naming }),
    reputation: reputationPort({ ...options, ...own, ...naming }),
    moderation: moderationPort({ ...options, ...own, ...naming, author: async () => authorHere(options) }),
    search: ({ query, index, limit }, signal) =>
      answerSearch(
        { query, index: index ?? null, limit },
        { ...options, signal, treeOf: (root) => treeOf(root, options.home) },
      ),
    schedule: schedulePort(options),
    audit: { verify: () => verifyLog(store), export: () => exportLines(store) },
    pairings: pairingsPort({ ...options, relays: config.relays, edge_url: config.edge_url }),
    policy: policyPort(options),
    secrets: secretsPort(options),
    receipts: licencesPort({ ...options, buyers: [localSigner(options.own.secret_key), own.signer] }),
    approvals: approvalsPort(options),
    tokens: tokensPort(options),
    metrics: openMetrics({ store, sql, resources: resourceMetrics({ ...options, data_dir: config.data_dir }) }),
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

/** This machine's own author key, where nothing else signs as author: what else there is may have to ask somebody. */
async function authorHere({ config, authorKey }: PortsOptions): Promise<Signer | Rejection> {
  if ((config.signer ?? "local") === "local") return localSigner(await authorKey());
  return reject("usage", "what signs as author is elsewhere (signer in config.json): `oa moderate appeal` asks it");
}
