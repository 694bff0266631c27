import type { PolicyExplanation } from "@oa/shared/api/policy.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { openApprovals } from "@oa/shared/approval/views.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { actionOfStep, approvalOf } from "@oa/shared/policy/action.ts";
import { AUP_CATEGORIES } from "@oa/shared/policy/aup/categories.ts";
import { textsOfManifest } from "@oa/shared/policy/aup/manifest-texts.ts";
import { type ConductCommand, conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { evaluate } from "@oa/shared/policy/evaluate.ts";
import type { PolicyContext } from "@oa/shared/policy/rule.ts";
import { POLICY_RULES } from "@oa/shared/policy/rules/index.ts";
import { plannedAction } from "@oa/shared/upgrade/step-action.ts";
import type { Config } from "../config.ts";
import { circumstances, quotasOf, usesOf } from "../engine/circumstances.ts";
import { type Compliance, judgeRead } from "../engine/compliance.ts";
import type { KillSwitch } from "../engine/kill-switch.ts";
import { planRelease } from "../engine/planned-steps.ts";
import type { Engine } from "../engine.ts";
import type { Decide } from "./decide.ts";

export interface PolicyOptions {
  readonly config: Pick<Config, "aup" | "kill_switch" | "zone" | "quotas">;
  readonly store: EventStore;
  readonly sql: Sql;
  readonly decide: Decide;
  readonly engine: Pick<Engine, "quarantine">;
  readonly compliance: Pick<Compliance, "found">;
  readonly kill_switch: KillSwitch;
  readonly home: string;
  /** This worker's public key. */
  readonly worker: string;
  readonly now_ms: () => number;
}

/** The policy gate: what it would say, and what its owner sets. */
export function policyPort(options: PolicyOptions): ControlPorts["policy"] {
  const { config, kill_switch, store, decide, engine, now_ms } = options;
  const { aup } = config;
  const settings = () => ({ aup, kill_switch: kill_switch.isOn(), now_ms: now_ms() });
  return {
    evaluate: (request, signal) => {
      const { action = null } = "action" in request ? request : {};
      const ledger = { database: options.sql, config, now_ms: now_ms() };
      const quotas = action === null ? [] : quotasOf(ledger, action.install_id ?? "", usesOf(action));
      return judgeRead(request, { ...settings(), quotas }, options.compliance, signal);
    },
    explain: (install_id, signal) => explain(options, install_id, signal),
    describe: () => ({
      ...{ aup, kill_switch: kill_switch.isOn(), zone: config.zone, quotas: config.quotas },
      rules: POLICY_RULES.map(({ name, says }) => ({ name, says })),
      uses: AUP_CATEGORIES.map(({ name: category, severity, rules }) => {
        return { category, severity, rules: rules.map(({ name, says }) => `${name}: ${says}`) };
      }),
    }),
    killSwitch: () => kill_switch.status(),
    setKillSwitch: ({ on, reason = `switched ${on ? "on" : "off"} by the owner` }) => kill_switch.set(on, reason),
    change: async (install_id, { zone, quarantined, reason = "decided by the owner" }) => {
      if (store.load(installDecider, install_id).status === "none") {
        return reject("not_found", `there is no install ${install_id}`);
      }
      const commands: ConductCommand[] = [];
      if (zone !== undefined) commands.push({ type: "set_zone", zone });
      if (quarantined === true) commands.push({ type: "quarantine", reason, now_ms: now_ms() });
      if (quarantined === false) commands.push({ type: "lift", reason });
      for (const command of commands) {
        const done = await decide(conductDecider, conductSubject(install_id), command);
        if (isRejection(done)) return done;
      }
      const { zone: set, quarantine } = store.load(conductDecider, conductSubject(install_id));
      if (quarantined === true && quarantine !== null) engine.quarantine(install_id, quarantine.reason);
      return { install_id, zone: set ?? config.zone, quarantine };
    },
  };
}

async function explain(
  options: PolicyOptions,
  install_id: string,
  signal: AbortSignal,
): Promise<PolicyExplanation | Rejection> {
  const { store, sql, home, worker, now_ms, config } = options;
  const { active } = store.load(installDecider, install_id);
  if (active === null) return reject("not_found", `nothing is installed as ${install_id}`);
  const planned = planRelease(active, home);
  if (isRejection(planned)) return planned;
  const { manifest, pins, grant, inputs } = active;
  if (manifest === null) return reject("not_found", `the manifest of ${install_id} was deleted`);
  const here = circumstances(options, store.load, install_id);
  const approvals = openApprovals(sql, install_id)
    .filter(({ status }) => status === "approved")
    .map((one) => approvalOf(one.approval_id, one.scope, one.pins, one.expires_at_ms));
  const context: PolicyContext = { ...here, now_ms: now_ms(), grant, quotas: [], approvals };
  const owner = { manifest_sha256: pins.manifest_sha256, home, install_id, principal: worker };
  const steps = planned.steps.map((step) => {
    const planned = plannedAction(step, owner);
    const { step_id, op } = step;
    if (isRejection(planned)) {
      const { code, message } = planned;
      const reason = { rule: "plan", verdict: "deny", code, message } as const;
      return { step_id, op, decision: { verdict: "deny", reasons: [reason] } as const };
    }
    // Where only the run can say, there is nothing to hold against the grant yet.
    const action = actionOfStep({ ...planned, needs: planned.needs.filter((need) => !need.includes("${")) });
    const ledger = { database: sql, config, now_ms: context.now_ms };
    const limits = quotasOf(ledger, install_id, usesOf(action));
    return { step_id, op, decision: evaluate(action, { ...context, quotas: limits }) };
  });
  const found = await options.compliance.found(textsOfManifest(manifest, inputs), signal);
  const whole = evaluate({ action_type: "upgrade.install" }, { ...context, manifest, inputs, found });
  const { zone, quarantine = null } = here;
  return { install_id, title: pins.title, zone, quarantine, manifest: whole, steps };
}
