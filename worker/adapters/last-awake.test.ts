import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { lastAwake } from "./last-awake.ts";

test("a folder knows when its worker last looked, to the second, and nothing before that", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "oa-awake-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const awake = lastAwake(folder);
  assert.equal(awake.last_ms(), null);
  for (const at of ["2026-03-08T02:00:07Z", "2025-01-01T00:00:00Z"]) {
    awake.touch(Date.parse(at));
    assert.equal(Math.round((lastAwake(folder).last_ms() ?? 0) / 1_000), Date.parse(at) / 1_000);
  }
  assert.equal(statSync(join(folder, "awake")).size, 0);
});

test("what cannot be noted is a fault that names the file", () => {
  assert.throws(
    () => lastAwake("/nowhere/at/all").touch(1_000),
    (error) => error instanceof Fault && /nowhere/.test(error.message),
  );
  assert.equal(lastAwake("/nowhere/at/all").last_ms(), null);
});
