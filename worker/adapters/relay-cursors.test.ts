import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { relayCursors } from "./relay-cursors.ts";
import { openSqlite } from "./sqlite.ts";

test("a relay is read on from where it was left, and never from before it was wanted", () => {
  const sql = openSqlite(":memory:");
  const cursors = relayCursors(sql, "install_1/0", 1_000);
  assert.equal(cursors.get("wss://a/", "s"), 1_000);
  cursors.set("wss://a/", "s", 5_000);
  assert.equal(cursors.get("wss://a/", "s"), 5_000);
  assert.equal(cursors.get("wss://b/", "s"), 1_000);
  assert.equal(relayCursors(sql, "install_1/0", 1_000).get("wss://a/", "s"), 5_000);
  assert.equal(relayCursors(sql, "install_1/0", 9_000).get("wss://a/", "s"), 9_000);
  assert.equal(relayCursors(sql, "install_2/0", 0).get("wss://a/", "s"), 0);
  sql.close();
});

test("it is written now and then only, and never goes back", () => {
  const sql = openSqlite(":memory:");
  const cursors = relayCursors(sql, "x", 0);
  cursors.set("wss://a/", "s", 5_000);
  cursors.set("wss://a/", "s", 5_000 + LIMITS.trigger_cursor_step_s - 1);
  assert.equal(cursors.get("wss://a/", "s"), 5_000);
  cursors.set("wss://a/", "s", 4_000);
  assert.equal(cursors.get("wss://a/", "s"), 5_000);
  cursors.set("wss://a/", "s", 5_000 + LIMITS.trigger_cursor_step_s);
  assert.equal(cursors.get("wss://a/", "s"), 5_000 + LIMITS.trigger_cursor_step_s);
  sql.close();
});
