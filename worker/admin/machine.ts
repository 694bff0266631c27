import { Fault } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { listIntake } from "@oa/shared/intake/views.ts";
import { openEdgeClient, openEdgeEgress } from "../adapters/edge-client.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";
import type { Processes } from "../adapters/process.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import type { ModelBackends } from "../backends/backend.ts";
import type { Config } from "../config.ts";
import type { DoctorOptions } from "./doctor.ts";

const ASK_MS = 5_000;
const ASK_BYTES = 10_000;

/** This machine, as the doctor looks at it. */
export function machine(
  config: Config,
  ports: {
    readonly database: Sql;
    readonly processes: Processes;
    readonly sandbox: Sandbox;
    readonly measure: MachineState["measure"];
    readonly backends: ModelBackends;
    readonly pool: RelayPool;
    readonly vault: DoctorOptions["vault"];
  },
): DoctorOptions {
  return {
    config,
    sql: ports.database,
    platform: process.platform,
    node_version: process.versions.node,
    now_ms: Date.now,
    ask: async (program, args, signal) => {
      const options = { timeout_ms: ASK_MS, max_output_bytes: ASK_BYTES, signal };
      try {
        const { code, stdout } = await ports.processes.run(program, args, options);
        return code === 0 ? (stdout.split("\n")[0] ?? "").trim() : null;
      } catch (error) {
        if (error instanceof Fault && error.code === "process_failed") return null;
        throw error;
      }
    },
    edge: (url, signal) => openEdgeClient(url, openEdgeEgress(url)).health(signal),
    relay: async (url, signal) => {
      await ports.pool.query([url], [{ kinds: [1], limit: 1 }], { timeout_ms: ASK_MS, signal });
    },
    sandbox: ports.sandbox,
    measure: ports.measure,
    vault: ports.vault,
    refused: () => listIntake(ports.database),
    backends: (signal) => ports.backends.available(signal),
  };
}
