import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalize, parseStrict } from "./json.ts";
import { isRejection } from "./refusal.ts";

function code(text: string, limits?: { bytes?: number; depth?: number }): string {
  const result = parseStrict(text, limits);
  return isRejection(result) ? result.code : "accepted";
}

const safe = (value: unknown): boolean => code(JSON.stringify(value)) === "accepted";

test("what JSON.parse reads, parseStrict reads alike, when it refuses nothing", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t"), (text, indent) => {
      const value: unknown = JSON.parse(text);
      fc.pre(safe(value));
      assert.deepEqual(parseStrict(JSON.stringify(value, null, indent)), { value });
    }),
  );
});

test("any text is either accepted as JSON.parse accepts it, or refused", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'{}[]",:0123-+.eE truefalsn\\u') })),
      (text) => {
        const result = parseStrict(text);
        if (isRejection(result)) return;
        assert.deepEqual(result.value, JSON.parse(text));
      },
    ),
    { numRuns: 2_000 },
  );
});

test("text that JSON.parse refuses is refused", () => {
  const bad = [
    "",
    " ",
    "{",
    "[",
    "[1,]",
    '{"a":1,}',
    "[,1]",
    "{a:1}",
    "'a'",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "--1",
    "NaN",
  ];
  bad.push(
    "Infinity",
    "tru",
    "nul",
    "[1 2]",
    '{"a" 1}',
    '{"a":}',
    '"\n"',
    '"\\x"',
    '"\\u12g4"',
    '"abc',
    "1 2",
    "\ufeff1",
  );
  for (const text of bad) {
    assert.throws(() => JSON.parse(text), text);
    assert.equal(code(text), "json_invalid", text);
  }
});

test("a key that is there twice is refused, however it is written", () => {
  assert.equal(code('{"a":1,"a":1}'), "json_duplicate_key");
  assert.equal(code('{"a":1,"\\u0061":2}'), "json_duplicate_key");
  assert.equal(code('[{"b":{"a":1,"c":0,"a":2}}]'), "json_duplicate_key");
  assert.equal(code('{"__proto__":1,"__proto__":2}'), "json_duplicate_key");
  assert.equal(code('[{"a":1},{"a":1}]'), "accepted");
  assert.equal(code('{"toString":1,"constructor":2,"hasOwnProperty":3}'), "accepted");
});

test("a lone surrogate is refused, raw or escaped, in keys and values", () => {
  for (const text of ['"\ud800"', '"\\ud800"', '"\\udc00\\ud800"', '{"\\ud83d":1}', '"a\udfff"']) {
    assert.equal(code(text), "json_lone_surrogate", text);
  }
  assert.deepEqual(parseStrict('"\\ud83d\\ude00😀"'), { value: "😀😀" });
});

test("a number that cannot be kept exactly is refused", () => {
  for (const text of ["9007199254740992", "-9007199254740992", "1e400", "-1e999", "1e21", "9007199254740993.0"]) {
    assert.equal(code(text), "json_unsafe_number", text);
  }
  for (const text of ["9007199254740991", "-9007199254740991", "0", "-0", "1e3", "0.1", "1.5e-7"]) {
    assert.equal(code(text), "accepted", text);
  }
});

test("depth and size are bounded before anything is built", () => {
  assert.equal(code("[".repeat(64) + "]".repeat(64)), "accepted");
  assert.equal(code("[".repeat(65) + "]".repeat(65)), "json_too_deep");
  assert.equal(code("[".repeat(900_000)), "json_too_deep");
  assert.equal(code('{"a":[{}]}', { depth: 2 }), "json_too_deep");
  assert.equal(code('"é"', { bytes: 4 }), "accepted");
  assert.equal(code('"é"', { bytes: 3 }), "too_large");
  assert.equal(code('"€"', { bytes: 4 }), "too_large");
  assert.equal(code('"😀"', { bytes: 6 }), "accepted");
  assert.equal(code('"😀"', { bytes: 5 }), "too_large");
  assert.equal(code(`"${"x".repeat(1_000_000)}"`), "too_large");
});

test("a __proto__ member stays a member and changes no prototype", () => {
  const result = parseStrict('{"__proto__":{"polluted":true},"a":1}');
  assert.ok(!isRejection(result));
  const value = result.value as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.keys(value), ["__proto__", "a"]);
  assert.equal((value as { polluted?: boolean }).polluted, undefined);
  assert.equal(canonicalize(value), '{"__proto__":{"polluted":true},"a":1}');
});

test("canonical text parses strictly to the same canonical text", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      fc.pre(safe(value));
      const text = canonicalize(value);
      const again = parseStrict(text);
      assert.ok(!isRejection(again));
      assert.equal(canonicalize(again.value), text);
    }),
  );
});

test("a refusal names the place", () => {
  assert.deepEqual(parseStrict('{"a":tru}'), {
    rejected: true,
    code: "json_invalid",
    message: 'not valid JSON: unexpected "t" at character 5',
  });
});
