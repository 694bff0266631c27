import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { type Connection, newConnection } from "../../edge/relay/connection.ts";
import { closeMissed } from "../../edge/relay/deliveries.ts";
import { answerRoom, findAcross } from "../../edge/relay/fan-out.ts";
import { gatherTasks } from "../../edge/relay/shard-tasks.ts";
import { answeredBefore, catchUp, liveFrame, newSubscription } from "../../edge/relay/subscription.ts";
import { tellDoors } from "../../edge/relay/tell-doors.ts";

/** What a shard tells its doors, where a door is slow or away. */
const FROM = { shard: 1, door: "own" };
const fresh = (raw: string) => ({ raw, mark: 1 });
const memory = (): Sql => openSqlite(":memory:");

// The shard says in its log what a door did not hear.
beforeEach(() => void mock.method(console, "error", () => undefined));

interface Call {
  readonly raws: readonly string[];
  readonly missed: boolean;
}

/** A door that answers as it is told to: a failure, or whether it wants to hear more. */
function door(answers: ("fails" | boolean)[]): { calls: Call[]; port: () => { deliver: typeof deliver } } {
  const calls: Call[] = [];
  async function deliver(_shard: number, events: readonly { raw: string }[], missed: boolean): Promise<boolean> {
    calls.push({ raws: events.map(({ raw }) => raw), missed });
    const answer = answers.shift() ?? true;
    if (answer === "fails") throw new Error("the door is away");
    return answer;
  }
  return { calls, port: () => ({ deliver }) };
}

test("a door that could not be told is told that it missed something, in the next call and once", async () => {
  const { calls, port } = door(["fails"]);
  const told = tellDoors(memory(), port);
  told.listen("far");
  await told.tell(FROM, [fresh("one")]);
  await told.tell(FROM, [fresh("two")]);
  assert.deepEqual(calls, [
    { raws: ["one"], missed: false },
    { raws: [], missed: true },
    { raws: ["two"], missed: false },
  ]);
});

test("a door that stays away is not called without end, and learns what it missed when it is back", async () => {
  const { calls, port } = door(["fails", "fails", "fails", "fails"]);
  const told = tellDoors(memory(), port);
  told.listen("far");
  await told.tell(FROM, [fresh("one")]);
  assert.equal(calls.length, 2);
  await told.tell(FROM, [fresh("two")]);
  assert.equal(calls.length, 4);
  await told.tell(FROM, [fresh("three")]);
  assert.deepEqual(calls.at(-1), { raws: ["three"], missed: true });
});

test("a door that is too slow for all that is new learns that some of it was left out", async () => {
  let go = (): void => undefined;
  const waits = new Promise<void>((resolve) => {
    go = resolve;
  });
  const calls: Call[] = [];
  const told = tellDoors(memory(), () => ({
    deliver: async (_shard, events, missed) => {
      calls.push({ raws: events.map(({ raw }) => raw.slice(0, 1)), missed });
      if (calls.length === 1) await waits;
      return true;
    },
  }));
  told.listen("far");
  const telling = told.tell(FROM, [fresh("a")]);
  const half = LIMITS.relay_outbox_chars / 2;
  await told.tell(FROM, [fresh("b".repeat(half))]);
  await told.tell(FROM, [fresh("c".repeat(half))]);
  await told.tell(FROM, [fresh("d")]);
  go();
  await telling;
  assert.deepEqual(calls, [
    { raws: ["a"], missed: false },
    { raws: ["b"], missed: true },
    { raws: ["c"], missed: false },
  ]);
});

test("a door that wants no more is forgotten, unless it has asked again meanwhile", async () => {
  const { calls, port } = door([false]);
  const told = tellDoors(memory(), port);
  told.listen("far");
  await told.tell(FROM, [fresh("one")]);
  await told.tell(FROM, [fresh("two")]);
  assert.equal(calls.length, 1);
  told.listen("far");
  await told.tell(FROM, [fresh("three")]);
  assert.deepEqual(calls.at(-1), { raws: ["three"], missed: false });
});

test("what is new of a shard and did not arrive closes the subscriptions that waited for it, and no others", () => {
  const key = (first: string): string => first.repeat(64);
  const [here, elsewhere] = [
    { authors: [key("5")], tags: {} },
    { authors: [key("f")], tags: {} },
  ];
  const connection: Connection = newConnection("c", "relay.example", null);
  const answering = newSubscription([here]);
  connection.subscriptions.set("told", answeredBefore([elsewhere, here]));
  connection.subscriptions.set("all", answeredBefore([{ tags: {} }]));
  connection.subscriptions.set("other", answeredBefore([elsewhere]));
  connection.subscriptions.set("words", answeredBefore([{ search: "digest", tags: {} }]));
  connection.subscriptions.set("answering", answering);
  // A socket is a name here: nothing is sent through it.
  const socket = {} as WebSocket;
  const sent: string[] = [];
  let saved = 0;
  closeMissed(
    new Map([[socket, connection]]),
    { shard: 1, count: 4 },
    (_, frame) => void sent.push(frame),
    () => {
      saved += 1;
    },
  );
  const reason = "rate-limited: some new events did not arrive: ask again";
  assert.deepEqual(sent, [JSON.stringify(["CLOSED", "told", reason]), JSON.stringify(["CLOSED", "all", reason])]);
  assert.deepEqual([...connection.subscriptions.keys()], ["other", "words", "answering"]);
  assert.equal(saved, 1);
  assert.equal(catchUp("answering", answering, new Map()), null);
});

test("what waits for a stored answer is bounded by number and by size; beyond it the client asks again", () => {
  const live = (raw: string) => ({ event: {} as NostrEvent, raw, shard: 1, mark: 1 });
  const waitFor = (count: number, raw: string) => {
    const subscription = newSubscription([{ tags: {} }]);
    for (let index = 0; index < count; index += 1) assert.equal(liveFrame("s", subscription, live(raw)), null);
    return { held: subscription.waiting?.length, frames: catchUp("s", subscription, new Map())?.length ?? null };
  };
  const most = LIMITS.relay_waiting_events;
  assert.deepEqual(waitFor(most, "1"), { held: most, frames: most });
  assert.deepEqual(waitFor(most + 1, "1"), { held: 0, frames: null });
  const large = "e".repeat(LIMITS.relay_waiting_chars / 4);
  assert.deepEqual(waitFor(4, large), { held: 4, frames: 4 });
  assert.deepEqual(waitFor(6, large), { held: 0, frames: null });
});

test("an answer of many large events is fetched a share at a time from each shard, whole and in order", async () => {
  const shards = 4;
  const each = 100;
  const raw = "e".repeat(LIMITS.relay_message_chars / 4);
  let fetched = 0;
  const portOf = (shard: number) => ({
    perform: async () => {
      const rows = Array.from({ length: each }, (_, seq) => {
        const created_at = 1_000_000 - seq * shards - shard;
        return { seq, created_at, id: `${shard} ${seq}`, rank: null, filters: 1, raw: null };
      });
      return [{ rows, mark: each }];
    },
    raws: async (seqs: readonly number[], chars: number) => {
      const some = seqs.slice(0, Math.floor(chars / raw.length)).map((seq) => `${raw}${shard} ${seq}`);
      fetched += some.reduce((sum, { length }) => sum + length, 0);
      return some;
    },
  });
  const tasks = gatherTasks(shards, null, portOf);
  const asked = findAcross(tasks, [{ kinds: [1], limit: 500, tags: {} }], "edge", false);
  tasks.send();
  const found = await asked;
  assert.ok("raws" in found);
  const expected = Array.from(
    { length: shards * each },
    (_, index) => `${index % shards} ${Math.floor(index / shards)}`,
  );
  assert.deepEqual(
    found.raws.map((one) => one.slice(raw.length)),
    expected.slice(0, found.raws.length),
  );
  const answered = found.raws.reduce((sum, { length }) => sum + length, 0);
  assert.ok(answered > LIMITS.relay_answer_chars - 2 * raw.length && answered <= LIMITS.relay_answer_chars);
  assert.ok(fetched <= LIMITS.relay_answer_chars + LIMITS.relay_call_chars, `${fetched} characters were fetched`);
});

test("answers that have not left hold no more together than there is room for, and give it back", async () => {
  const raw = "e".repeat(100);
  const row = { seq: 1, created_at: 1, id: "a", rank: null, filters: 1 };
  const rows = [
    { ...row, raw },
    { ...row, seq: 2, id: "b", raw: null },
  ];
  const ask = async (room: ReturnType<typeof answerRoom>) => {
    const perform = async () => [{ rows, mark: 2 }];
    const tasks = gatherTasks(1, null, () => ({ perform, raws: async () => [raw] }));
    const asked = findAcross(tasks, [{ kinds: [1], tags: {} }], new Set<string>(), true, room);
    tasks.send();
    return asked;
  };
  const room = answerRoom(350);
  const first = await ask(room);
  assert.ok("held" in first);
  assert.deepEqual([first.raws.length, first.held], [2, 200]);
  for (const _ of [1, 2]) {
    const second = await ask(room);
    assert.ok("code" in second);
    assert.equal(second.code, "busy");
  }
  room.give(first.held);
  assert.ok("held" in (await ask(room)));
  assert.equal(room.take(151), false);
  assert.equal(room.take(150), true);
});
