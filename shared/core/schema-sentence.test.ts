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

test("of several forms the one that was meant is spoken of", () => {
  const step = (command: object): string => {
    assert.ok(!validators.isControlRunStep({ command }));
    return schemaSentence(validators.isControlRunStep.errors, { what: "the body" });
  };
  assert.equal(step({ step_id: "a" }), "/command/type is missing, or is no text");
  assert.equal(step({ type: "explode" }), "/command/type is not one that this version knows");
  assert.equal(step({ type: "log", step_id: "a", level: "info" }), "/command/line is missing");
});

test("an instant is asked for by an example", () => {
  const asked = { expression: "0 2 * * *", timezone: "UTC", from: "2026-02-30T00:00:00Z", count: 1 };
  assert.ok(!validators.isControlSchedulePreview(asked));
  assert.equal(
    schemaSentence(validators.isControlSchedulePreview.errors, { what: "the body" }),
    "/from must be an instant like 2026-03-08T02:00:00Z",
  );
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
