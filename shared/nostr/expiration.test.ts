import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../core/limits.ts";
import { expirationOf, keptUntil } from "./expiration.ts";

test("a sealed event that nobody fetches is kept for a limited time, and no longer than it says itself", () => {
  const now_s = 1_800_000_000;
  const kept_s = LIMITS.gift_wrap_kept_s;
  const until = (kind: number, ...tags: string[][]) => keptUntil({ kind, tags }, now_s);
  assert.equal(until(1059), now_s + kept_s);
  assert.equal(until(1059, ["expiration", `${now_s + 60}`]), now_s + 60);
  assert.equal(until(1059, ["expiration", `${now_s + kept_s * 2}`]), now_s + kept_s);
  assert.equal(until(1985), null);
  assert.equal(until(1985, ["expiration", `${now_s + kept_s * 2}`]), now_s + kept_s * 2);
});

test("an expiration that is no time is ignored", () => {
  for (const value of ["", "soon", "-1", "1e9", "99999999999999", " 5"]) {
    assert.equal(expirationOf({ tags: [["expiration", value]] }), null, value);
  }
  assert.equal(expirationOf({ tags: [["expiration", "5"]] }), 5);
  assert.equal(expirationOf({ tags: [] }), null);
});
