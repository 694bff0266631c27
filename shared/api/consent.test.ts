import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpgradeSchedule } from "../generated/types.ts";
import { declaredSentences, whenSentence } from "./consent.ts";

test("the owner reads everything that starts a run before agreeing", () => {
  const files = { type: "file_change", glob: "/home/ann/src/**" } as const;
  const notes = { type: "nostr_event", filter: { kinds: [1], "#t": ["reindex", "go"] } } as const;
  assert.equal(whenSentence({ type: "manual" }, []), "only when you start it");
  assert.equal(
    whenSentence({ type: "event" }, [files, notes]),
    "when a file changes that matches /home/ann/src/**, or a Nostr event of kind 1 with #t reindex or go is published",
  );
  assert.equal(
    whenSentence({ type: "manual" }, [files]),
    "when you start it; also when a file changes that matches /home/ann/src/**",
  );
  assert.equal(
    whenSentence({ type: "cron", expression: "0 2 * * *", timezone: "UTC" }, [
      { type: "nostr_event", filter: { kinds: [1, 6] } },
    ]),
    "on the schedule 0 2 * * * (UTC); also when a Nostr event of kind 1 or 6 by anybody is published",
  );
});

test("the owner reads what holds a start back, and what becomes of one that was missed", () => {
  const nightly = { type: "cron", expression: "0 2 * * *", timezone: "UTC" } as const;
  const window = { start: "01:00", end: "05:00" };
  const all = { plugged_in: true, wifi_only: true, suspend_if_active: true, respect_dnd: true, cpu_max_percentage: 60 };
  const when = (more: Partial<UpgradeSchedule>, triggers: Parameters<typeof whenSentence>[1] = []): string =>
    whenSentence({ ...nightly, ...more }, triggers);
  assert.equal(
    when({ window, constraints: all }),
    "on the schedule 0 2 * * * (UTC), only between 01:00 and 05:00, only while the machine is plugged in, it is on Wi-Fi, nobody is using the machine, do-not-disturb is off and its processor is at most 60 % busy",
  );
  assert.equal(
    when({ constraints: { wifi_only: true }, on_unknown: "run" }),
    "on the schedule 0 2 * * * (UTC), only while it is on Wi-Fi (what cannot be measured does not hold it back)",
  );
  assert.equal(when({ constraints: { plugged_in: false } }), "on the schedule 0 2 * * * (UTC)");
  assert.equal(
    when({ catch_up_max_age_h: 12, on_missed: "catch_up" }),
    "on the schedule 0 2 * * * (UTC), catching up on a start it missed up to 12 h ago",
  );
  assert.equal(
    when({ catch_up_max_age_h: 12, on_missed: "skip" }),
    "on the schedule 0 2 * * * (UTC), never catching up on a start it missed",
  );
});

test("what holds triggers back is told after them, and what its owner starts is held back by nothing", () => {
  const files = { type: "file_change", glob: "/src/**" } as const;
  const held = { window: { start: "22:00", end: "06:00" }, constraints: { plugged_in: true } };
  assert.equal(whenSentence({ type: "manual", ...held }, []), "only when you start it");
  const by_itself = "by itself only between 22:00 and 06:00, only while the machine is plugged in";
  const changed = "when a file changes that matches /src/**";
  assert.equal(whenSentence({ type: "event", ...held }, [files]), `${changed}; ${by_itself}`);
  assert.equal(whenSentence({ type: "manual", ...held }, [files]), `when you start it; also ${changed}; ${by_itself}`);
  assert.equal(
    whenSentence({ type: "cron", expression: "@daily", timezone: "UTC", ...held }, [files]),
    `on the schedule @daily (UTC); also ${changed}; ${by_itself}`,
  );
});

test("the owner reads what the author declares of it, and nothing where nothing is declared", () => {
  assert.deepEqual(declaredSentences({}), []);
  assert.deepEqual(declaredSentences({ policy: {} }), []);
  const policy = {
    aup_flags: ["no_legal_advice", "collects_names"],
    data_retention_days: 14,
    telemetry_level: "basic",
  };
  assert.deepEqual(declaredSentences({ policy }), [
    "It says of its use: no legal advice, collects names.",
    "What its runs gave is deleted after 14 days.",
    "Its runs send basic telemetry to a collector of yours, where you have set one up, and nowhere else.",
  ]);
  const none = declaredSentences({ policy: { data_retention_days: 1, telemetry_level: "loud" } });
  assert.deepEqual(none, ["What its runs gave is deleted after one day.", "Its runs send no telemetry."]);
});
