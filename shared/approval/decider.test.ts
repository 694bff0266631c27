import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import type { ApprovalPins, ApprovalScope, PolicyAction } from "../generated/types.ts";
import { pinsOf } from "../policy/action.ts";
import { type ApprovalCommand, type ApprovalState, approvalDecider, inForce } from "./decider.ts";

const MANIFEST = "a".repeat(64);
const ACTION: PolicyAction = {
  ...{ action_type: "api.call.mutating", op: "http.request", method: "POST", step_id: "tell", run_id: "run_1" },
  ...{ principal: "w".repeat(64), install_id: "install_1", manifest_sha256: MANIFEST, pattern_sha256: "c".repeat(64) },
  needs: ["network:egress:b.example", "tool:invoke:http.request"],
  params: { url: "https://b.example/", body: "hi" },
};
const REQUEST = {
  ...({ type: "request", pins: pinsOf(ACTION), summary: "Step tell would write.", reasons: [] } as const),
  expires_at_ms: 1_000,
};
const APPROVE = {
  ...({ type: "approve", scope: "once", uses_per_day: 2, action_sha256: null } as const),
  ...{ expires_at_ms: 10_000, now_ms: 0 },
};
const CONSUME = {
  type: "consume",
  action: ACTION,
  manifest_sha256: MANIFEST,
  use: "run_1/tell",
  now_ms: 5_000,
} as const;

function given(...commands: readonly ApprovalCommand[]): ApprovalState {
  return commands.reduce((state, command) => {
    const events = approvalDecider.decide(state, command);
    assert.ok(!isRejection(events), isRejection(events) ? `${command.type}: ${events.message}` : "");
    return foldAll(approvalDecider, events, state);
  }, approvalDecider.initial);
}
function code(state: ApprovalState, command: ApprovalCommand): string {
  const events = approvalDecider.decide(state, command);
  return isRejection(events) ? events.code : events.map(({ event_type }) => event_type).join();
}

describe("an approval", () => {
  it("is requested, approved and consumed, once", () => {
    const used = given(REQUEST, APPROVE, CONSUME);
    assert.equal(used.status, "consumed");
    assert.equal(code(used, { ...CONSUME, use: "run_2/tell" }), "approval_used");
  });
  it("lets another attempt at the same step go on, and counts it once", () => {
    assert.equal(code(given(REQUEST, APPROVE, CONSUME), CONSUME), "");
    assert.equal(code(given(REQUEST, APPROVE, CONSUME), { ...CONSUME, now_ms: 10_000 }), "approval_expired");
    const other = { ...CONSUME, action: { ...ACTION, params: { url: "https://b.example/", body: "ho" } } };
    assert.equal(code(given(REQUEST, APPROVE, CONSUME), other), "approval_used");
  });
  it("approves nothing before it is approved, nor once it is denied, expired or revoked", () => {
    assert.equal(code(approvalDecider.initial, CONSUME), "approval_missing");
    assert.equal(code(given(REQUEST), CONSUME), "approval_missing");
    assert.equal(code(given(REQUEST, { type: "deny", reason: "no" }), CONSUME), "approval_denied");
    assert.equal(code(given(REQUEST, { type: "expire", now_ms: 1_000 }), CONSUME), "approval_expired");
    assert.equal(code(given(REQUEST, APPROVE, { type: "revoke", reason: "no" }), CONSUME), "approval_revoked");
    assert.equal(code(given(REQUEST, APPROVE), { ...CONSUME, now_ms: 10_000 }), "approval_expired");
  });
  it("is decided once, in time, by somebody who saw exactly this", () => {
    assert.equal(code(given(REQUEST, APPROVE), APPROVE), "approval_used");
    assert.equal(code(given(REQUEST, { type: "deny", reason: "no" }), APPROVE), "approval_denied");
    assert.equal(code(given(REQUEST), { ...APPROVE, now_ms: 1_000 }), "approval_expired");
    assert.equal(code(given(REQUEST), { ...APPROVE, action_sha256: "0".repeat(64) }), "approval_mismatch");
    assert.equal(code(given(REQUEST), { ...APPROVE, action_sha256: REQUEST.pins.action_sha256 }), "approval.approved");
    assert.equal(code(given(REQUEST, APPROVE), { type: "deny", reason: "no" }), "approval_used");
    assert.equal(code(given(REQUEST), REQUEST), "approval_used");
  });
  it("does not expire before its time, and holds for a year at most", () => {
    assert.equal(code(given(REQUEST), { type: "expire", now_ms: 999 }), "");
    const long = given(REQUEST, { ...APPROVE, expires_at_ms: Number.MAX_SAFE_INTEGER });
    assert.equal(long.expires_at_ms, LIMITS.approval_ms);
  });
  it("is void once the install has another manifest, or none", () => {
    const approved = given(REQUEST, { ...APPROVE, scope: "workspace" });
    assert.equal(code(approved, { ...CONSUME, manifest_sha256: "b".repeat(64) }), "approval_mismatch");
    assert.equal(code(approved, { ...CONSUME, manifest_sha256: null }), "approval_mismatch");
  });
  it("of a wider scope may be used so often a day", () => {
    const use = (state: ApprovalState, name: string, now_ms: number) => code(state, { ...CONSUME, use: name, now_ms });
    const approve: ApprovalCommand = { ...APPROVE, scope: "workspace", expires_at_ms: 300_000_000 };
    const twice = given(REQUEST, approve, CONSUME, { ...CONSUME, use: "run_2/tell" });
    assert.equal(use(twice, "run_3/tell", 6_000), "quota_exceeded");
    assert.equal(use(twice, "run_3/tell", 86_400_000 + 5_001), "approval.consumed");
  });
});

describe("what is about to be done is compared with all that the scope keeps", () => {
  const CHANGES: Readonly<Record<string, Partial<PolicyAction>>> = {
    principal: { principal: "v".repeat(64) },
    install: { install_id: "install_2" },
    manifest: { manifest_sha256: "b".repeat(64) },
    op: { op: "nostr.publish" },
    type: { action_type: "external.write" },
    method: { method: "DELETE" },
    target: { needs: ["network:egress:c.example"] },
    "further target": { needs: [...(ACTION.needs ?? []), "network:egress:c.example"] },
    run: { run_id: "run_2" },
    room: { room_id: "room_2" },
    step: { step_id: "other" },
    wiring: { pattern_sha256: "d".repeat(64) },
    arguments: { params: { url: "https://b.example/", body: "ho" } },
  };
  const ALWAYS = ["principal", "install", "manifest", "op", "type", "method", "target", "further target"];
  const HELD: Readonly<Record<ApprovalScope, readonly string[]>> = {
    once: [...ALWAYS, "run", "step", "wiring", "arguments"],
    run: [...ALWAYS, "run"],
    room: [...ALWAYS, "room"],
    workspace: ALWAYS,
    template: [...ALWAYS, "step", "wiring"],
  };
  const inRoom = { ...ACTION, room_id: "room_1" };
  for (const scope of Object.keys(HELD) as ApprovalScope[]) {
    it(`with the scope ${scope}`, () => {
      const approved = given({ ...REQUEST, pins: pinsOf(inRoom) }, { ...APPROVE, scope });
      assert.equal(code(approved, { ...CONSUME, action: inRoom }), "approval.consumed");
      for (const [name, change] of Object.entries(CHANGES)) {
        const said = code(approved, { ...CONSUME, action: { ...inRoom, ...change } });
        assert.equal(said, HELD[scope].includes(name) ? "approval_mismatch" : "approval.consumed", name);
      }
    });
  }
  it("without a room, none is approved for one", () => {
    assert.equal(code(given(REQUEST), { ...APPROVE, scope: "room" }), "approval_mismatch");
  });
});

it("whatever is asked in whatever order, what is for once is used for one thing at most", () => {
  const times = fc.integer({ min: 0, max: 20_000 });
  const command: fc.Arbitrary<ApprovalCommand> = fc.oneof(
    fc.constant(REQUEST),
    times.map((now_ms): ApprovalCommand => ({ ...APPROVE, now_ms })),
    fc.constant<ApprovalCommand>({ type: "deny", reason: "no" }),
    fc.constant<ApprovalCommand>({ type: "revoke", reason: "no" }),
    times.map((now_ms): ApprovalCommand => ({ type: "expire", now_ms })),
    fc
      .tuple(times, fc.constantFrom("run_1/tell", "run_2/tell", "run_3/tell"))
      .map(([now_ms, use]): ApprovalCommand => ({ ...CONSUME, now_ms, use })),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      let state = approvalDecider.initial;
      const used = new Set<string>();
      let approved = 0;
      for (const one of commands) {
        const events = approvalDecider.decide(state, one);
        if (isRejection(events)) continue;
        for (const event of events) {
          if (event.event_type === "approval.approved") approved += 1;
          if (event.event_type === "approval.consumed") {
            used.add(event.data.use);
            assert.equal(state.status, "approved");
          }
        }
        state = foldAll(approvalDecider, events, state);
        if (["denied", "revoked", "expired"].includes(state.status)) assert.equal(inForce("appr_1", state), null);
      }
      assert.ok(used.size <= 1 && approved <= 1);
    }),
  );
});

it("an approval's place that is not known covers nothing", () => {
  const pins: ApprovalPins = { ...REQUEST.pins, run_id: null, action_sha256: null };
  for (const scope of ["once", "run"] as const) {
    const approved = given({ ...REQUEST, pins }, { ...APPROVE, scope });
    const { run_id: _, ...nowhere } = ACTION;
    assert.equal(code(approved, { ...CONSUME, action: nowhere }), "approval_mismatch", scope);
  }
});

it("an approval of a payment is for that many sats and no others, and its use says how many", () => {
  const pay: PolicyAction = { ...ACTION, action_type: "payment.execute", sats: 500 };
  const request = { ...REQUEST, pins: pinsOf(pay) };
  const consumed = approvalDecider.decide(given(request, APPROVE), { ...CONSUME, action: pay });
  assert.ok(!isRejection(consumed));
  assert.deepEqual(
    consumed.map(({ data }) => (data as { sats?: number }).sats),
    [500],
  );
  for (const sats of [501, 499, 0]) {
    assert.equal(code(given(request, APPROVE), { ...CONSUME, action: { ...pay, sats } }), "approval_mismatch");
  }
  const free = approvalDecider.decide(given(REQUEST, APPROVE), CONSUME);
  assert.ok(!isRejection(free) && !("sats" in (free[0]?.data ?? {})));
});
