import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import type { PairingCapabilitiesReported, PairingEvent } from "../generated/types.ts";
import { type PairingCommand, pairingDecider } from "./decider.ts";

const [SECRET, KEY, OTHER] = ["5".repeat(64), "a".repeat(64), "b".repeat(64)];
const offered: PairingEvent = {
  event_type: "pairing.offered",
  data: { secret_sha256: SECRET, expires_at_ms: 1_000, ceiling: ["network:egress:github.com"], label: "phone" },
};
const claimed: PairingEvent = { event_type: "pairing.claimed", data: { pubkey: KEY } };
const confirmed: PairingEvent = { event_type: "pairing.confirmed", data: { pubkey: KEY } };
const removed: PairingEvent = { event_type: "pairing.removed", data: { reason: "lost" } };

function decide(given: readonly PairingEvent[], command: PairingCommand): string | readonly string[] {
  const decided = pairingDecider.decide(foldAll(pairingDecider, given), command);
  return isRejection(decided) ? decided.code : decided.map(({ event_type }) => event_type);
}
const claim = (change: object = {}): PairingCommand => ({
  type: "claim",
  secret_sha256: SECRET,
  pubkey: KEY,
  now_ms: 999,
  ...change,
});
const confirm = (change: object = {}): PairingCommand => ({
  type: "confirm",
  pubkey: null,
  already_paired: false,
  ...change,
});

describe("pairing", () => {
  it("takes the secret once, in time, and then waits for the owner", () => {
    assert.deepEqual(decide([offered], claim()), ["pairing.claimed"]);
    assert.equal(foldAll(pairingDecider, [offered, claimed]).status, "claimed");
    assert.deepEqual(decide([offered, claimed], confirm()), ["pairing.confirmed"]);
  });
  it("refuses a secret that is wrong, expired or used", () => {
    assert.equal(decide([offered], claim({ secret_sha256: OTHER })), "pairing_secret_wrong");
    assert.equal(decide([offered], claim({ now_ms: 1_000 })), "pairing_expired");
    assert.equal(decide([offered, claimed], claim({ pubkey: OTHER })), "pairing_used");
    assert.equal(decide([offered, removed], claim()), "not_found");
  });
  it("forgets the secret's hash as soon as it was used", () => {
    assert.equal(foldAll(pairingDecider, [offered, claimed]).secret_sha256, null);
  });
  it("confirms only the key that the owner compared", () => {
    assert.equal(decide([offered, claimed], confirm({ pubkey: OTHER })), "pairing_secret_wrong");
    assert.equal(decide([offered], confirm()), "not_found");
    assert.equal(decide([offered, claimed], confirm({ already_paired: true })), "pairing_used");
    assert.deepEqual(decide([offered, claimed, confirmed], confirm()), []);
  });
  it("pairs a key that the owner typed in, at once, and not twice", () => {
    const pair = { type: "pair", pubkey: KEY, already_paired: false, ceiling: [], label: "laptop", now_ms: 5 } as const;
    assert.deepEqual(decide([], pair), ["pairing.offered", "pairing.confirmed"]);
    assert.equal(decide([], { ...pair, already_paired: true }), "pairing_used");
  });
  it("ends with its removal", () => {
    assert.deepEqual(decide([offered, claimed, confirmed], { type: "remove", reason: "lost" }), ["pairing.removed"]);
    assert.equal(decide([offered, removed], { type: "remove", reason: "lost" }), "not_found");
    assert.equal(decide([], { type: "remove", reason: "lost" }), "not_found");
  });
});

describe("what a paired worker says of itself", () => {
  const capabilities = { platform: "linux" } as PairingCapabilitiesReported["data"]["capabilities"];
  const report = (reported_at: number, now_ms: number): PairingCommand => ({
    ...{ type: "report", capabilities, reported_at, now_ms, report_event_id: KEY },
  });
  const taken = (reported_at: number, taken_at_ms: number): PairingEvent => ({
    event_type: "pairing.capabilities_reported",
    data: { capabilities, reported_at, taken_at_ms, report_event_id: KEY },
  });
  const paired = [offered, claimed, confirmed];
  const GAP = LIMITS.capabilities_report_ms_min;

  it("is taken from a confirmed key alone, the latest, and not too often", () => {
    assert.deepEqual(decide(paired, report(10, 0)), ["pairing.capabilities_reported"]);
    assert.equal(decide([offered, claimed], report(10, 0)), "not_found");
    assert.equal(decide([...paired, removed], report(10, 0)), "not_found");
    assert.equal(decide([...paired, taken(10, 0)], report(10, GAP)), "event_superseded");
    assert.equal(decide([...paired, taken(10, 0)], report(11, GAP - 1)), "rate_limited");
    assert.deepEqual(decide([...paired, taken(10, 0)], report(11, GAP)), ["pairing.capabilities_reported"]);
  });
  it("is told to a key only once the owner chose so, and no longer when it is removed", () => {
    const share = { type: "share", capabilities: true } as const;
    assert.equal(foldAll(pairingDecider, paired).shares, false);
    assert.deepEqual(decide(paired, share), ["pairing.sharing_set"]);
    assert.equal(decide([offered, claimed], share), "approval_required");
    const shared: PairingEvent = { event_type: "pairing.sharing_set", data: { capabilities: true } };
    assert.deepEqual(decide([...paired, shared], share), []);
    assert.equal(foldAll(pairingDecider, [...paired, shared, removed]).shares, false);
  });
});

describe("what becomes of orders", () => {
  const offer = { type: "offer", secret_sha256: SECRET, expires_at_ms: 1_000, ceiling: [], label: "phone" } as const;
  const told: PairingEvent = { event_type: "pairing.results_set", data: { results: true } };

  it("is told to nobody unless the owner says so, with the secret or later", () => {
    assert.deepEqual(decide([], offer), ["pairing.offered"]);
    assert.deepEqual(decide([], { ...offer, results: true }), ["pairing.offered", "pairing.results_set"]);
    assert.equal(foldAll(pairingDecider, [offered, claimed, confirmed]).results, false);
    assert.deepEqual(decide([offered, claimed, confirmed], { type: "share", results: true }), ["pairing.results_set"]);
    assert.equal(decide([offered, claimed], { type: "share", results: true }), "approval_required");
  });
  it("is told no longer once the owner says so or the pairing ends, and says nothing of what the machine has", () => {
    const paired = [offered, told, claimed, confirmed];
    assert.equal(foldAll(pairingDecider, paired).shares, false);
    assert.deepEqual(decide(paired, { type: "share", results: true }), []);
    assert.deepEqual(decide(paired, { type: "share", results: false }), ["pairing.results_set"]);
    assert.equal(foldAll(pairingDecider, [...paired, removed]).results, false);
  });
});
