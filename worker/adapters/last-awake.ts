import { statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";

/** When the worker of a data folder last looked at its schedules: what a stop, a crash or a power cut leaves behind. */
export interface LastAwake {
  /** Unix milliseconds; null where none has yet. */
  readonly last_ms: () => number | null;
  readonly touch: (now_ms: number) => void;
}

/** Kept as the time of an empty file, which costs no more than that to set. Fault: file_access. */
export function lastAwake(data_dir: string): LastAwake {
  const path = join(data_dir, "awake");
  return {
    last_ms: () => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null,
    touch: (now_ms) => {
      try {
        if (statSync(path, { throwIfNoEntry: false }) === undefined) writeFileSync(path, "", { mode: 0o600 });
        utimesSync(path, now_ms / 1_000, now_ms / 1_000);
      } catch (error) {
        throw new Fault("file_access", `${path} cannot be written: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}
