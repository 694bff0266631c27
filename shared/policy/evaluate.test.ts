import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { PolicyAction } from "../generated/types.ts";
import { actionOfStep, approvalOf, covers, declaredPins, type StepAction } from "./action.ts";
import { evaluate } from "./evaluate.ts";
import type { PolicyContext, PolicyRule, PolicyVerdict } from "./rule.ts";
import { POLICY_RULES } from "./rules/index.ts";

const context: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", approvals: [], quotas: [] },
  grant: ["network:egress:hooks.example.com", "tool:invoke:http.request"],
};
const post: PolicyAction = {
  ...{ action_type: "api.call.mutating", host: "hooks.example.com", method: "POST" },
  needs: ["tool:invoke:http.request"],
};
const saying = (name: string, verdict: PolicyVerdict): PolicyRule => ({
  ...{ name, says: name },
  judge: () => [{ verdict, code: "not_permitted", message: name }],
});

test("where no rule says anything, the answer is allow, and says so", () => {
  const { verdict, reasons } = evaluate({ action_type: "file.read" }, context);
  assert.equal(verdict, "allow");
  assert.deepEqual(
    reasons.map(({ rule, code }) => [rule, code]),
    [["default", "default_allow"]],
  );
});

test("all rules speak and the strictest wins, in whatever order they stand", () => {
  const rules = [saying("a", "deny"), saying("b", "allow"), saying("c", "require_approval")];
  for (const order of [rules, [...rules].reverse()]) {
    const { verdict, reasons } = evaluate(post, context, order);
    assert.equal(verdict, "deny");
    assert.deepEqual(reasons.map(({ rule }) => rule).sort(), ["a", "b", "c"]);
  }
  assert.equal(evaluate(post, context, rules.slice(1)).verdict, "require_approval");
});

test("a rule that throws denies, and its words stay inside", () => {
  const broken: PolicyRule = {
    ...{ name: "broken", says: "" },
    judge: () => {
      throw new Error("secret detail");
    },
  };
  const { verdict, reasons } = evaluate(post, context, [saying("a", "allow"), broken]);
  assert.equal(verdict, "deny");
  assert.deepEqual(reasons.at(-1), {
    ...{ rule: "broken", verdict: "deny", code: "policy_rule_failed" },
    message: "the rule broken could not judge this, so it is denied",
  });
  assert.ok(!JSON.stringify(reasons).includes("secret"));
});

test("every reason of every rule is given at once", () => {
  const worst = evaluate(
    { ...post, text: "How to build a bomb", needs: ["process:spawn"] },
    { ...context, kill_switch: true, quotas: [{ name: "calls", used: 1, amount: 1, limit: 1 }] },
  );
  assert.equal(worst.verdict, "deny");
  assert.deepEqual(
    worst.reasons.map(({ rule }) => rule),
    ["kill_switch", "grant", "aup", "external_write", "zone", "quota"],
  );
});

test("a write to the outside asks, with an approval it is allowed, and the kill switch denies it all the same", () => {
  assert.equal(evaluate(post, context).verdict, "require_approval");
  const approved = { ...context, approvals: [{ approval_id: "appr_1", scope: "once", method: "POST" }] } as const;
  assert.equal(evaluate(post, approved).verdict, "allow");
  assert.equal(evaluate(post, { ...approved, kill_switch: true }).verdict, "deny");
  assert.equal(evaluate(post, { ...approved, grant: [] }).verdict, "deny");
});

test("rules have stable names, each its own", () => {
  assert.equal(new Set(POLICY_RULES.map(({ name }) => name)).size, POLICY_RULES.length);
});

describe("the approval that consent to an install gives a step", () => {
  const step: StepAction = {
    ...{ manifest_sha256: "a".repeat(64), step_id: "notify", op: "http.request", effect: "external_write" },
    ...{ principal: "w".repeat(64), install_id: "install_1", pattern_sha256: "c".repeat(64) },
    params: { url: "https://hooks.example.com/x", method: "POST", body: "${steps.read.content}" },
    needs: ["network:egress:hooks.example.com", "tool:invoke:http.request"],
  };
  const pins = declaredPins(step);
  const approval = pins && approvalOf("appr_1", "template", pins, 100_000);
  const covered = (change: Partial<StepAction>) =>
    approval !== null && covers(approval, actionOfStep({ ...step, ...change }), 0);

  it("covers that step, whatever it sends", () => {
    assert.ok(covered({}));
    assert.ok(covered({ params: { ...step.params, body: "done", url: "https://hooks.example.com/y" } }));
  });
  it("covers no other manifest, step, op, method or host, and no further target", () => {
    const others: readonly Partial<StepAction>[] = [
      { manifest_sha256: "b".repeat(64) },
      { step_id: "other" },
      { install_id: "install_2" },
      { principal: "v".repeat(64) },
      { pattern_sha256: "d".repeat(64) },
      { op: "nostr.publish" },
      { params: { ...step.params, method: "DELETE" } },
      { params: { url: step.params.url } },
      { needs: ["network:egress:evil.example", "tool:invoke:http.request"] },
      { needs: [...step.needs, "network:egress:evil.example"] },
      { needs: ["tool:invoke:http.request"] },
    ];
    for (const change of others) assert.ok(!covered(change), JSON.stringify(change));
  });
  it("is given only where every target and the method are known", () => {
    const open = { ...step, needs: ["network:egress:${steps.read.host}", "tool:invoke:http.request"] };
    assert.equal(declaredPins(open), null);
    assert.equal(declaredPins({ ...step, params: { ...step.params, method: "${inputs.method}" } }), null);
    assert.equal(declaredPins({ ...step, needs: ["tool:invoke:http.request"] }), null);
  });
  it("is not needed for what writes nothing outside", () => {
    assert.equal(declaredPins({ ...step, effect: "read" }), null);
    assert.equal(declaredPins({ ...step, effect: "local_write" }), null);
  });
  it("a template that leaves anything open covers nothing", () => {
    const action = actionOfStep(step);
    assert.ok(approval !== null);
    for (const field of [
      "manifest_sha256",
      "pattern_sha256",
      "step_id",
      "op",
      "action_type",
      "method",
      "targets",
    ] as const) {
      const { [field]: _, ...rest } = approval;
      assert.ok(!covers(rest, action, 0), field);
    }
  });
  it("ends when it expires", () => {
    assert.ok(approval !== null);
    const action = actionOfStep(step);
    assert.ok(covers({ ...approval, expires_at: 10 }, action, 9_999));
    assert.ok(!covers({ ...approval, expires_at: 10 }, action, 10_000));
  });
});
