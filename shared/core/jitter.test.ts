import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jitterOf } from "./jitter.ts";

test("jitter is stable and stays within its bounds", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.integer({ min: 0, max: 86_400_000 }), (install, worker, most) => {
      const jitter = jitterOf(install, worker, most);
      assert.equal(jitter, jitterOf(install, worker, most));
      assert.ok(Number.isInteger(jitter) && jitter >= 0 && jitter <= most);
    }),
  );
  assert.equal(jitterOf("install_a", "worker_a", 0), 0);
});

test("it differs by install and by worker", () => {
  const most = 600_000;
  assert.notEqual(jitterOf("a", "w", most), jitterOf("b", "w", most));
  assert.notEqual(jitterOf("a", "w", most), jitterOf("a", "v", most));
  assert.notEqual(jitterOf("ab", "c", most), jitterOf("a", "bc", most));
});

test("it is evenly spread, over installs and over workers", () => {
  const samples = 10_000;
  for (const one of [
    (n: number) => jitterOf(`install_${n}`, "w", 999),
    (n: number) => jitterOf("i", `worker_${n}`, 999),
  ]) {
    const buckets = new Array<number>(20).fill(0);
    for (let n = 0; n < samples; n += 1) {
      const bucket = Math.floor(one(n) / 50);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    const expected = samples / buckets.length;
    const chi_squared = buckets.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assert.ok(chi_squared < 43.8, `chi squared ${chi_squared} with 19 degrees of freedom (p = 0.001)`);
  }
});
