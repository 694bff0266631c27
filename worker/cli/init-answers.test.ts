import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { askForAnswers } from "./init-answers.ts";

const NONE = { template: undefined, id: undefined, title: undefined };
const { signal } = new AbortController();

/** A FAKE terminal that is given its lines one by one, each once it was asked for. */
function terminal(...lines: readonly string[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const questions: string[] = [];
  const left = [...lines];
  output.setEncoding("utf8").on("data", (text: string) => {
    if (!text.includes(": ")) return;
    questions.push(text);
    const next = left.shift();
    if (next === undefined) input.end();
    else input.write(`${next}\n`);
  });
  return { input, output, questions };
}

test("what was not given is asked for, one question each, an empty template being the first", async () => {
  const screen = terminal("", " me.watch ", "My watch");
  assert.deepEqual(await askForAnswers(NONE, screen, signal), {
    ...{ template: "nightly-index", id: "me.watch", title: "My watch" },
  });
  assert.equal(screen.questions.length, 3);
  const one = terminal("My watch");
  const given = { template: "release-watch", id: "me.watch", title: undefined };
  assert.deepEqual(await askForAnswers(given, one, signal), { ...given, title: "My watch" });
  assert.equal(one.questions.length, 1);
});

test("nothing is asked for where all was given, or where there is no terminal", async () => {
  const given = { template: "repo-digest", id: "a", title: "b" };
  const screen = terminal();
  assert.deepEqual(await askForAnswers(given, screen, signal), given);
  assert.deepEqual(screen.questions, []);
  for (const missing of [
    { ...given, id: undefined },
    { ...given, title: undefined },
  ]) {
    const answer = await askForAnswers(missing, null, signal);
    assert.ok(isRejection(answer) && answer.code === "usage");
  }
  assert.deepEqual(await askForAnswers({ ...given, template: undefined }, null, signal), {
    ...{ ...given, template: "nightly-index" },
  });
});

test("another template, an empty name and a terminal that goes away write nothing", async () => {
  for (const [lines, code] of [
    [["weekly-poem", "a", "b"], "usage"],
    [["", "", "b"], "usage"],
    [["", "a", ""], "usage"],
    [["", "a"], "canceled"],
  ] as const) {
    const answer = await askForAnswers(NONE, terminal(...lines), signal);
    assert.ok(isRejection(answer) && answer.code === code, lines.join("|"));
  }
});
