import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { merkleRoot } from "./merkle.ts";

const sha = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
/** RFC 9162's own recursive definition. */
function tree(leaves: readonly string[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha();
  if (leaves.length === 1) return sha(Buffer.of(0), only);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha(Buffer.of(1), tree(leaves.slice(0, split)), tree(leaves.slice(split)));
}

test("the root is that of RFC 9162's tree, for every length up to 40", () => {
  for (let length = 0; length <= 40; length += 1) {
    const leaves = Array.from({ length }, (_, index) => `leaf ${index}`);
    assert.equal(merkleRoot(leaves), tree(leaves).toString("hex"), String(length));
  }
});

test("another order, a missing leaf and a node given as a leaf have other roots", () => {
  const root = merkleRoot(["a", "b", "c"]);
  for (const others of [
    ["b", "a", "c"],
    ["a", "b"],
    ["a", "b", "c", "c"],
    ["ab", "c"],
  ]) {
    assert.notEqual(merkleRoot(others), root);
  }
});
