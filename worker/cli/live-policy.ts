import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { PolicyEvaluation } from "@oa/shared/generated/types.ts";
import type { PolicyDecision } from "@oa/shared/policy/evaluate.ts";
import type { Config } from "../config.ts";
import { type Compliance, openCompliance } from "../engine/compliance.ts";
import type { OwnGate } from "../engine/own-publish.ts";
import type { CommandContext } from "./command.ts";

/** Whether there is a worker in a data folder, running or not. */
async function hasWorker(data_dir: string): Promise<boolean> {
  return (await stat(join(data_dir, "worker.sqlite")).catch(() => null)) !== null;
}

/**
 * The policy's answer to a request: of the data folder's worker, which knows what was used and what its model said; of a
 * folder that never had one, by the settings. Refusals: those of the control API. Faults: busy.
 */
export async function judgedLive(
  request: PolicyEvaluation,
  { data_dir, env, api, signal }: Pick<CommandContext, "data_dir" | "env" | "api" | "signal">,
): Promise<PolicyDecision | Rejection> {
  if (await hasWorker(data_dir)) return (await api()).post<PolicyDecision>("/v1/policy/evaluate", request, signal);
  const [{ readConfig }, { judgeRead }, { limitsOn, usesOf }] = await Promise.all([
    import("../config.ts"),
    import("../engine/compliance.ts"),
    import("../engine/circumstances.ts"),
  ]);
  const config = await readConfig(data_dir, env);
  const quotas = "action" in request ? limitsOn(config, usesOf(request.action)) : [];
  const settings = { aup: config.aup, kill_switch: config.kill_switch, now_ms: Date.now(), quotas };
  return judgeRead(request, settings, await configuredCompliance(config), signal);
}

/**
 * What a command that publishes passes: the data folder's worker, running or not, judges and keeps what leaves; of a
 * folder that never had one, the settings judge, and there is no log to keep it in. Refusals: those of the control API.
 * Faults: busy.
 */
export async function ownGate(
  { data_dir, api }: Pick<CommandContext, "data_dir" | "api">,
  { aup, kill_switch }: Pick<Config, "kill_switch" | "aup">,
): Promise<OwnGate | Rejection> {
  const gate = { aup, now_ms: Date.now };
  if (!(await hasWorker(data_dir))) return { ...gate, kill_switch: { isOn: () => kill_switch }, record: null };
  const client = await api();
  const status = await client.get<{ readonly on: boolean }>("/v1/policy/kill-switch");
  if (isRejection(status)) return status;
  return {
    ...{ ...gate, kill_switch: { isOn: () => status.on } },
    record: {
      begin: (write) => client.post<{ readonly outward_id: string }>("/v1/outward", write),
      end: (id, outcome) => client.post<object>(`/v1/outward/${id}/end`, outcome),
    },
  };
}

/** The compliance gate as the settings have it, without a worker: nothing is kept of what a model answers. */
export async function configuredCompliance({
  aup,
  aup_classifier,
  backends,
  run_caps,
}: Pick<Config, "aup" | "aup_classifier" | "backends" | "run_caps">): Promise<Compliance> {
  if (aup_classifier === null) return openCompliance(aup);
  const [{ openModelBackends }, { aupClassifier }, { withoutSecrets }] = await Promise.all([
    import("../backends/backends.ts"),
    import("../backends/aup-classifier.ts"),
    import("@oa/shared/core/secrets.ts"),
  ]);
  const own_caps = { memory_bytes: run_caps.memory_bytes };
  const asking = { clean: withoutSecrets, configured: backends };
  return openCompliance(aup, aupClassifier(aup_classifier, openModelBackends(backends, { own_caps }), asking));
}
