import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import type { UpgradeDiff } from "./change.ts";
import { diffUpgrades } from "./diff.ts";
import { sideOf } from "./side.ts";

const NPUB = "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul";
const OTHER = "npub1f49ke5fkzqev4x7j46uajq92f4zan6kcpty5yvm5c3g6wf2dqanqn7qsy2";
const base = {
  id: "a.b",
  version: "1.0.0",
  title: "Mini",
  author: { npub: NPUB },
  capabilities: { platforms: ["macos", "linux"], backends: [] },
  permissions: { filesystem: [{ path: "~/notes/today/**", access: "read" }], network: ["api.example.com"] },
  schedule: { type: "cron", expression: "0 3 * * *", window: { start: "22:00", end: "06:00" } },
  pipeline: [
    { id: "read", op: "fs.read", path: "~/notes/today/a.txt" },
    { id: "ask", op: "http.request", url: "https://api.example.com/status" },
  ],
};
type Change = Readonly<Record<string, unknown>>;

function diff(before: Change, after: Change): UpgradeDiff {
  const [old, now] = [before, after].map((change) => sideOf(JSON.parse(JSON.stringify({ ...base, ...change }))));
  assert.ok(old !== undefined && !isRejection(old), JSON.stringify(old));
  assert.ok(now !== undefined && !isRejection(now), JSON.stringify(now));
  return diffUpgrades(old, now);
}
const names = ({ widened, narrowed, changed }: UpgradeDiff) => ({
  widened: widened.map(({ kind, subject }) => `${kind} ${subject}`),
  narrowed: narrowed.map(({ kind, subject }) => `${kind} ${subject}`),
  changed: changed.map(({ kind, subject }) => `${kind} ${subject}`),
});
/** A change that only widens one way narrows the other way. */
function mirrored(before: Change, after: Change, ...expected: readonly string[]): void {
  assert.deepEqual(names(diff(before, after)), { widened: expected, narrowed: [], changed: [] });
  assert.deepEqual(names(diff(after, before)), { widened: [], narrowed: expected, changed: [] });
}
const schedule = (rest: object): Change => ({ schedule: { ...base.schedule, ...rest } });
const pipeline = (...steps: readonly object[]): Change => ({ pipeline: [...base.pipeline, ...steps] });

test("the same manifest has no difference, however it is written", () => {
  const turned = Object.fromEntries(Object.entries(base).reverse());
  assert.deepEqual(diff({}, turned), { widened: [], narrowed: [], changed: [] });
});

test("what is not valid has no difference to anything", () => {
  const side = sideOf({ ...base, pipeline: [] });
  assert.ok(isRejection(side) && side.code === "schema_invalid");
});

test("a wider path says what it takes the place of, and is no new permission the other way", () => {
  const wide = { permissions: { ...base.permissions, filesystem: [{ path: "~/notes/**", access: "read" }] } };
  const { widened, narrowed } = diff({}, wide);
  assert.deepEqual(narrowed, []);
  assert.deepEqual(widened, [
    {
      kind: "filesystem:read",
      subject: "~/notes/**",
      before: "filesystem:read:~/notes/today/**",
      after: "filesystem:read:~/notes/**",
      sentence: "It may now read everything in ~/notes, before only ~/notes/today/**.",
    },
  ]);
  mirrored({}, wide, "filesystem:read ~/notes/**");
});

test("hosts, ops, environment, spending, publishing and processes widen and narrow", () => {
  const asks = (more: object): Change => ({ permissions: { ...base.permissions, ...more } });
  mirrored({}, asks({ network: ["api.example.com", "evil.example.net"] }), "network:egress evil.example.net");
  mirrored({}, asks({ network: ["*.example.com"] }), "network:egress *.example.com");
  mirrored({}, asks({ tools: ["git.clone"] }), "tool:invoke git.clone");
  mirrored({}, asks({ env: ["TOKEN"] }), "env:read TOKEN");
  mirrored({}, asks({ events: [1] }), "event:publish 1");
  mirrored({}, asks({ process: true }), "process:spawn ");
  mirrored(
    asks({ spend: { sats: 50, period: "day" } }),
    asks({ spend: { sats: 51, period: "day" } }),
    "wallet:spend 51/day",
  );
});

test("spending in another period is asked for anew, since neither covers the other", () => {
  const spend = (sats: number, period: string): Change => ({ permissions: { spend: { sats, period } } });
  const { widened, narrowed } = diff(spend(50, "day"), spend(1, "run"));
  assert.deepEqual([widened.length, narrowed.length], [1, 1]);
});

test("a higher price widens, a lower one narrows, and ways to pay that cannot be compared widen", () => {
  const price = (model: string, amount_sats: number): Change => ({ pricing: { model, amount_sats } });
  mirrored({}, price("per-run", 5), "price price");
  mirrored(price("per-run", 5), price("per-run", 6), "price price");
  mirrored({ pricing: { model: "free" } }, price("per-month", 900), "price price");
  assert.deepEqual(names(diff({ pricing: { model: "free" } }, {})), { widened: [], narrowed: [], changed: [] });
  for (const [a, b] of [
    [price("per-run", 5), price("per-month", 1)],
    [price("per-month", 1), price("per-run", 5)],
  ] as const) {
    assert.deepEqual(names(diff(a, b)).widened, ["price price"]);
  }
});

test("fewer runs without a licence widen, more narrow, beside the price", () => {
  const tries = (trial_runs?: number): Change => ({
    pricing: { model: "per-run", amount_sats: 5, ...(trial_runs === undefined ? {} : { trial_runs }) },
  });
  mirrored(tries(3), tries(2), "price trial_runs");
  mirrored(tries(1), tries(), "price trial_runs");
});

test("another author, another upgrade and an older version are never taken silently", () => {
  assert.deepEqual(names(diff({}, { author: { npub: OTHER } })).widened, ["author key"]);
  assert.deepEqual(names(diff({}, { id: "a.c" })).widened, ["author id"]);
  assert.deepEqual(names(diff({ version: "1.10.0" }, { version: "1.9.0" })).widened, ["version version"]);
  assert.deepEqual(names(diff({ version: "1.0.0" }, { version: "1.0.0-rc.1" })).widened, ["version version"]);
  assert.deepEqual(names(diff({ version: "1.9.0" }, { version: "1.10.0" })), {
    widened: [],
    narrowed: [],
    changed: ["version version"],
  });
});

test("starts are counted by the calendar: more often widens, another time of day is only a change", () => {
  const at = (expression: string): Change => schedule({ expression });
  mirrored({}, at("0 3,4 * * *"), "schedule times");
  mirrored(at("0 3 * * 1-5"), {}, "schedule times");
  mirrored(at("0 3 29 2 *"), at("0 3 1 1 *"), "schedule times");
  assert.deepEqual(names(diff({}, at("30 4 * * *"))).changed, ["schedule times"]);
  assert.deepEqual(names(diff({}, schedule({ timezone: "UTC" }))).changed, ["schedule times"]);
  mirrored({ schedule: { type: "manual" } }, { schedule: { type: "cron", expression: "0 3 1 1 *" } }, "schedule times");
});

test("a wider window widens, a narrower one narrows, one that only overlaps widens both ways", () => {
  const within = (start: string, end: string): Change => schedule({ window: { start, end } });
  mirrored(within("23:00", "05:00"), {}, "window window");
  mirrored({}, schedule({ window: undefined }), "window window");
  for (const [a, b] of [
    [within("22:00", "02:00"), within("23:00", "03:00")],
    [within("23:00", "03:00"), within("22:00", "02:00")],
  ] as const) {
    assert.deepEqual(names(diff(a, b)).widened, ["window window"]);
  }
});

test("a condition that no longer holds it back widens", () => {
  const only = (constraints: object): Change => schedule({ constraints });
  for (const name of ["plugged_in", "wifi_only", "suspend_if_active", "respect_dnd"]) {
    mirrored(only({ [name]: true }), only({ [name]: false }), `constraint ${name}`);
  }
  mirrored(only({ cpu_max_percentage: 20 }), only({ cpu_max_percentage: 90 }), "constraint cpu_max_percentage");
  mirrored(only({ cpu_max_percentage: 20 }), {}, "constraint cpu_max_percentage");
  mirrored({}, schedule({ on_unknown: "run" }), "constraint on_unknown");
  mirrored(schedule({ on_missed: "skip" }), {}, "schedule on_missed");
});

test("catching up on older starts widens, on younger ones only narrows, and an age nothing is measured by says nothing", () => {
  const age = (catch_up_max_age_h: number, on_missed = "catch_up"): Change =>
    schedule({ catch_up_max_age_h, on_missed });
  mirrored({}, age(169), "schedule catch_up_max_age_h");
  mirrored(age(24), {}, "schedule catch_up_max_age_h");
  const same = { widened: [], narrowed: [], changed: [] };
  assert.deepEqual(names(diff({}, age(168))), same);
  assert.deepEqual(names(diff(age(24, "skip"), age(48, "skip"))), same);
  assert.ok(
    diff({}, age(24)).narrowed.some(
      ({ sentence }) => sentence === "It catches up on starts it missed up to 24 h ago, before up to 7 days.",
    ),
  );
});

test("a new trigger widens", () => {
  const trigger = { triggers: [{ type: "file_change", glob: "~/notes/today/*.md" }] };
  mirrored({}, trigger, "trigger file_change");
});

test("within the same permissions, a new write outside widens", () => {
  const post = { id: "tell", op: "http.request", method: "POST", url: "https://api.example.com/in", body: "hello" };
  assert.deepEqual(names(diff({}, pipeline(post))).widened, ["external_write tell"]);
  assert.deepEqual(names(diff(pipeline(post), pipeline({ ...post, body: "other" }))).widened, ["external_write tell"]);
  assert.deepEqual(names(diff(pipeline(post), {})), { widened: [], narrowed: [], changed: ["step tell"] });
});

test("within the same permissions, data that flows out anew widens, also through a step that is the same", () => {
  const tell = { id: "tell", op: "http.request", url: "https://api.example.com/?q=${steps.read.content}" };
  assert.deepEqual(names(diff({}, pipeline(tell))).widened, ["data_flow tell"]);
  const other = { ...base.pipeline[0], path: "~/notes/today/secret.txt" };
  const moved = { pipeline: [other, base.pipeline[1], tell] };
  assert.deepEqual(names(diff(pipeline(tell), moved)), {
    widened: ["data_flow tell"],
    narrowed: [],
    changed: ["step read"],
  });
});

test("new names for the same steps are no new flow", () => {
  const tell = { id: "tell", op: "http.request", url: "https://api.example.com/?q=${steps.read.content}" };
  const renamed = [
    { ...base.pipeline[0], id: "load" },
    base.pipeline[1],
    { ...tell, id: "say", url: "https://api.example.com/?q=${steps.load.content}" },
  ];
  assert.deepEqual(diff(pipeline(tell), { pipeline: renamed }).widened, []);
});

test("an input that only the owner can give widens; one with a default is a change", () => {
  const input = (value: object): Change => ({ inputs: { name: value } });
  assert.deepEqual(names(diff({}, input({ type: "string" }))).widened, ["input name"]);
  assert.deepEqual(names(diff({}, input({ type: "string", default: "x" }))).changed, ["input name"]);
  assert.deepEqual(names(diff(input({ type: "string" }), {})).narrowed, ["input name"]);
  assert.deepEqual(names(diff(input({ type: "string" }), input({ type: "integer" }))).widened, ["input name"]);
});

test("policy: a promise that goes, longer retention and more telemetry widen", () => {
  const policy = (value: object): Change => ({ policy: value });
  mirrored(policy({ aup_flags: ["no_legal_advice"] }), policy({ aup_flags: [] }), "policy no_legal_advice");
  mirrored({}, policy({ aup_flags: ["explicit_content"] }), "policy explicit_content");
  mirrored(policy({ data_retention_days: 7 }), policy({ data_retention_days: 30 }), "policy data_retention_days");
  mirrored(policy({ data_retention_days: 7 }), {}, "policy data_retention_days");
  mirrored({}, policy({ telemetry_level: "full" }), "policy telemetry_level");
  assert.deepEqual(diff({}, policy({ telemetry_level: "loud" })).widened, []);
});

test("after how many failures it is rolled back is a change, since the owner's own number counts before it", () => {
  const number = (rollback_after_failures: number): Change => ({ policy: { rollback_after_failures } });
  assert.deepEqual(names(diff({}, number(2))), {
    widened: [],
    narrowed: [],
    changed: ["policy rollback_after_failures"],
  });
  assert.deepEqual(names(diff(number(5), number(2))).changed, ["policy rollback_after_failures"]);
  assert.deepEqual(names(diff(number(2), number(2))).changed, []);
});

test("what an owner does not agree to is a change: texts, machines it needs, shares of the price", () => {
  const after = {
    title: "Other",
    capabilities: { platforms: ["linux"], backends: ["ollama"], requires: { ram_mb: 8_000 } },
    license: "MIT",
  };
  assert.deepEqual(names(diff({}, after)), {
    widened: [],
    narrowed: [],
    changed: ["requirement platforms", "requirement backends", "requirement requires", "text title", "text license"],
  });
});

test("the three templates differ from one another without a fall", () => {
  const folder = new URL("../../schemas/examples/upgrades/", import.meta.url);
  const sides = ["nightly-index", "release-watch", "repo-digest"].map((name) =>
    sideOf(JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"))),
  );
  for (const a of sides) {
    for (const b of sides) {
      assert.ok(!isRejection(a) && !isRejection(b));
      const { widened, narrowed, changed } = diffUpgrades(a, b);
      assert.equal(widened.length + narrowed.length + changed.length > 0, a !== b);
    }
  }
});
