import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import { type OutwardCommand, type OutwardState, outwardDecider } from "./decider.ts";

const write = {
  ...({ action_type: "site.publish", target: "network:egress:edge.example" } as const),
  ...{ content: "a".repeat(64), approval_id: "command/site" },
};
const BEGIN = { type: "begin", write, refusal: null, now_ms: 5 } as const;
const END = { type: "end", accepted: ["https://edge.example"], refused: [], now_ms: 6 } as const;

function after(...commands: readonly OutwardCommand[]): OutwardState {
  return commands.reduce((state, command) => {
    const events = outwardDecider.decide(state, command);
    assert.ok(!isRejection(events));
    return foldAll(outwardDecider, events, state);
  }, outwardDecider.initial);
}
const code = (state: OutwardState, command: OutwardCommand) => {
  const events = outwardDecider.decide(state, command);
  return isRejection(events) ? events.code : events.map(({ event_type }) => event_type).join();
};

test("what leaves is begun before it is sent, and ended with who took it", () => {
  assert.equal(code(outwardDecider.initial, BEGIN), "outward.begun");
  assert.equal(code(after(BEGIN), END), "outward.ended");
  assert.equal(after(BEGIN, END).status, "ended");
});

test("what the policy refused is kept with its reason, and never ends", () => {
  const refusal = { code: "kill_switch_active", message: "the kill switch is on" } as const;
  const refused = after({ ...BEGIN, refusal });
  assert.equal(refused.status, "refused");
  assert.equal(code(refused, END), "already_decided");
});

test("nothing is begun twice, ended twice, or ended without a beginning", () => {
  assert.equal(code(after(BEGIN), BEGIN), "already_decided");
  assert.equal(code(after(BEGIN, END), END), "already_decided");
  assert.equal(code(outwardDecider.initial, END), "not_found");
});
