import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { loadSchnorr, loadWasm } from "./schnorr.ts";

test("the verifier on this machine is libsecp256k1 and agrees with plain JavaScript", async () => {
  const wasm = await loadWasm();
  assert.equal(await loadSchnorr(), await loadSchnorr());
  for (let round = 0; round < 20; round += 1) {
    const event = finalizeEvent({ kind: 1, created_at: round, tags: [], content: "x" }, generateSecretKey());
    const flipped = event.sig.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
    for (const verify of [wasm, pureSchnorr]) {
      assert.ok(!isRejection(verifyEvent({ ...event }, verify)));
      assert.ok(isRejection(verifyEvent({ ...event, sig: flipped }, verify)));
      assert.ok(!verify(new Uint8Array(64), new Uint8Array(32), new Uint8Array(32).fill(255)));
      assert.ok(!verify(new Uint8Array(63), new Uint8Array(32), new Uint8Array(32)));
    }
  }
});

test("a remembered key never vouches for another key's signature, nor does one that was forgotten", async () => {
  const verify = await loadWasm(2);
  const events = Array.from({ length: 4 }, (_, index) =>
    finalizeEvent({ kind: 1, created_at: index, tags: [], content: "x" }, generateSecretKey()),
  );
  for (const event of [...events, ...[...events].reverse(), ...events]) {
    assert.ok(!isRejection(verifyEvent({ ...event }, verify)));
    for (const other of events) {
      if (other === event) continue;
      const stolen = verifyEvent({ ...event, sig: other.sig }, verify);
      assert.ok(isRejection(stolen) && stolen.code === "signature_invalid");
    }
  }
});
