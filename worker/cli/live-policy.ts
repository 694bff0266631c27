import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Config } from "../config.ts";
import { type Compliance, openCompliance } from "../engine/compliance.ts";
import type { OwnGate } from "../engine/own-publish.ts";
import type { CommandContext } from "./command.ts";

/**
 * The kill switch as it stands: what the data folder's worker says, running or not; of a folder that never had a
 * worker, what the settings say. Refusals: those of the control API. Faults: busy.
 */
export async function liveKillSwitch(
  { data_dir, api }: Pick<CommandContext, "data_dir" | "api">,
  config: Pick<Config, "kill_switch">,
): Promise<boolean | Rejection> {
  const has_worker = await stat(join(data_dir, "worker.sqlite")).catch(() => null);
  if (config.kill_switch || has_worker === null) return config.kill_switch;
  const status = await (await api()).get<{ readonly on: boolean }>("/v1/policy/kill-switch");
  return isRejection(status) ? status : status.on;
}

/** What a command that publishes passes first. */
export async function ownGate(
  context: Pick<CommandContext, "data_dir" | "api">,
  config: Pick<Config, "kill_switch" | "aup">,
): Promise<OwnGate | Rejection> {
  const on = await liveKillSwitch(context, config);
  if (typeof on !== "boolean") return on;
  return { aup: config.aup, kill_switch: { isOn: () => on }, now_ms: Date.now };
}

/** The compliance gate as the settings have it, without a worker. */
export async function configuredCompliance({
  aup,
  aup_classifier,
  backends,
}: Pick<Config, "aup" | "aup_classifier" | "backends">): Promise<Compliance> {
  if (aup_classifier === null) return openCompliance(aup);
  const [{ openModelBackends }, { aupClassifier }, { withoutSecrets }] = await Promise.all([
    import("../backends/backends.ts"),
    import("../backends/aup-classifier.ts"),
    import("@oa/shared/core/secrets.ts"),
  ]);
  return openCompliance(aup, aupClassifier(aup_classifier, openModelBackends(backends), { clean: withoutSecrets }));
}
