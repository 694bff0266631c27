import { getInstall } from "@oa/shared/install/views.ts";
import { type Artifacts, openArtifacts } from "../adapters/artifacts.ts";
import { thisMachinesCapabilities } from "../adapters/capabilities.ts";
import { type EdgeClient, openEdgeClient, openEdgeEgress } from "../adapters/edge-client.ts";
import { keptAnswers } from "../adapters/kept-answers.ts";
import { thisMachinesSandbox } from "../adapters/machine-sandbox.ts";
import { thisMachine } from "../adapters/machine-state/machine.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";
import { type Mailbox, openMailbox } from "../adapters/mailbox.ts";
import { type OwnStates, openOwnStates } from "../adapters/own-states.ts";
import { openProcesses, type Processes } from "../adapters/process.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import { openRunGuard, type RunGuard } from "../adapters/run-usage.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import { openTraceExporter, type TraceExporter } from "../adapters/trace-export.ts";
import type { PortsOptions } from "../admin/ports.ts";
import { aupClassifier } from "../backends/aup-classifier.ts";
import type { ModelBackends } from "../backends/backend.ts";
import { openModelBackends } from "../backends/backends.ts";
import { type Compliance, openCompliance } from "../engine/compliance.ts";
import { cleanArtifacts } from "../engine/guarded-effects.ts";
import { openSearchIndexes, type SearchIndexes } from "../searchkit/indexes.ts";
import type { Ground } from "./ground.ts";
import { workerRelays } from "./relays.ts";
import { capsOf } from "./run-caps.ts";

/** The machine and the network as a worker reaches them, each through its adapter. */
export interface Outside {
  readonly edge: EdgeClient | null;
  readonly mailbox: Mailbox | null;
  readonly pool: RelayPool;
  readonly processes: Processes;
  readonly sandbox: Sandbox;
  readonly guard: RunGuard;
  readonly machineState: MachineState;
  readonly backends: ModelBackends;
  readonly compliance: Compliance;
  readonly indexes: SearchIndexes;
  readonly artifacts: Artifacts;
  /** What upgrades keep for themselves. */
  readonly states: OwnStates;
  /** Null where no collector is set. */
  readonly traces: TraceExporter | null;
  /** What this machine can run, measured. */
  readonly capabilities: PortsOptions["capabilities"];
}

export async function openOutside(ground: Ground): Promise<Outside> {
  const { config, own, schnorr, clock, random, database, secrecy, report } = ground;
  const { data_dir, edge_url, otel_endpoint } = config;
  const secret_key = own.secret_key;
  const egress = edge_url === null ? null : openEdgeEgress(edge_url);
  const processes = openProcesses();
  const sandbox = await thisMachinesSandbox();
  const backends = openModelBackends(config.backends, {
    sandbox,
    own_caps: { memory_bytes: config.run_caps.memory_bytes },
  });
  const { aup, aup_classifier: chosen } = config;
  const asking = { clean: secrecy.clean, configured: config.backends };
  const classifier = chosen === null ? null : aupClassifier(chosen, backends, asking);
  const measure = thisMachinesCapabilities(processes, data_dir, sandbox.name);
  return {
    ...{ processes, sandbox, backends, compliance: openCompliance(aup, classifier, report, keptAnswers(database)) },
    edge: edge_url === null || egress === null ? null : openEdgeClient(edge_url, egress),
    mailbox: edge_url === null || egress === null ? null : openMailbox({ edge_url, egress, secret_key, clock, random }),
    pool: workerRelays(config, { schnorr, secret_key, report }),
    guard: openRunGuard({
      capsOf: ({ install_id }) => capsOf(config, install_id === null ? null : getInstall(database, install_id)),
    }),
    machineState: thisMachine(processes, config.machine_state_file),
    indexes: openSearchIndexes(data_dir, clock.now_ms, secrecy.knows),
    artifacts: cleanArtifacts(await openArtifacts(data_dir, config.artifacts_bytes), secrecy),
    states: openOwnStates(data_dir, config.artifacts_bytes),
    traces:
      otel_endpoint === null
        ? null
        : openTraceExporter({ endpoint: otel_endpoint, egress: openEdgeEgress(otel_endpoint), clock, report }),
    capabilities: async (signal) => ({ ...(await measure(signal)), backends: await backends.available(signal) }),
  };
}
