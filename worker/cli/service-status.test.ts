import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "./service-status.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const running = { running: true, pid: 77, last_exit: 1, last_signal: null, restarting: false };
const ended = { running: false, pid: null, last_exit: 3, last_signal: null, restarting: false };
const refused = { code: "config_invalid", message: "config.json: port must be a number" } as const;

test("a service that holds itself back says until when and after how many crashes, not that it runs", () => {
  const noted = { crashes: 3, waiting_until_ms: NOW + 40_000 };
  assert.match(stateOf(running, noted, null, NOW), /^waiting until \d\d:\d\d \(in 40 s\) after 4 crashes$/);
  // Its process is gone: what it waited for is no state any more.
  assert.equal(stateOf(ended, noted, null, NOW), "not running; it ended with status 3");
});

test("wrong settings are told as such with their sentence, whether it waits for others or has ended", () => {
  const noted = { crashes: 0, refused };
  const sentence = "config.json: port must be a number (config_invalid)";
  assert.equal(stateOf(running, noted, null, NOW), `waiting until its settings are right: ${sentence}`);
  assert.equal(
    stateOf(ended, noted, null, NOW),
    `not running; it ended with status 3, since its settings are wrong: ${sentence}`,
  );
});

test("one that is up says where, whatever came before it", () => {
  const url = "http://127.0.0.1:6767";
  assert.equal(stateOf(running, { crashes: 2 }, url, NOW), `running (pid 77, ${url})`);
  assert.equal(stateOf(running, null, null, NOW), "running (pid 77)");
  assert.equal(stateOf({ ...ended, last_exit: null }, null, null, NOW), "not running");
});

test("one that was killed says by what, and whether it is started again", () => {
  const killed = { ...ended, last_exit: null, last_signal: "SIGKILL" };
  assert.equal(stateOf(killed, null, null, NOW), "not running; SIGKILL killed it");
  const again = { ...killed, restarting: true };
  assert.equal(
    stateOf(again, { crashes: 0 }, null, NOW),
    "not running; SIGKILL killed it; it is started again within 10 s",
  );
});
