import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import { type ConductCommand, type ConductState, conductDecider } from "./decider.ts";

const deny = (at_ms: number, code = "not_permitted"): ConductCommand => {
  return { type: "deny", run_id: "run_1", step_id: "tell", op: "http.request", code, reasons: [], at_ms };
};
function after(...commands: readonly ConductCommand[]): ConductState {
  return commands.reduce((state, command) => {
    const events = conductDecider.decide(state, command);
    assert.ok(!isRejection(events));
    return foldAll(conductDecider, events, state);
  }, conductDecider.initial);
}
const often = (code: string) => Array.from({ length: LIMITS.quarantine_denials }, (_, at_ms) => deny(at_ms, code));

test("so many denials within the window quarantine an install, and the reason names what was denied", () => {
  assert.equal(after(...often("not_permitted").slice(1)).quarantine, null);
  const { quarantine } = after(...often("not_permitted"));
  assert.deepEqual([quarantine?.by, /not_permitted/.test(quarantine?.reason ?? "")], ["worker", true]);
});

test("what the owner's own settings or absence deny does not count", () => {
  for (const code of ["kill_switch_active", "approval_expired", "approval_revoked", "manifest_hash_mismatch"]) {
    assert.equal(after(...often(code), ...often(code)).quarantine, null, code);
  }
});

test("denials outside the window are forgotten", () => {
  const apart = [0, 1, 2].map((turn) => deny(turn * LIMITS.quarantine_window_ms));
  assert.equal(after(...apart).quarantine, null);
});

test("once lifted it takes as many again, and lifting what is not quarantined does nothing", () => {
  const lifted = after(...often("not_permitted"), { type: "lift", reason: "looked at" });
  assert.equal(lifted.quarantine, null);
  assert.deepEqual(lifted.denials, []);
  assert.deepEqual(conductDecider.decide(lifted, { type: "lift", reason: "again" }), []);
});

test("the owner sets and takes back a zone, and quarantines by hand", () => {
  assert.equal(after({ type: "set_zone", zone: "sandbox" }).zone, "sandbox");
  assert.equal(after({ type: "set_zone", zone: "sandbox" }, { type: "set_zone", zone: null }).zone, null);
  assert.equal(after({ type: "quarantine", reason: "odd", now_ms: 1 }).quarantine?.by, "owner");
});
