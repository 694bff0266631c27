import { judge, type PolicyExplanation } from "@oa/shared/api/policy.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { actionOfStep } from "@oa/shared/policy/action.ts";
import { AUP_CATEGORIES } from "@oa/shared/policy/aup/categories.ts";
import { evaluate } from "@oa/shared/policy/evaluate.ts";
import type { PolicyContext } from "@oa/shared/policy/rule.ts";
import { POLICY_RULES } from "@oa/shared/policy/rules/index.ts";
import { plannedAction, templateApprovals } from "@oa/shared/upgrade/step-action.ts";
import type { Config } from "../config.ts";
import { planRelease } from "../engine.ts";

export interface PolicyOptions {
  readonly config: Pick<Config, "aup" | "kill_switch">;
  readonly store: EventStore;
  readonly home: string;
  readonly now_ms: () => number;
}

/** The policy gate, for those who ask what it would say. */
export function policyPort(options: PolicyOptions): ControlPorts["policy"] {
  const { aup, kill_switch } = options.config;
  const settings = () => ({ aup, kill_switch, now_ms: options.now_ms() });
  return {
    evaluate: (request) => judge(request, settings()),
    explain: (install_id) => explain(options, install_id),
    describe: () => ({
      ...{ aup, kill_switch },
      rules: POLICY_RULES.map(({ name, says }) => ({ name, says })),
      uses: AUP_CATEGORIES.map(({ name: category, severity, rules }) => {
        return { category, severity, rules: rules.map(({ name, says }) => `${name}: ${says}`) };
      }),
    }),
  };
}

function explain({ config, store, home, now_ms }: PolicyOptions, install_id: string): PolicyExplanation | Rejection {
  const { active } = store.load(installDecider, install_id);
  if (active === null) return reject("not_found", `nothing is installed as ${install_id}`);
  const planned = planRelease(active, home);
  if (isRejection(planned)) return planned;
  const { manifest, pins, grant } = active;
  if (manifest === null) return reject("not_found", `the manifest of ${install_id} was deleted`);
  const owner = { manifest_sha256: pins.manifest_sha256, home };
  const context: PolicyContext = {
    ...{ aup: config.aup, kill_switch: config.kill_switch, now_ms: now_ms() },
    ...{ zone: "supervised", grant, quotas: [], approvals: templateApprovals(planned.steps, owner) },
  };
  const steps = planned.steps.map((step) => {
    const action = plannedAction(step, owner);
    const { step_id, op } = step;
    if (!isRejection(action)) return { step_id, op, decision: evaluate(actionOfStep(action), context) };
    const { code, message } = action;
    const reason = { rule: "plan", verdict: "deny", code, message } as const;
    return { step_id, op, decision: { verdict: "deny", reasons: [reason] } as const };
  });
  const whole = evaluate({ action_type: "upgrade.install" }, { ...context, manifest });
  return { install_id, title: pins.title, manifest: whole, steps };
}
