import assert from "node:assert/strict";
import { test } from "node:test";
import { array, property as check, constantFrom, oneof, assert as property, string } from "fast-check";
import type { Json } from "./json.ts";
import { Fault, isRejection } from "./refusal.ts";
import { escapeTemplate, parseTemplate, resolvePartly, resolveWiring } from "./wiring.ts";

const scope = {
  inputs: { n: 3, list: ["a", "b"], text: "hi", evil: "${run.id}", cost: "5$" },
  steps: new Map([["clone", { commit: "abc", nested: { deep: [1, { x: null }] } }]]),
  run: { id: "run_1" },
};
const resolved = (value: Json): Json => resolveWiring(value, scope);
const code = (text: string): string => {
  const parts = parseTemplate(text);
  return isRejection(parts) ? parts.code : "ok";
};

test("a string that is exactly one reference keeps the value's type", () => {
  assert.equal(resolved("${inputs.n}"), 3);
  assert.deepEqual(resolved("${inputs.list}"), ["a", "b"]);
  assert.equal(resolved("${steps.clone.nested.deep.1.x}"), null);
  assert.equal(resolved("${run.id}"), "run_1");
});

test("within longer text a value becomes text, and structures become canonical JSON", () => {
  assert.equal(resolved("n=${inputs.n} ${steps.clone.commit}"), "n=3 abc");
  assert.equal(resolved("${inputs.list}!"), '["a","b"]!');
});

test("references are found in lists and objects, and keys are left alone", () => {
  assert.deepEqual(resolved({ "${inputs.n}": ["${inputs.n}"], plain: true }), { "${inputs.n}": [3], plain: true });
});

test("doubled dollars before a brace are literal", () => {
  assert.equal(resolved("$${inputs.n}"), "${inputs.n}");
  assert.equal(resolved("$$${inputs.n}"), "$3");
  assert.equal(resolved("$$$${x}"), "$${x}");
  assert.equal(resolved("a $ b $$ c {d}"), "a $ b $$ c {d}");
});

test("what a value contains is never read as a template", () => {
  assert.equal(resolved("${inputs.evil}"), "${run.id}");
  const partly = resolvePartly(["${inputs.evil}", "x ${inputs.evil} ${run.id}"], (reference) =>
    reference.root === "inputs" ? scope.inputs.evil : undefined,
  );
  assert.deepEqual(resolved(partly), ["${run.id}", "x ${run.id} run_1"]);
});

test("a value that ends in a dollar does not turn the next reference into text", () => {
  const partly = resolvePartly("${inputs.cost}${run.id}", (reference) =>
    reference.root === "inputs" ? scope.inputs.cost : undefined,
  );
  assert.equal(resolved(partly), "5$run_1");
});

test("malformed references are refused", () => {
  for (const text of [
    "${",
    "a ${inputs.x",
    "${}",
    "${inputs}",
    "${inputs.a.b}",
    "${steps.x}",
    "${run.pid}",
    "${env.HOME}",
    "${inputs. x}",
    "${inputs.a-}${",
  ]) {
    assert.equal(code(text), "reference_invalid", text);
  }
});

test("a value that the run does not have fails the step for good", () => {
  for (const text of [
    "${inputs.absent}",
    "${steps.clone.absent}",
    "${steps.absent.x}",
    "${steps.clone.commit.length}",
    "${steps.clone.constructor}",
    "${inputs.__proto__}",
  ]) {
    assert.throws(
      () => resolved(text),
      (error) => error instanceof Fault && error.code === "reference_unresolved" && !error.retryable,
    );
  }
});

test("any text comes back from its escaped form", () => {
  const piece = oneof(string(), constantFrom("$", "{", "}", "${", "inputs.n"));
  property(
    check(array(piece), (pieces) => {
      assert.equal(resolved(escapeTemplate(pieces.join(""))), pieces.join(""));
    }),
  );
});

test("filling in a part first and the rest later gives the same as all at once", () => {
  const piece = oneof(constantFrom("$", "$$", "{", "}", "${inputs.v}", "${run.id}", "a"));
  property(
    check(array(piece, { maxLength: 8 }), oneof(string(), constantFrom("$", "${run.id}", "$$")), (pieces, value) => {
      const text = pieces.join("");
      if (isRejection(parseTemplate(text))) return;
      const whole = { ...scope, inputs: { v: value } };
      const partly = resolvePartly(text, (reference) => (reference.root === "inputs" ? value : undefined));
      assert.equal(resolveWiring(partly, whole), resolveWiring(text, whole));
    }),
  );
});
