import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import { killSwitchDecider } from "./decider.ts";

const { initial } = killSwitchDecider;

test("the switch goes on and off, each with its reason", () => {
  const on = killSwitchDecider.decide(initial, { type: "engage", reason: "odd" });
  assert.ok(!isRejection(on));
  const state = foldAll(killSwitchDecider, on, initial);
  assert.deepEqual(state, { on: true, reason: "odd" });
  const off = killSwitchDecider.decide(state, { type: "release", reason: "fine" });
  assert.ok(!isRejection(off));
  assert.deepEqual(foldAll(killSwitchDecider, off, state), { on: false, reason: "fine" });
});

test("switching it to what it is adds nothing to the log", () => {
  assert.deepEqual(killSwitchDecider.decide(initial, { type: "release", reason: "x" }), []);
  assert.deepEqual(killSwitchDecider.decide({ on: true, reason: "x" }, { type: "engage", reason: "y" }), []);
});
