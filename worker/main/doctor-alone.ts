import type { DoctorCheck } from "@oa/shared/api/ports.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { thisMachinesSandbox } from "../adapters/machine-sandbox.ts";
import { thisMachine } from "../adapters/machine-state/machine.ts";
import { openProcesses } from "../adapters/process.ts";
import { openRandom } from "../adapters/random.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";
import { openSqlite } from "../adapters/sqlite.ts";
import { examine } from "../admin/doctor.ts";
import { machine } from "../admin/machine.ts";
import { openModelBackends } from "../backends/backends.ts";
import { type Config, configOf, readConfig } from "../config.ts";
import { workerRelays } from "./relays.ts";

/**
 * The doctor where no worker can be started, which is when it is needed most: `stopped` says why, and whatever needs
 * neither the data folder's database nor its keys is looked at as ever. Nothing is written to the folder.
 */
export async function examineAlone(
  { data_dir, env }: { readonly data_dir: string; readonly env: Readonly<Record<string, string | undefined>> },
  stopped: Fault,
  signal: AbortSignal,
): Promise<readonly DoctorCheck[]> {
  const config = await settings(data_dir, env);
  const [database, sandbox, schnorr] = [openSqlite(":memory:"), await thisMachinesSandbox(), await loadSchnorr()];
  const backends = openModelBackends(config.backends, { sandbox });
  // A key of this moment: relays that ask who is there hear nobody's name. What they do not answer, their check says.
  const pool = workerRelays(config, { schnorr, secret_key: openRandom()(32), report: () => undefined });
  try {
    const processes = openProcesses();
    const { measure } = thisMachine(processes, config.machine_state_file);
    const looked = machine(config, { database, processes, sandbox, backends, pool, vault: null, measure });
    return await examine({ ...looked, refused: null, stopped }, signal);
  } finally {
    pool.close();
    await backends.close();
    database.close();
  }
}

/** The settings, or the defaults where it is they that keep the worker from starting. */
async function settings(data_dir: string, env: Readonly<Record<string, string | undefined>>): Promise<Config> {
  try {
    return await readConfig(data_dir, env);
  } catch (error) {
    if (error instanceof Fault) return configOf(data_dir, {}, {});
    throw error;
  }
}
