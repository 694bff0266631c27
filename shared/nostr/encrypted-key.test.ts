import assert from "node:assert/strict";
import { test } from "node:test";
import { bech32 } from "@scure/base";
import { isRejection } from "../core/refusal.ts";
import { openEncryptedKey } from "./encrypted-key.ts";

/** An encrypted key of a version and a cost, the rest noise: nothing of it can be opened. */
function noise(version: number, log_n: number, length = 91): string {
  const bytes = Uint8Array.from({ length }, (_, index) => [version, log_n][index] ?? 7);
  return bech32.encode("ncryptsec", bech32.toWords(bytes), 5_000);
}

test("a key that would take all memory to open, and one of another form, are refused before the passphrase is asked", async () => {
  let asked = 0;
  const ask = async (): Promise<string> => {
    asked += 1;
    return "open";
  };
  for (const text of [
    noise(2, 21),
    noise(2, 255),
    noise(1, 4),
    noise(3, 4),
    noise(2, 4, 90),
    noise(2, 4, 92),
    "ncryptsec1",
  ]) {
    const answer = await openEncryptedKey(text, ask);
    assert.ok(isRejection(answer) && answer.code === "key_invalid", text);
  }
  assert.equal(asked, 0);
  const answer = await openEncryptedKey(noise(2, 4), ask);
  assert.ok(isRejection(answer) && answer.code === "passphrase_wrong");
  assert.equal(asked, 1);
});
