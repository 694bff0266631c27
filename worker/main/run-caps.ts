import type { InstallView } from "@oa/shared/install/views.ts";
import type { UsageCaps } from "../adapters/run-usage.ts";
import type { Config } from "../config.ts";

/** The most that a run may use: as its install says, else as the worker is set. */
export function capsOf({ run_caps }: Config, install: InstallView | null): UsageCaps {
  const { memory_mb, cpu_s } = install?.caps ?? {};
  return {
    memory_bytes: memory_mb === undefined ? run_caps.memory_bytes : memory_mb * 1_048_576,
    cpu_ms: cpu_s === undefined ? run_caps.cpu_ms : cpu_s * 1_000,
  };
}
