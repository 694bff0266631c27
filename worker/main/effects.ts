import { realpathSync } from "node:fs";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { openCodePackages } from "../adapters/code-packages.ts";
import { confinedWriter } from "../adapters/confined-writer.ts";
import { openEgress, openHostRate } from "../adapters/egress.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import { openOwnSites } from "../adapters/own-sites.ts";
import type { OwnStates } from "../adapters/own-states.ts";
import { openConfinedProcesses, type Processes } from "../adapters/process.ts";
import type { RunGuard } from "../adapters/run-usage.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import type { Secrecy } from "../adapters/secrecy.ts";
import type { ModelBackends } from "../backends/backend.ts";
import { cappedBackends } from "../backends/backends.ts";
import type { Config } from "../config.ts";
import { guardedEffects } from "../engine/guarded-effects.ts";
import type { EngineOptions } from "../engine/options.ts";
import { eventPublisher } from "../engine/publisher.ts";
import { cappedIndexes, type SearchIndexes } from "../searchkit/indexes.ts";
import { stateOfRun } from "./own-state.ts";
import type { secretUses } from "./secret-uses.ts";

/** What a run may touch, from its grant and nothing else; what all runs use together is opened once, here. */
export function runEffects(
  { data_dir, private_allow, code_packages }: Config,
  options: {
    readonly home: string;
    readonly processes: Processes;
    readonly sandbox: Sandbox;
    readonly backends: ModelBackends;
    readonly indexes: SearchIndexes;
    readonly publisher: Parameters<typeof eventPublisher>[0];
    readonly secrecy: Secrecy;
    readonly guard: RunGuard;
    readonly states: OwnStates;
    readonly store: EventStore;
    readonly onSecrets: ReturnType<typeof secretUses>;
  },
): EngineOptions["effects"] {
  const { home, sandbox, backends, indexes, publisher, secrecy, guard } = options;
  const code = openCodePackages(data_dir, options.processes);
  const sites = openOwnSites({ data_dir, secret_key: publisher.secret_key, now_ms: Date.now });
  const rate = openHostRate();
  const hidden = realpathSync(data_dir);
  return (grant, run) => {
    const usage = guard.usageOf(run);
    const processes = openConfinedProcesses(sandbox, usage);
    // Linux writes through an open folder; macOS renames by path, so it does it where nothing else can be written.
    const writer = sandbox.name === "seatbelt" ? { writer: confinedWriter(processes) } : {};
    const state = stateOfRun(options, grant, run);
    const effects = {
      files: openGrantedFiles(grant, { home, hidden, ...writer, ...(state && { state }) }),
      egress: openEgress(grant, {
        ...{ private_allow, rate, secrets: secrecy },
        onSecrets: (names, host) => options.onSecrets(run, names, host),
      }),
      events: eventPublisher(publisher, grant),
      processes,
      backends: cappedBackends(backends, usage),
      indexes: cappedIndexes(indexes, usage),
      sites,
      ...(code_packages ? { code } : {}),
    };
    return guardedEffects(effects, secrecy);
  };
}
