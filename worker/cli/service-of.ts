import { homedir } from "node:os";
import { join } from "node:path";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { ServiceUnit } from "../adapters/service-unit.ts";
import type { CommandContext } from "./command.ts";

/** This machine's service unit for the worker of the data folder. */
export async function serviceOf({
  data_dir,
  env,
  signal,
}: Pick<CommandContext, "data_dir" | "env" | "signal">): Promise<ServiceUnit | Rejection> {
  const [{ openServiceUnit }, { openProcesses }] = await Promise.all([
    import("../adapters/service-unit.ts"),
    import("../adapters/process.ts"),
  ]);
  const host = {
    ...{ platform: process.platform, home: homedir(), env, processes: openProcesses() },
    uid: process.getuid?.() ?? 0,
  };
  const order = { node: process.execPath, cli: join(import.meta.dirname, "oa.mjs"), data_dir };
  return openServiceUnit(host, order, signal);
}
