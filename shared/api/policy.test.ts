import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyDecision } from "../policy/evaluate.ts";
import { controlApp } from "./app.ts";
import { judge, type PolicySettings } from "./policy.ts";
import type { ControlPorts } from "./ports.ts";

const quiet: PolicySettings = { now_ms: 0, kill_switch: false, aup: "strict" };

async function ask(body: unknown, settings = quiet) {
  const absent = new Proxy({}, { get: () => () => assert.fail("nothing else is asked") });
  const policy = { evaluate: (request: Parameters<typeof judge>[0]) => judge(request, settings) };
  const ports = new Proxy({ policy }, { get: (known, name) => (name === "policy" ? known.policy : absent) });
  const response = await controlApp(ports as unknown as ControlPorts).request("/v1/policy/evaluate", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as PolicyDecision & { error?: { code: string } } };
}

const post = { action_type: "api.call.mutating", host: "hooks.example.com", method: "POST" };

test("an action is answered with a verdict and every reason, and nothing is done", async () => {
  const { status, body } = await ask({ action: post });
  assert.equal(status, 200);
  assert.equal(body.verdict, "require_approval");
  assert.deepEqual(
    body.reasons.map(({ code }) => code),
    ["external_write_requires_approval", "action_irreversible_requires_high_stakes"],
  );
});

test("circumstances count, but the worker's own kill switch holds", async () => {
  const context = { approvals: [{ approval_id: "appr_1", scope: "once", method: "POST" }], kill_switch: false };
  assert.equal((await ask({ action: post, context })).body.verdict, "allow");
  assert.equal((await ask({ action: post, context }, { ...quiet, kill_switch: true })).body.verdict, "deny");
  assert.equal((await ask({ action: post, context: { ...context, grant: [] } })).body.verdict, "deny");
});

test("a manifest that is not valid is denied with what is wrong with it", async () => {
  const { body } = await ask({ manifest: { id: "me.x" } });
  assert.equal(body.verdict, "deny");
  assert.ok(body.reasons.every(({ rule }) => rule === "manifest"));
});

test("what is no question is refused", async () => {
  for (const bad of [
    {},
    { action: {} },
    { action: post, manifest: {} },
    { action: post, context: { aup: "permissive" } },
  ]) {
    const { status, body } = await ask(bad);
    assert.deepEqual([status, body.error?.code], [422, "schema_invalid"], JSON.stringify(bad));
  }
});
