import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, KINDS, kindOf, refuseKind, retentionOf } from "./kinds.ts";

test("every kind is in the table once", () => {
  const numbers = Object.values(KINDS).map(({ kind }) => kind);
  assert.equal(new Set(numbers).size, numbers.length);
  assert.equal(kindOf(30051)?.name, "upgrade manifest");
});

test("kinds are kept as NIP-01 says", () => {
  assert.deepEqual([0, 3, 10002, 1, 1059, 22242, 30051, 40000].map(retentionOf), [
    "replaceable",
    "replaceable",
    "replaceable",
    "regular",
    "regular",
    "ephemeral",
    "addressable",
    "regular",
  ]);
  assert.equal(addressOf({ kind: 30051, pubkey: "p", tags: [["d", "a:b"]] }), "30051:p:a:b");
  assert.equal(addressOf({ kind: 10002, pubkey: "p", tags: [["d", "x"]] }), "10002:p:");
});

test("the relay takes notes only with our label, wraps only with a recipient, and no unknown or sealed-only kind", () => {
  const L = ["L", "openagents.upgrade"];
  assert.equal(refuseKind({ kind: 1, tags: [L] }), null);
  assert.equal(refuseKind({ kind: 1059, tags: [["p", "x"]] }), null);
  assert.equal(refuseKind({ kind: 30051, tags: [] }), null);
  for (const event of [
    { kind: 1, tags: [] },
    { kind: 1059, tags: [] },
    { kind: 24051, tags: [L] },
    { kind: 27235, tags: [] },
    { kind: 4, tags: [] },
  ]) {
    assert.equal(refuseKind(event)?.code, "kind_not_relayed");
  }
});
