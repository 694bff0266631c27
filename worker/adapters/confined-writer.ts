import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { fileFault } from "./file-faults.ts";
import type { ConfinedProcesses } from "./process.ts";
import { temporaryName } from "./temporaries.ts";

const HELPER = resolve(import.meta.dirname, "write-helper.ts");
/** Tells Node that the helper is a module. */
const PACKAGE = resolve(import.meta.dirname, "../package.json");

/** Writes a file whole, in a folder and nowhere else, whatever is swapped on the way there. Faults: file_access, disk_full. */
export type Writer = (
  place: { readonly folder: string; readonly name: string; readonly mode: number | null },
  bytes: Uint8Array,
  signal: AbortSignal,
) => Promise<void>;

/** A writer in a process of its own, which the system lets write only where the file belongs. */
export function confinedWriter(processes: ConfinedProcesses): Writer {
  return async ({ folder, name, mode }, bytes, signal) => {
    const order = JSON.stringify({ folder, name, mode, temporary: temporaryName() });
    const { code, stderr } = await processes.run(process.execPath, [HELPER, order], {
      ...{ stdin: bytes, timeout_ms: LIMITS.write_ms, max_output_bytes: LIMITS.machine_sensor_bytes, signal },
      bounds: { read: [HELPER, PACKAGE], write: [firstMissing(folder)], connect: null },
    });
    if (code === 0) return;
    throw fileFault(errorOf(stderr), "write", `${folder}/${name}`);
  };
}

/** The topmost folder that has to be made, or the folder itself where it is there. */
function firstMissing(folder: string): string {
  let missing = folder;
  for (let above = folder; !existsSync(above); above = dirname(above)) missing = above;
  return missing;
}

function errorOf(stderr: string): Error {
  try {
    const { code, message } = JSON.parse(stderr) as { readonly code: string; readonly message: string };
    return Object.assign(new Error(message), { code });
  } catch {
    return new Error(stderr.slice(0, 300));
  }
}
