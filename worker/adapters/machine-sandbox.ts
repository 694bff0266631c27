import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { bubblewrap } from "./bubblewrap.ts";
import { noSandbox } from "./no-sandbox.ts";
import { openProcesses } from "./process.ts";
import type { Sandbox, Trial } from "./sandbox.ts";
import { seatbelt } from "./seatbelt.ts";

/** The sandbox of the machine this runs on. */
export function thisMachinesSandbox(): Promise<Sandbox> {
  const processes = openProcesses();
  return openSandbox(process.platform, (command, args) =>
    processes.run(command, args, {
      ...{ timeout_ms: LIMITS.sandbox_start_ms, max_output_bytes: LIMITS.machine_sensor_bytes },
      signal: AbortSignal.timeout(LIMITS.sandbox_start_ms),
    }),
  );
}

/**
 * This machine's sandbox, tried with a real command: one that is installed and does not work (a container without user
 * namespaces, say) is none.
 */
export async function openSandbox(platform: string, trial: Trial): Promise<Sandbox> {
  if (platform === "linux") return await orNone(() => bubblewrap(trial));
  if (platform === "darwin") return await orNone(() => seatbelt(trial));
  return noSandbox(`there is no sandbox for ${platform}`);
}

async function orNone(open: () => Promise<Sandbox>): Promise<Sandbox> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof Fault) return noSandbox(error.message);
    throw error;
  }
}
