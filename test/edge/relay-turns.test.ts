import assert from "node:assert/strict";
import { after, before, beforeEach, mock, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { shardCalls } from "../../edge/relay/shard-calls.ts";
import type { ShardPort } from "../../edge/relay/shard-tasks.ts";
import { takingTurns } from "../../edge/relay/turns.ts";

/** How a door shares itself among those who speak to it, and what it does with a shard that fails. */
test("each sender has its turn, and what one says stays in order", () => {
  const turns = takingTurns<string>({ chars: 1_000_000, in_hand: 1_000 });
  for (let index = 0; index < 100; index += 1) turns.put("greedy", `${index}`);
  for (const text of ["a", "b"]) turns.put("calm", text);
  assert.deepEqual(
    turns.take(6).map(({ text }) => text),
    ["0", "1", "2", "a", "b"],
  );
  assert.deepEqual(
    turns.take(3).map(({ text }) => text),
    ["3", "4", "5"],
  );
  turns.put("calm", "c");
  assert.deepEqual(
    turns.take(2).map(({ text }) => text),
    ["6", "c"],
  );
});

test("with more senders than places each still has its turn", () => {
  const turns = takingTurns<number>({ chars: 1_000_000, in_hand: 1_000 });
  for (const round of [1, 2]) for (let sender = 0; sender < 5; sender += 1) turns.put(sender, `${sender} ${round}`);
  const taken = [turns.take(3), turns.take(3), turns.take(3), turns.take(3)].flat().map(({ text }) => text);
  assert.deepEqual(taken.slice(0, 5).toSorted(), ["0 1", "1 1", "2 1", "3 1", "4 1"]);
  assert.equal(taken.length, 10);
  assert.equal(turns.isWaiting(), false);
});

test("nobody holds more of the room, or has more in hand, than is free for others, and gives back what is done", () => {
  const turns = takingTurns<string>({ chars: 30_000, in_hand: 8 });
  const text = "x".repeat(800);
  let greedy = 0;
  while (turns.put("greedy", text)) greedy += 1;
  assert.ok(greedy >= 10 && greedy <= 15, `${greedy}`);
  assert.equal(turns.put("calm", text), true);
  const taken = turns.take(100);
  const of = (sender: string) => taken.filter((said) => said.sender === sender);
  assert.equal(of("greedy").length, 4);
  assert.equal(of("calm").length, 1);
  assert.deepEqual(turns.take(100), []);
  for (const said of of("greedy")) turns.answered(said);
  assert.equal(turns.take(100).length, 3);
  for (const said of taken) turns.left(said);
  turns.drop("greedy");
  assert.equal(turns.isWaiting(), false);
  let again = 0;
  while (turns.put("other", text)) again += 1;
  assert.ok(again >= 10, `${again}`);
});

// What a failing shard's caller says in its log is expected here.
beforeEach(() => void mock.method(console, "error", () => undefined));
before(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
after(() => mock.timers.reset());

/** A fake shard: a stub answers as it is told to, and one that hangs never does. */
function fakeShard(...stubs: readonly ("hangs" | "fails" | "answers")[]) {
  const made: string[] = [];
  const rest = [...stubs];
  const portOf = (): ShardPort => {
    const how = rest.shift() ?? "answers";
    made.push(how);
    return {
      perform: async () => [],
      raws: (_count, seqs) => {
        if (how === "hangs" && seqs[0] !== 0) return new Promise(() => undefined);
        if (how === "fails") return Promise.reject(new Error("the stub is broken"));
        return Promise.resolve([how]);
      },
    };
  };
  return { made, called: shardCalls(portOf) };
}
/** A call that hangs in a stub that hangs, unless it asks for the event at 0. */
const ask = (called: ReturnType<typeof shardCalls>, shard = 1, seq = 1) =>
  called(shard, (port) => port.raws(4, [seq], 1));
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

test("a call to a shard that hangs ends, the next goes through a fresh stub, and other shards are not touched", async () => {
  const { made, called } = fakeShard("hangs");
  const hung = ask(called);
  assert.deepEqual(await ask(called, 2), { answer: ["answers"] });
  mock.timers.tick(LIMITS.relay_silent_ms);
  assert.deepEqual(await hung, { made: true });
  assert.deepEqual(await ask(called), { answer: ["answers"] });
  assert.deepEqual(made, ["hangs", "answers", "answers"]);
});

test("a shard that stays silent gets one call at a time, and all others end at once", async () => {
  const { made, called } = fakeShard("hangs", "hangs");
  const first = [ask(called), ask(called)];
  mock.timers.tick(LIMITS.relay_silent_ms);
  assert.deepEqual(await Promise.all(first), [{ made: true }, { made: true }]);
  const probe = ask(called);
  assert.deepEqual(await ask(called), { made: false });
  mock.timers.tick(LIMITS.relay_silent_ms);
  assert.deepEqual(await probe, { made: true });
  assert.deepEqual(await ask(called), { answer: ["answers"] });
  assert.deepEqual(await Promise.all([ask(called), ask(called)]), [{ answer: ["answers"] }, { answer: ["answers"] }]);
  assert.equal(made.length, 3);
});

test("a shard that answers others is busy and not silent; a call that it never answers ends all the same", async () => {
  const { called } = fakeShard("hangs");
  let ended = false;
  const hung = ask(called).finally(() => {
    ended = true;
  });
  for (let ms = 0; ms + 1_000 < LIMITS.relay_answer_ms; ms += 1_000) {
    mock.timers.tick(1_000);
    assert.deepEqual(await ask(called, 1, 0), { answer: ["hangs"] });
    await settled();
    assert.equal(ended, false, `after ${ms} ms`);
  }
  mock.timers.tick(1_000);
  assert.deepEqual(await hung, { made: true });
});

test("a stub of a shard that has started anew is replaced and the call made again, once; an overloaded one is left alone", async () => {
  const { made, called } = fakeShard("answers", "fails");
  let broken: "fails" | "overloaded" | null = null;
  const call = () =>
    called(1, (port) => {
      const [how, error] = [broken, new Error("the object started anew")];
      broken = null;
      if (how === "overloaded") Object.assign(error, { overloaded: true });
      return how === null ? port.raws(4, [1], 1) : Promise.reject(error);
    });
  assert.deepEqual(await call(), { answer: ["answers"] });
  broken = "overloaded";
  assert.deepEqual(await call(), { made: true });
  assert.deepEqual(await call(), { made: true }, "a fresh stub that fails is no stale one");
  assert.deepEqual(await call(), { answer: ["answers"] });
  broken = "fails";
  assert.deepEqual(await call(), { answer: ["answers"] });
  assert.deepEqual(made, ["answers", "fails", "answers", "answers"]);
});
