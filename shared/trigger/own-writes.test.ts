import assert from "node:assert/strict";
import { test } from "node:test";
import { mayChange } from "./own-writes.ts";

test("a run may change what it watches where its writes could fall among it, or where it is not sure", () => {
  const watched = "/home/ann/src/**/*.ts";
  const yes = [
    "filesystem:write:/home/ann/src/out.ts",
    "filesystem:write:/home/ann/src/gen/**",
    "filesystem:write:/home/ann/**",
    "filesystem:write:/**",
    "filesystem:write:/home/ann/src",
    "process:spawn",
  ];
  const no = [
    "filesystem:read:/home/ann/src/**",
    "filesystem:write:/home/ann/out/**",
    "filesystem:write:/home/ann/src2/**",
    "network:egress:example.com",
  ];
  for (const permission of yes) assert.ok(mayChange([permission], watched), permission);
  for (const permission of no) assert.ok(!mayChange([permission], watched), permission);
  assert.ok(!mayChange(no, watched));
  assert.ok(mayChange(["filesystem:write:/home/ann/a\\*b/**"], "/home/ann/a\\*b/*"));
});
