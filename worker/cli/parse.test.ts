import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { leadingWords, parseCommandLine, suggestion } from "./parse.ts";

const command = {
  words: ["do", "it"],
  options: {
    name: { type: "text", value: "X", summary: "" },
    many: { type: "text", value: "X", summary: "", repeat: true },
    count: { type: "integer", value: "N", summary: "", min: 0, max: 9, default: 4 },
    dry: { type: "flag", summary: "" },
    must: { type: "text", value: "X", summary: "", required: true },
  },
  arguments: { first: { summary: "First" }, rest: { summary: "Rest", optional: true, repeat: true } },
} as const;

function parse(...argv: readonly string[]) {
  const parsed = parseCommandLine(["do", "it", ...argv], command);
  return isRejection(parsed) ? parsed.message : parsed;
}

test("values come as declared, in any order, with = or a space", () => {
  const parsed = parse("--must=a", "x", "--many", "1", "y", "--many=2", "--dry", "--json");
  assert.ok(typeof parsed !== "string");
  const { name, many, count, dry, must } = parsed.options;
  assert.deepEqual(
    { name, many, count, dry, must },
    { name: undefined, many: ["1", "2"], count: 4, dry: true, must: "a" },
  );
  assert.deepEqual(parsed.args, { first: "x", rest: ["y"] });
  assert.equal(parsed.globals.json, true);
});

test("what comes after -- is never an option, and an = value may look like one", () => {
  const parsed = parse("--must=--odd", "--", "--first", "--json");
  assert.ok(typeof parsed !== "string");
  assert.equal(parsed.options.must, "--odd");
  assert.deepEqual(parsed.args, { first: "--first", rest: ["--json"] });
  assert.equal(parsed.globals.json, false);
});

test("an option's value is never taken for the help option", () => {
  const parsed = parse("--must", "-h", "x");
  assert.ok(typeof parsed !== "string");
  assert.deepEqual([parsed.options.must, parsed.globals.help], ["-h", false]);
});

test("help needs nothing else to be right that is only missing", () => {
  const parsed = parse("--help");
  assert.ok(typeof parsed !== "string" && parsed.globals.help);
});

test("names of Object's own members are no options", () => {
  for (const name of ["constructor", "__proto__", "toString"])
    assert.match(String(parse(`--${name}`)), /unknown option/);
});

for (const value of ["1e1", "0x1", " 1", "1.5", "-1", "10", "", "1_0"]) {
  test(`${JSON.stringify(value)} is not a whole number from 0 to 9`, () => {
    assert.match(String(parse("--must=a", "x", `--count=${value}`)), /must be a whole number from 0 to 9/);
  });
}

test("the words of a command end at its first own option", () => {
  assert.deepEqual(leadingWords(["--json", "--data", "dir", "market", "list", "--tag", "x"]), ["market", "list"]);
  assert.deepEqual(leadingWords(["--data=dir", "runs", "--", "x"]), ["runs"]);
});

test("only what is close is suggested", () => {
  assert.equal(suggestion("instal", ["install", "runs"], "oa "), " (did you mean oa install?)");
  assert.equal(suggestion("zzzz", ["install", "runs"], "oa "), "");
});
