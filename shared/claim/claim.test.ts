import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import type { ClaimEvent } from "../generated/types.ts";
import { type ClaimCommand, claim } from "./decider.ts";

const hex = (digit: number) => digit.toString(16).repeat(64);
const by = (change: Partial<ClaimCommand> = {}): ClaimCommand => ({
  payment_hash: hex(1),
  receipt_event_id: hex(2),
  receipt_created_at: 100,
  receipt_address_sha256: hex(3),
  ...change,
});
const MADE: ClaimEvent = { event_type: "claim.made", data: by() };
const decide = (given: readonly ClaimEvent[], command: ClaimCommand) => {
  const result = claim.decide(foldAll(claim, given), command);
  return isRejection(result) ? result : result.map(({ event_type }) => event_type);
};

test("the first receipt holds the payment, and a repeat changes nothing", () => {
  assert.deepEqual(decide([], by()), ["claim.made"]);
  assert.deepEqual(decide([MADE], by()), []);
});

test("any other receipt is refused and told which one holds it", () => {
  const refused = decide(
    [MADE],
    by({ receipt_event_id: hex(4), receipt_address_sha256: hex(5), receipt_created_at: 999 }),
  );
  assert.ok(isRejection(refused));
  assert.deepEqual([refused.code, refused.details], ["receipt_claim", { receipt_event_id: hex(2) }]);
  assert.ok(!JSON.stringify(refused).includes(hex(3)), "the hash of the holder's address is not told");
});

test("a later version of the same receipt takes its place, an earlier one does not come back", () => {
  const later = by({ receipt_event_id: hex(4), receipt_created_at: 101 });
  assert.deepEqual(decide([MADE], later), ["claim.renewed"]);
  const renewed: ClaimEvent = { event_type: "claim.renewed", data: later };
  const refused = decide([MADE, renewed], by());
  assert.ok(isRejection(refused));
  assert.deepEqual([refused.code, refused.details], ["event_superseded", { receipt_event_id: hex(4) }]);
  assert.deepEqual(decide([MADE, renewed], later), []);
});

test("of two versions of one second the one with the lower id stays, as relays keep it", () => {
  assert.deepEqual(decide([MADE], by({ receipt_event_id: hex(1) })), ["claim.renewed"]);
  assert.ok(isRejection(decide([MADE], by({ receipt_event_id: hex(9) }))));
});
