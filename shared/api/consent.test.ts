import assert from "node:assert/strict";
import { test } from "node:test";
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

test("the owner reads what the author declares of it, and nothing where nothing is declared", () => {
  assert.deepEqual(declaredSentences({}), []);
  assert.deepEqual(declaredSentences({ policy: {} }), []);
  const policy = {
    aup_flags: ["no_legal_advice", "collects_names"],
    data_retention_days: 14,
    telemetry_level: "basic",
  };
  assert.deepEqual(declaredSentences({ policy }), [
    "It carries the policy flags no_legal_advice, collects_names.",
    "What its runs gave is deleted after 14 days.",
    "Its telemetry is basic.",
  ]);
});
