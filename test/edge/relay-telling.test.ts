import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { type Connection, newConnection, setSubscription } from "../../edge/relay/connection.ts";
import { closeMissed } from "../../edge/relay/deliveries.ts";
import { answerRoom, findAcross } from "../../edge/relay/fan-out.ts";
import { heardNews } from "../../edge/relay/heard-news.ts";
import { shardCalls } from "../../edge/relay/shard-calls.ts";
import { type Fresh, gatherTasks } from "../../edge/relay/shard-tasks.ts";
import { createRelayTables, storeEvents } from "../../edge/relay/store.ts";
import { answeredBefore, catchUp, liveFrame, newSubscription } from "../../edge/relay/subscription.ts";
import { type News, tellDoors } from "../../edge/relay/tell-doors.ts";

/** What a shard tells its doors, where a door is slow or away, and what a door that is told hears. */
// The shard says in its log what a door did not hear.
beforeEach(() => void mock.method(console, "error", () => undefined));

/** A shard's store in memory, and what was stored there just now. */
function shard(): { sql: Sql; store: (...contents: readonly string[]) => readonly Fresh[] } {
  const sql = openSqlite(":memory:");
  createRelayTables(sql);
  const store = (...contents: readonly string[]): readonly Fresh[] =>
    contents.map((content) => {
      // Nothing here looks at a signature: it stands for an event that a boundary has verified.
      const id = sha256Hex(content + Math.random());
      const event = { id, pubkey: "a".repeat(64), kind: 1, created_at: 1, tags: [], content, sig: "" } as const;
      const [mark] = storeEvents(sql, [event as unknown as VerifiedEvent], 1);
      assert.ok(typeof mark === "number");
      return { raw: JSON.stringify(event), mark };
    });
  return { sql, store };
}
const passing = (content: string): Fresh => ({ raw: JSON.stringify({ content }), mark: null });

/** What a door was told: of contents, and whether it missed something. */
interface Call {
  readonly told: readonly string[];
  readonly missed: boolean;
}

/** A door that answers as it is told to: a failure, or whether it wants to hear more. */
function door(...answers: ("fails" | boolean)[]): { calls: Call[]; port: () => { deliver: typeof deliver } } {
  const calls: Call[] = [];
  async function deliver(_shard: number, { fresh, missed }: News): Promise<boolean> {
    calls.push({ told: fresh.map(({ raw }) => (JSON.parse(raw) as NostrEvent).content), missed });
    const answer = answers.shift() ?? true;
    if (answer === "fails") throw new Error("the door is away");
    return answer;
  }
  return { calls, port: () => ({ deliver }) };
}

test("a door that could not be told is told again, at once and then when the shard settles, with all that came meanwhile", async () => {
  const { calls, port } = door("fails", true, "fails", "fails", "fails", "fails");
  const { sql, store } = shard();
  const told = tellDoors(sql, 1, port);
  told.listen("far");
  await told.tell(store("one"));
  assert.deepEqual(calls.splice(0), [
    { told: ["one"], missed: false },
    { told: ["one"], missed: false },
  ]);
  await told.tell(store("two"));
  assert.equal(calls.splice(0).length, 2);
  await told.tell(store("three"));
  assert.deepEqual(calls, [], "it is not called without end");
  const waits = [await told.settle(), await told.settle()];
  assert.deepEqual(waits, [LIMITS.relay_handover_retry_ms, null]);
  assert.deepEqual(calls.at(-1), { told: ["two", "three"], missed: false });
});

test("for a door that stays away a shard wakes ever more seldom, also where it slept meanwhile, and not for ever", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1 });
  const { sql, store } = shard();
  let isAway = true;
  const port = () => ({
    deliver: async () => {
      if (isAway) throw new Error("the door is away");
      return true;
    },
  });
  tellDoors(sql, 1, port).listen("far");
  store("one");
  const waits: number[] = [];
  for (;;) {
    const wait_ms = await tellDoors(sql, 1, port).settle();
    if (wait_ms === null) break;
    waits.push(wait_ms);
    mock.timers.tick(wait_ms);
  }
  assert.deepEqual(
    waits.slice(0, 4),
    [1, 1, 2, 4].map((times) => times * LIMITS.relay_handover_retry_ms),
  );
  assert.ok(waits.length < 20, `it wakes ${waits.length} times`);
  const told = tellDoors(sql, 1, port);
  assert.equal(told.owes(), true, "it is told when the shard wakes for another reason");
  isAway = false;
  assert.equal(await told.settle(), null);
  assert.equal(told.owes(), false);
  isAway = true;
  await told.tell(store("two"));
  assert.equal(await told.settle(), LIMITS.relay_handover_retry_ms, "it is new that it is away");
  mock.timers.reset();
});

test("a shard that starts anew tells its doors what they are not known to have heard, and nothing where all is known", async () => {
  const { sql, store } = shard();
  const first = door();
  const before = tellDoors(sql, 1, first.port);
  before.listen("far");
  await before.tell(store("one"));
  assert.equal(await before.settle(), null);
  await before.tell(store("two"));
  store("three");
  const { calls, port } = door();
  const again = tellDoors(sql, 1, port);
  assert.equal(again.owes(), true);
  assert.equal(await again.settle(), null);
  assert.deepEqual(calls, [{ told: ["two", "three"], missed: false }]);
  assert.equal(tellDoors(sql, 1, port).owes(), false);
});

test("a door that lacks too much is told that it missed something, and then what comes next", async () => {
  const { sql, store } = shard();
  const { calls, port } = door();
  store("heard");
  tellDoors(sql, 1, port).listen("far");
  sql.run("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'relay_events'", LIMITS.relay_owed_events);
  store("many");
  const told = tellDoors(sql, 1, port);
  await told.settle();
  await told.tell(store("next"));
  assert.deepEqual(calls, [
    { told: [], missed: true },
    { told: ["next"], missed: false },
  ]);
});

test("a door that is slow hears all that is stored in order, from the store where memory has no room, and each call is bounded", async () => {
  let go = (): void => undefined;
  const waits = new Promise<void>((resolve) => {
    go = resolve;
  });
  const heard: string[] = [];
  const calls: number[] = [];
  const { sql, store } = shard();
  const told = tellDoors(sql, 1, () => ({
    deliver: async (_shard, { fresh, missed }) => {
      assert.equal(missed, false);
      if (heard.length === 0) await waits;
      heard.push(...fresh.map(({ raw }) => (JSON.parse(raw) as NostrEvent).content.slice(0, 2)));
      calls.push(fresh.reduce((sum, { raw }) => sum + raw.length, 0));
      return true;
    },
  }));
  told.listen("far");
  const telling = told.tell(store("00"));
  const each = LIMITS.relay_outbox_chars / 10;
  const names = Array.from({ length: 24 }, (_, index) => String(index + 1).padStart(2, "0"));
  for (const name of names) void told.tell(store(name + "x".repeat(each)));
  go();
  await telling;
  assert.deepEqual(heard, ["00", ...names]);
  assert.ok(calls.every((chars) => chars <= LIMITS.relay_call_chars));
});

test("an ephemeral event is told once at most: where it may be lost the door is told that something is", async () => {
  const { calls, port } = door("fails");
  const { sql, store } = shard();
  const told = tellDoors(sql, 1, port);
  told.listen("far");
  await told.tell([passing("gone"), ...store("kept")]);
  assert.deepEqual(calls, [
    { told: ["kept", "gone"], missed: false },
    { told: ["kept"], missed: true },
  ]);
});

test("a door that wants no more is forgotten, unless it has asked again meanwhile", async () => {
  const { calls, port } = door(false);
  const { sql, store } = shard();
  const told = tellDoors(sql, 1, port);
  told.listen("far");
  await told.tell(store("one"));
  await told.tell(store("two"));
  assert.equal(calls.length, 1);
  told.listen("far");
  await told.tell(store("three"));
  assert.deepEqual(calls.at(-1), { told: ["three"], missed: false });
});

test("a door passes over what it has heard, also after it slept, and notices a shard that was set back", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const sql = openSqlite(":memory:");
  const fresh = (...marks: readonly (number | null)[]): readonly Fresh[] => marks.map((mark) => ({ raw: "{}", mark }));
  const marksOf = (first: readonly Fresh[] | null) => first?.map(({ mark }) => mark) ?? null;
  const hear = heardNews(sql, true);
  const news = (mark: number, ...marks: readonly (number | null)[]): News => ({
    fresh: fresh(...marks),
    mark,
    missed: false,
  });
  assert.deepEqual(marksOf(hear(1, news(5, 3, 5, null))), [3, 5, null]);
  assert.deepEqual(marksOf(hear(1, news(6, 3, 5, 6))), [6]);
  assert.deepEqual(marksOf(hear(2, news(6, 3, 5, 6))), [3, 5, 6]);
  mock.timers.tick(LIMITS.relay_heard_ms);
  const awake = heardNews(sql, false);
  assert.deepEqual(marksOf(awake(1, news(7, 5, 6, 7))), [7]);
  assert.equal(awake(1, news(4, 4)), null);
  assert.deepEqual(marksOf(awake(1, news(5, 5))), [5]);
  assert.deepEqual(marksOf(heardNews(sql, true)(1, news(5, 5))), [5], "nobody is left who heard it");
  mock.timers.reset();
});

test("what is new of a shard and did not arrive closes the subscriptions that waited for it, and no others", () => {
  const key = (first: string): string => first.repeat(64);
  const [here, elsewhere] = [
    { authors: [key("5")], tags: {} },
    { authors: [key("f")], tags: {} },
  ];
  const connection: Connection = newConnection("c", "relay.example", null);
  const answering = newSubscription([here]);
  setSubscription(connection, "told", answeredBefore([elsewhere, here]));
  setSubscription(connection, "all", answeredBefore([{ tags: {} }]));
  setSubscription(connection, "other", answeredBefore([elsewhere]));
  setSubscription(connection, "words", answeredBefore([{ search: "digest", tags: {} }]));
  setSubscription(connection, "answering", answering);
  // A socket is a name here: nothing is sent through it.
  const socket = {} as WebSocket;
  const sent: string[] = [];
  const saved: string[] = [];
  closeMissed(
    new Map([[socket, connection]]),
    { shard: 1, count: 4 },
    (_, frame) => void sent.push(frame),
    (_socket, _connection, changed) => void saved.push(changed),
  );
  const reason = "rate-limited: some new events did not arrive: ask again";
  assert.deepEqual(sent, [JSON.stringify(["CLOSED", "told", reason]), JSON.stringify(["CLOSED", "all", reason])]);
  assert.deepEqual([...connection.subscriptions.keys()], ["other", "words", "answering"]);
  assert.deepEqual(saved, ["told", "all"]);
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
    raws: async (_count: number, seqs: readonly number[], chars: number) => {
      const some = seqs.slice(0, Math.floor(chars / raw.length)).map((seq) => `${raw}${shard} ${seq}`);
      fetched += some.reduce((sum, { length }) => sum + length, 0);
      return some;
    },
  });
  const tasks = gatherTasks(shards, null, shardCalls(portOf));
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
    const tasks = gatherTasks(
      1,
      null,
      shardCalls(() => ({ perform, raws: async () => [raw] })),
    );
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
