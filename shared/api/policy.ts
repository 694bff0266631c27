import type { PolicyActionEvaluation, PolicyEvaluation, PolicyZone, QuotasConfig } from "../generated/types.ts";
import { type PlacedText, textsOfAction, textsOfManifest } from "../policy/aup/manifest-texts.ts";
import { evaluate, type PolicyDecision } from "../policy/evaluate.ts";
import type { PolicyContext } from "../policy/rule.ts";
import { validateManifest } from "../upgrade/validate.ts";

/** What holds on this worker, whatever the asker says. */
export type PolicySettings = Pick<PolicyContext, "now_ms" | "kill_switch" | "aup" | "found"> &
  Partial<Pick<PolicyContext, "quotas">>;

/** What a request says, for a model to read beside the rules; nothing where its manifest is not valid. */
export function textsOfRequest(request: PolicyEvaluation): readonly PlacedText[] {
  if ("action" in request) return textsOfAction(request.action, undefined);
  const { manifest } = validateManifest(request.manifest);
  return manifest === null ? [] : textsOfManifest(manifest, {});
}

/** What an upgrade or an action would be answered with; nothing is done. A manifest that is not valid is denied. */
export function judge(request: PolicyEvaluation, settings: PolicySettings): PolicyDecision {
  const context = circumstances(request.context, settings);
  if ("action" in request) return evaluate(request.action, context);
  const { manifest, errors } = validateManifest(request.manifest);
  if (manifest !== null) return evaluate({ action_type: "upgrade.install" }, { ...context, grant: null, manifest });
  const reasons = errors.map(({ path: where, code, message }) => {
    return { rule: "manifest", verdict: "deny", code, message, details: { where } } as const;
  });
  return { verdict: "deny", reasons };
}

function circumstances(said: PolicyActionEvaluation["context"] = {}, settings: PolicySettings): PolicyContext {
  return {
    ...settings,
    kill_switch: settings.kill_switch || said.kill_switch === true,
    zone: said.zone ?? "supervised",
    grant: said.grant ?? null,
    approvals: said.approvals ?? [],
    quotas: said.quotas ?? settings.quotas ?? [],
  };
}

/** What the policy says of an install as it would run now. */
export interface PolicyExplanation {
  readonly install_id: string;
  readonly title: string;
  readonly zone: PolicyZone;
  /** Why nothing of it may start; null: it may. */
  readonly quarantine: string | null;
  readonly manifest: PolicyDecision;
  readonly steps: readonly { readonly step_id: string; readonly op: string; readonly decision: PolicyDecision }[];
}

/** The gate as it is set here. */
export interface PolicyDescription {
  readonly aup: PolicyContext["aup"];
  readonly kill_switch: boolean;
  readonly zone: PolicyZone;
  readonly quotas: QuotasConfig;
  readonly rules: readonly { readonly name: string; readonly says: string }[];
  readonly uses: readonly { readonly category: string; readonly severity: string; readonly rules: readonly string[] }[];
}
