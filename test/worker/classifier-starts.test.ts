import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { AupFinding } from "@oa/shared/policy/aup/assess.ts";
import type { PlacedText } from "@oa/shared/policy/aup/manifest-texts.ts";
import { type KeptAnswers, keptAnswers } from "@oa/worker/adapters/kept-answers.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { openCompliance } from "@oa/worker/engine/compliance.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";

/** A FAKE model: counts what it is asked, and answers, finds or fails as it is told. */
function fakeClassifier(id = "small-1") {
  const asked: (readonly PlacedText[])[] = [];
  const told: { answer: readonly AupFinding[] | Fault } = { answer: [] };
  const classifier = {
    ...{ name: "ollama", id },
    classify: async (texts: readonly PlacedText[]) => {
      asked.push(texts);
      if (told.answer instanceof Fault) throw told.answer;
      return told.answer;
    },
  };
  return { classifier, asked, told };
}
const OFF = new Fault("backend_unavailable", "ollama does not answer");
const FRAUD = [{ category: "fraud", severity: "high", explanation: "it lures", where: "/pipeline/0/prompt" }] as const;
const never = new AbortController().signal;
const thinks = (prompt: string) =>
  manifestOf([{ id: "think", op: "model.generate", backend: "ollama", prompt, max_tokens: 10 }] as never, {
    tools: ["model.generate"],
  });

/** A worker whose starts are judged by the fake: each of a new install of the same, which is never carried out. */
function startsWith(fake: ReturnType<typeof fakeClassifier>, answers: KeptAnswers | null, now_ms = 1_766_000_000_000) {
  const clock = { now_ms: () => now_ms, sleep: async () => {} };
  const world = openRunWorld({
    ops: {},
    clock: clock as never,
    compliance: openCompliance("permissive", fake.classifier, () => {}, answers),
  });
  const start = async (reason: "manual" | "schedule" = "manual") => {
    const answer = await world.engine.start(world.install(thinks("Say hello")), reason);
    return isRejection(answer) ? answer.code : "started";
  };
  return { world, start, pass_ms: (ms: number) => (now_ms += ms) };
}

test("a start asks the model once, and another start, or another worker over the same data, does not", async () => {
  const answers = keptAnswers(openSqlite(":memory:"));
  const fake = fakeClassifier();
  const first = startsWith(fake, answers);
  assert.deepEqual([await first.start(), await first.start()], ["started", "started"]);
  assert.equal(fake.asked.length, 1);
  fake.told.answer = OFF;
  const later = startsWith(fake, answers);
  assert.deepEqual([await later.start(), fake.asked.length], ["started", 1]);
  for (const { world } of [first, later]) world.close();
});

test("a start is refused in every mode while the model gives no answer, and passes once it does", async () => {
  const fake = fakeClassifier();
  fake.told.answer = OFF;
  const { world, start } = startsWith(fake, keptAnswers(openSqlite(":memory:")));
  assert.equal(await start(), "classifier_unavailable");
  fake.told.answer = [];
  assert.equal(await start(), "started");
  world.close();
});

test("what starts by itself does not wait for a silent model again and again", async () => {
  const fake = fakeClassifier();
  fake.told.answer = OFF;
  const { world, start, pass_ms } = startsWith(fake, null);
  assert.deepEqual([await start("schedule"), await start("schedule")], Array(2).fill("classifier_unavailable"));
  assert.equal(fake.asked.length, 1);
  fake.told.answer = [];
  pass_ms(LIMITS.aup_classifier_retry_ms);
  assert.deepEqual([await start("schedule"), fake.asked.length], ["started", 2]);
  world.close();
});

test("a model that denies what is installed already stops its starts, and its answer is kept too", async () => {
  const fake = fakeClassifier();
  fake.told.answer = FRAUD;
  const answers = keptAnswers(openSqlite(":memory:"));
  const { world, start } = startsWith(fake, answers);
  assert.deepEqual([await start(), await start(), fake.asked.length], ["policy_denied", "policy_denied", 1]);
  world.close();
});

test("a changed prompt, changed inputs and another model are asked about anew; no answer is never kept", async () => {
  const answers = keptAnswers(openSqlite(":memory:"));
  const fake = fakeClassifier();
  const gate = openCompliance("strict", fake.classifier, () => {}, answers);
  const verdicts: string[] = [];
  const judge = async (prompt: string, inputs = {}, by = gate) => {
    verdicts.push((await by.manifest(thinks(prompt), inputs, never)).verdict);
    return fake.asked.length;
  };
  fake.told.answer = OFF;
  assert.equal(await judge("Say hello"), 1);
  fake.told.answer = [];
  assert.deepEqual([await judge("Say hello"), await judge("Say hello")], [2, 2]);
  assert.equal(await judge("Say goodbye"), 3);
  assert.equal(await judge("Say hello", { topic: "rivers" }), 4);
  const other = fakeClassifier("small-2");
  await judge(
    "Say hello",
    {},
    openCompliance("strict", other.classifier, () => {}, answers),
  );
  assert.equal(other.asked.length, 1);
  assert.deepEqual(verdicts, ["deny", ...Array(5).fill("allow")]);
});

test("what a model wrote is asked about each time: it would push manifests out", async () => {
  const fake = fakeClassifier();
  const gate = openCompliance("strict", fake.classifier, () => {}, keptAnswers(openSqlite(":memory:")));
  for (const _ of [1, 2]) await gate.texts([{ where: "", text: "Three new commits." }], never);
  assert.equal(fake.asked.length, 2);
});

test("so many answers are kept and no more, and those that were asked for last stay", () => {
  const database = openSqlite(":memory:");
  const answers = keptAnswers(database);
  const most = LIMITS.aup_answers_kept;
  for (let n = 0; n < most; n += 1) answers.keep(`${n}`, []);
  assert.deepEqual(answers.get("0"), []);
  answers.keep("new", FRAUD);
  assert.deepEqual([answers.get("0"), answers.get("1"), answers.get("new")], [[], null, FRAUD]);
  assert.equal(database.all("SELECT key FROM aup_answers").length, most);
});
