import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { matchesFilter, parseFilter } from "./filter.ts";
import type { NostrEvent } from "./verify.ts";

const ID = "a".repeat(64);
const event: NostrEvent = {
  id: ID,
  pubkey: "b".repeat(64),
  created_at: 100,
  kind: 30051,
  tags: [
    ["d", "x"],
    ["t", "one"],
    ["t", "two"],
  ],
  content: "",
  sig: "",
};
const matches = (raw: unknown): boolean => {
  const filter = parseFilter(raw);
  assert.ok(!isRejection(filter), JSON.stringify(filter));
  return matchesFilter(filter, event);
};

test("all conditions of a filter hold together, any value of a list is enough", () => {
  assert.ok(matches({}));
  assert.ok(matches({ ids: [ID], kinds: [1, 30051], "#t": ["two", "three"], since: 100, until: 100, limit: 5 }));
  assert.ok(!matches({ ids: [ID], kinds: [1] }));
  assert.ok(!matches({ authors: [ID] }));
  assert.ok(!matches({ "#t": ["three"] }));
  assert.ok(!matches({ "#D": ["x"] }));
  assert.ok(!matches({ since: 101 }));
  assert.ok(!matches({ until: 99 }));
  assert.ok(!matches({ kinds: [] }));
});

test("a filter that is wrong or too large is refused", () => {
  const bad: unknown[] = [
    null,
    [],
    "x",
    { ids: ["abc"] },
    { authors: [ID.toUpperCase()] },
    { kinds: ["1"] },
    { kinds: [70_000] },
    { since: -1 },
    { limit: 1.5 },
    { search: 1 },
    { search: "x".repeat(300) },
    { "#e": ["x"] },
    { "#tt": ["x"] },
    { unknown: 1 },
    { "#t": "x" },
    { kinds: Array.from({ length: 501 }, () => 1) },
    Object.fromEntries([..."abcdfghij"].map((letter) => [`#${letter}`, ["x"]])),
  ];
  for (const raw of bad) assert.ok(isRejection(parseFilter(raw)), JSON.stringify(raw).slice(0, 80));
});
