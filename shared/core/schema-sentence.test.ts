import assert from "node:assert/strict";
import { test } from "node:test";
import validators from "../generated/validators.cjs";
import { schemaSentence } from "./schema-sentence.ts";

const sentence = (value: unknown, quoting = true): string => {
  assert.ok(!validators.isWorkerConfig(value));
  return schemaSentence(validators.isWorkerConfig.errors, { what: "it", ...(quoting ? { value } : {}) });
};

test("what is wrong is said with its place, what may stand there, and what does", () => {
  assert.equal(sentence({ zone: "moon" }), '/zone must be one of sandbox, supervised, high_stakes, not "moon"');
  assert.equal(sentence({ port: "x" }), '/port must be of type integer, not "x"');
  assert.equal(sentence({ port: 70_000 }), "/port must be at most 65535, not 70000");
  assert.equal(sentence({ prot: 1 }), "/prot is not a field this version knows");
  assert.equal(sentence({ "a/b": 1 }), "/a~1b is not a field this version knows");
  assert.equal(sentence([]), "it must be of type object");
  assert.equal(schemaSentence(null, { what: "the body" }), "the body is not valid");
});

test("what is missing is named", () => {
  assert.ok(!validators.isPolicyAction({}));
  assert.equal(schemaSentence(validators.isPolicyAction.errors, { what: "it" }), "/action_type is missing");
});

test("a value is not quoted where it was not given, or may be a secret", () => {
  assert.equal(sentence({ zone: "moon" }, false), "/zone must be one of sandbox, supervised, high_stakes");
  for (const secret of [`nsec1${"q".repeat(58)}`, "http://ann:pass@host.example"]) {
    const said = sentence({ zone: secret });
    assert.ok(!said.includes(secret), said);
  }
});
