import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../core/limits.ts";
import type { TriggerLogEntry } from "./log.ts";
import { explainTriggers } from "./why.ts";

const AT = Date.UTC(2026, 0, 2, 3);
const set: TriggerLogEntry = {
  ...{ seq: 1, at_ms: AT, kind: "set" },
  watches: [{ type: "nostr_event", filter: { kinds: [1] } }],
};

/** What is told of one note and the fire that answers for it. */
function told(flood: { readonly passed_over?: number }): string {
  const noted: TriggerLogEntry = { seq: 2, at_ms: AT + 1_000, kind: "noted", trigger: 0 };
  const fired: TriggerLogEntry = {
    ...{ seq: 3, at_ms: AT + 3_000, kind: "fired", fire: 1, trigger: 0, causes: 1, first_ms: AT + 1_000 },
    ...flood,
  };
  const facts = { at_ms: null, now_ms: AT + 9_000, time_zone: "UTC", settled: null, causes: new Map(), run: null };
  return explainTriggers({ ...facts, watching: [set], cycle: [noted, fired] })?.sentences.join(" ") ?? "";
}

test("what a flood passed over is told with its number, and that the run came after it", () => {
  const rate = `over ${LIMITS.trigger_events_per_minute} a minute`;
  assert.ok(told({ passed_over: 1 }).includes(`1 more Nostr event came in a flood, ${rate}, and was passed over`));
  assert.ok(
    told({ passed_over: 417 }).includes(`417 more Nostr events came in a flood, ${rate}, and were passed over`),
  );
});

test("where nothing was passed over nothing is told of it", () => {
  assert.doesNotMatch(told({}), /flood/);
});
