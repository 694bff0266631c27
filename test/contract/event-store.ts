/** What every event store must do, whatever database is under it. Run by Node and inside a Durable Object. */
import assert from "node:assert/strict";
import type { Decider } from "@oa/shared/core/decider.ts";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { verifyChain } from "@oa/shared/core/hash-chain.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import type { Projection } from "@oa/shared/core/projection.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type CounterEvent, context, counter, given, totals } from "./counter.ts";
import { SQL_CONTRACT } from "./sql.ts";
import { SUBJECTS_CONTRACT } from "./subjects.ts";

const rows = (sql: Sql) =>
  sql.all<{ subject_id: string; total: number }>("SELECT * FROM proj_totals ORDER BY 1").map((row) => ({ ...row }));
const count = (sql: Sql) => sql.all<{ n: number }>("SELECT count(*) AS n FROM evt_events")[0]?.n;
/** Does what the log's triggers forbid, as somebody with the file in hands could. */
function tamper(sql: Sql, statement: string): void {
  sql.run("DROP TRIGGER evt_events_no_update");
  sql.run("DROP TRIGGER evt_events_no_delete");
  sql.run(statement);
}

export const EVENT_STORE_CONTRACT: Readonly<Record<string, (open: () => Sql) => void>> = {
  "numbers a stream without gaps and chains each hash to the one before": (open) => {
    const { store, add } = given(open());
    for (const amount of [1, 2, 3]) add(amount);
    const events = store.byStream("workspace/ws_test", 0, 100);
    assert.deepEqual(
      events.map((event) => event.stream_seq),
      [1, 2, 3],
    );
    assert.deepEqual(
      events.map((event) => event.prev_event_hash),
      [null, events[0]?.event_hash, events[1]?.event_hash],
    );
    assert.deepEqual(store.verify(), { ok: true, events: 3, first_bad: null });
    assert.equal(store.load(counter, "counter_1").total, 6);
  },
  "is verified as it was when that began, though it grows in the pauses": (open) => {
    const { store, add } = given(open());
    for (let count = 0; count < 501; count += 1) add(1);
    const verifying = store.verifying();
    let pauses = 0;
    let step = verifying.next();
    for (; step.done !== true; step = verifying.next()) {
      pauses += 1;
      add(1);
    }
    assert.ok(pauses > 1);
    assert.deepEqual(step.value, { ok: true, events: 501, first_bad: null });
    assert.equal(store.verify().events, 501 + pauses);
  },
  "returns what it recorded exactly as it reads it back, keys in the same order": (open) => {
    const { store, add } = given(open());
    const recorded = add(5, "counter_1", 'a note with ünïcode, \u2028 and "quotes"');
    assert.deepEqual(recorded, store.bySubject("counter_1"));
    assert.ok(!isRejection(recorded));
    assert.equal(JSON.stringify(recorded[0]?.data), JSON.stringify(store.bySubject("counter_1")[0]?.data));
  },
  "hashes the canonical form of an event, whatever its envelope has": (open) => {
    const { sql, store } = given(open());
    const odd = { ...context, actor_id: 'a "quoted"\u2028 \u00e9', stream_id: "ws\\test" };
    for (const [at, more] of [
      {},
      { causation_id: "c_0" },
      { idempotency_key: "once" },
      { causation_id: "c", idempotency_key: "k" },
    ].entries()) {
      store.handle({ ...odd, ...more }, [task(counter, `counter_${at}`, { type: "add", amount: at, note: "n" })]);
    }
    const bodies = sql.all<{ body: string }>("SELECT body FROM evt_events ORDER BY position").map(({ body }) => body);
    assert.equal(bodies.length, 4);
    for (const body of bodies) assert.equal(body, canonicalize(JSON.parse(body)));
    assert.deepEqual(
      Object.keys(JSON.parse(bodies[3] ?? "")).length,
      Object.keys(JSON.parse(bodies[0] ?? "")).length + 2,
    );
  },
  "orders two streams apart and verifies both": (open) => {
    const { store } = given(open());
    for (const stream_id of ["a", "b", "a"]) {
      store.handle({ ...context, stream_type: "room", stream_id }, [task(counter, "c", { type: "add", amount: 1 })]);
    }
    assert.deepEqual(
      store.heads().map((head) => [head.stream, head.seq]),
      [
        ["room/a", 2],
        ["room/b", 1],
      ],
    );
    assert.equal(store.verify().ok, true);
    assert.equal([...store.after(1)].length, 2);
    assert.equal(store.byStream("room/a", 1, 10).length, 1);
  },
  "writes nothing when a rule says no": (open) => {
    const { sql, store, add } = given(open());
    add(1);
    store.handle(context, [task(counter, "counter_1", { type: "close" })]);
    const answer = add(1);
    assert.ok(isRejection(answer) && answer.code === "not_found");
    assert.equal(count(sql), 2);
  },
  "takes several commands together, all or none": (open) => {
    const { sql, store } = given(open());
    store.handle(context, [task(counter, "b", { type: "close" })]);
    const answer = store.handle(context, [
      task(counter, "a", { type: "add", amount: 1 }),
      task(counter, "b", { type: "add", amount: 1 }),
    ]);
    assert.ok(isRejection(answer));
    assert.equal(count(sql), 1);
    assert.deepEqual(rows(sql), []);
  },
  "lets a later command see what an earlier one of the same call decided": (open) => {
    const { sql, store } = given(open());
    const answer = store.handle(context, [
      task(counter, "a", { type: "close" }),
      task(counter, "a", { type: "add", amount: 1 }),
    ]);
    assert.ok(isRejection(answer));
    assert.equal(count(sql), 0);
  },
  "rolls the events back when a projection fails, and folds on from the truth": (open) => {
    const { sql, store, add } = given(open());
    add(1);
    assert.equal(store.load(counter, "counter_1").total, 1);
    assert.throws(() => add(666), /the projection fails/);
    assert.equal(count(sql), 1);
    add(2);
    assert.equal(store.load(counter, "counter_1").total, 3);
    assert.equal(store.verify().ok, true);
  },
  "forgets a folded state whose transaction was rolled back around it": (open) => {
    const { sql, store, add } = given(open());
    assert.throws(() =>
      sql.transaction(() => {
        add(10);
        assert.equal(store.load(counter, "counter_1").total, 10);
        throw new Error("outer");
      }),
    );
    assert.equal(store.load(counter, "counter_1").total, 0);
    add(3);
    assert.equal(store.load(counter, "counter_1").total, 3);
  },
  "sees what another store wrote to the same log, and chains on from it": (open) => {
    const { sql, store, add } = given(open());
    const { store: other, add: addThere } = given(sql);
    assert.equal(other.load(counter, "counter_1").total, 0);
    add(1);
    assert.equal(other.load(counter, "counter_1").total, 1);
    addThere(2);
    addThere(10, "counter_2");
    add(4);
    for (const one of [store, other]) {
      assert.equal(one.load(counter, "counter_1").total, 7);
      assert.equal(one.load(counter, "counter_2").total, 10);
      assert.deepEqual(one.verify(), { ok: true, events: 4, first_bad: null });
    }
  },
  "sees the same within one transaction, and what was rolled back in it": (open) => {
    const { sql, store, add } = given(open());
    const { store: other, add: addThere } = given(sql);
    const undone = () => sql.transaction(() => assert.fail(`undone: ${add(10)}`));
    sql.transaction(() => {
      for (const write of [add, addThere, add]) write(1);
      assert.equal(other.load(counter, "counter_1").total, 3);
      assert.throws(undone, /undone/);
      assert.equal(store.load(counter, "counter_1").total, 3);
    });
    assert.equal(store.verify().events, 3);
  },
  "folds a subject for every rule that reads it, whichever of them wrote": (open) => {
    const { store, add } = given(open());
    const events: Decider<number, CounterEvent, never> = { initial: 0, evolve: (count) => count + 1, decide: () => [] };
    const read = () => [store.load(counter, "counter_1").total, store.load(events, "counter_1")];
    assert.deepEqual(read(), [0, 0]);
    add(5);
    assert.deepEqual(read(), [5, 1]);
    add(6);
    assert.deepEqual(read(), [11, 2]);
  },
  "rebuilds projections to the state they had": (open) => {
    const { sql, store, add } = given(open());
    for (let index = 0; index < 1200; index += 1)
      add(index === 666 ? 0 : index, `counter_${index % 7}`, `note ${index}`);
    const live = rows(sql);
    assert.equal(live.length, 7);
    sql.run("UPDATE proj_totals SET total = 0");
    store.rebuild();
    assert.deepEqual(rows(sql), live);
  },
  "makes a projection again from the log when its tables or its rules have changed": (open) => {
    const { sql, add } = given(open());
    for (const amount of [1, 2, 3]) add(amount);
    const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    const wider: Projection = {
      ...totals,
      ddl: ["CREATE TABLE IF NOT EXISTS proj_totals (subject_id TEXT PRIMARY KEY, total INTEGER, events INTEGER)"],
      apply: (into, event) =>
        into.run(
          `INSERT INTO proj_totals VALUES (?, 0, 1) ON CONFLICT (subject_id) DO UPDATE SET events = events + 1`,
          event.subject_id,
        ),
    };
    openEventStore(sql, [wider], random, {});
    assert.equal(sql.all<{ events: number }>("SELECT events FROM proj_totals")[0]?.events, 3);
    openEventStore(sql, [{ ...wider, apply: () => {} }], random, {});
    assert.equal(sql.all("SELECT events FROM proj_totals").length, 1, "nothing has changed that a store can see");
    openEventStore(sql, [{ ...wider, version: 2, apply: () => {} }], random, {});
    assert.deepEqual(sql.all("SELECT events FROM proj_totals"), []);
  },
  "makes a projection's indexes for readers after its replay": (open) => {
    const { sql, add } = given(open());
    for (const amount of [1, 2, 3]) add(amount);
    const indexes = () => sql.all("SELECT name FROM sqlite_master WHERE name = 'proj_totals_total'").length;
    const seen: number[] = [];
    const apply: Projection["apply"] = (into, event) => {
      seen.push(indexes());
      totals.apply(into, event);
    };
    const reading_ddl = ["CREATE INDEX IF NOT EXISTS proj_totals_total ON proj_totals (total)"];
    const live = rows(sql);
    openEventStore(sql, [{ ...totals, reading_ddl, apply }], (count) => new Uint8Array(count), {});
    assert.deepEqual([seen, indexes(), rows(sql)], [[0, 0, 0], 1, live]);
  },
  "keeps the state of a long history between starts, and no other's": (open) => {
    const { sql, store, add } = given(open());
    const evolved: number[] = [];
    const counted = { ...counter, stored_as: "counter/1" };
    counted.evolve = (state, event) => {
      evolved.push(1);
      return counter.evolve(state, event);
    };
    sql.transaction(() => {
      for (let index = 0; index < 1_000; index += 1) add(1);
    });
    assert.equal(store.load(counted, "counter_1").total, 1_000);
    assert.equal(evolved.length, 1_000);
    const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    const again = () => openEventStore(sql, [totals], random, { "counter.added": ["note"] });
    add(5);
    assert.equal(again().load(counted, "counter_1").total, 1_005);
    assert.equal(evolved.length, 1_001);
    assert.equal(again().load({ ...counted, stored_as: "counter/2" }, "counter_1").total, 1_005);
    assert.equal(evolved.length, 2_002, "another version folds from the first event");
    assert.equal(again().load(counter, "counter_1").total, 1_005);
  },
  "appends nothing for a repeated idempotency key, and answers with the first events": (open) => {
    const { sql, store } = given(open());
    const keyed = { ...context, idempotency_key: "run_1/step_1" };
    const first = store.handle(keyed, [task(counter, "a", { type: "add", amount: 1 })]);
    const second = store.handle(keyed, [task(counter, "a", { type: "add", amount: 99 })]);
    assert.deepEqual(second, first);
    assert.equal(count(sql), 1);
    store.handle({ ...keyed, stream_id: "other" }, [task(counter, "a", { type: "add", amount: 1 })]);
    assert.equal(count(sql), 2);
  },
  "refuses UPDATE and DELETE on the log": (open) => {
    const { sql, add } = given(open());
    add(1);
    assert.throws(() => sql.run("UPDATE evt_events SET body = '{}'"), /append-only/);
    assert.throws(() => sql.run("DELETE FROM evt_events"), /append-only/);
  },
  "keeps the chain valid when a sealed value is deleted": (open) => {
    const { sql, store, add } = given(open());
    add(1, "counter_1", "secret");
    assert.ok(!JSON.stringify(sql.all("SELECT body FROM evt_events")).includes("secret"));
    assert.deepEqual(store.bySubject("counter_1")[0]?.data, { amount: 1, note: "secret", zone: 1 });
    sql.run("DELETE FROM evt_sealed");
    assert.equal(store.verify().ok, true);
    assert.deepEqual(store.bySubject("counter_1")[0]?.data, { amount: 1, zone: 1 });
  },
  "finds a changed sealed value": (open) => {
    const { sql, store, add } = given(open());
    add(1, "counter_1", "secret");
    sql.run("UPDATE evt_sealed SET fields = replace(fields, 'secret', 'other')");
    assert.equal(store.verify().first_bad?.code, "sealed_mismatch");
  },
  "finds sealed values that are none any more, and never takes them for deleted ones": (open) => {
    for (const [from, to] of [
      ['"secret"', "\u0000"],
      ['"salt"', '"sblt"'],
      ['"value"', '"valve"'],
    ] as const) {
      const { sql, store, add } = given(open());
      sql.run("DELETE FROM evt_sealed");
      add(1, "counter_1", "secret");
      sql.run("UPDATE evt_sealed SET fields = replace(fields, ?, ?)", from, to);
      assert.equal(store.verify().first_bad?.code, "sealed_mismatch");
    }
  },
  "says that the database is damaged where an event cannot be read": (open) => {
    const { sql, store, add } = given(open());
    add(1);
    add(2, "counter_2");
    tamper(sql, "UPDATE evt_events SET body = replace(body, '{', '') WHERE stream_seq = 2");
    const damaged = (error: unknown) => error instanceof Fault && error.code === "database_damaged";
    assert.throws(() => store.bySubject("counter_2"), damaged);
    assert.throws(() => given(sql).store.load(counter, "counter_2"), damaged);
    assert.equal(store.load(counter, "counter_1").total, 1);
    assert.equal(store.verify().first_bad?.code, "malformed");
  },
  "finds an event that is not where its subject is looked for, and a place of none": (open) => {
    const { sql, store, add } = given(open());
    for (let index = 0; index < 130; index += 1) add(1);
    const found = () => store.verify().first_bad;
    const misplaced = (seq: number) => ({ stream: seq === 0 ? "" : "workspace/ws_test", seq, code: "misplaced" });
    assert.equal(found(), null);
    sql.run("INSERT INTO evt_subjects VALUES ('counter_1', 999)");
    assert.deepEqual(found(), misplaced(0));
    sql.run("DELETE FROM evt_subjects WHERE position IN (7, 999)");
    assert.deepEqual(found(), misplaced(7));
    sql.run("INSERT INTO evt_subjects VALUES ('counter_2', 3), ('counter_1', 7)");
    assert.deepEqual(found(), misplaced(3));
    tamper(sql, "UPDATE evt_events SET subject_id = 'counter_2' WHERE position = 130");
    assert.deepEqual(found(), misplaced(130));
  },
  "finds a changed body": (open) => {
    const { sql, store, add } = given(open());
    for (const amount of [1, 2, 3]) add(amount);
    tamper(sql, `UPDATE evt_events SET body = replace(body, '"amount":2', '"amount":9') WHERE stream_seq = 2`);
    const bad = { stream: "workspace/ws_test", seq: 2, code: "hash_mismatch" };
    assert.deepEqual(store.verify(), { ok: false, events: 1, first_bad: bad });
  },
  "finds a body that was changed together with its hash": (open) => {
    const { sql, store, add } = given(open());
    for (const amount of [1, 2, 3]) add(amount);
    const [first] = sql.all<{ body: string; event_hash: string }>("SELECT * FROM evt_events WHERE stream_seq = 1");
    assert.ok(first);
    tamper(sql, `UPDATE evt_events SET event_hash = 'sha256:${"0".repeat(64)}' WHERE stream_seq = 1`);
    assert.equal(store.verify().first_bad?.code, "hash_mismatch");
  },
  "finds a removed event and a cut end": (open) => {
    const { sql, store, add } = given(open());
    for (const amount of [1, 2, 3]) add(amount);
    tamper(sql, "DELETE FROM evt_events WHERE stream_seq = 2");
    assert.deepEqual(store.verify().first_bad, { stream: "workspace/ws_test", seq: 3, code: "sequence_gap" });
    sql.run("DELETE FROM evt_events WHERE stream_seq = 3");
    assert.deepEqual(store.verify().first_bad, { stream: "workspace/ws_test", seq: 2, code: "truncated" });
  },
  "finds a stream the heads do not know": (open) => {
    const { sql, store, add } = given(open());
    add(1);
    assert.equal(verifyChain(store.links(), []).first_bad?.code, "unknown_stream");
    sql.run("UPDATE evt_stream_heads SET stream = 'room/other'");
    assert.equal(store.verify().first_bad?.code, "unknown_stream");
  },
  "refuses an event over the size limit and writes nothing of its call": (open) => {
    const { sql, store } = given(open());
    const answer = store.handle({ ...context, stream_id: "big" }, [
      task(counter, "a", { type: "add", amount: 1 }),
      task(counter, "b", { type: "add", amount: 1 }),
      {
        subject_id: "c",
        run: () => [{ event_type: "other", data: { text: "x".repeat(600_000) } }],
      },
    ]);
    assert.ok(isRejection(answer) && answer.code === "event_too_large");
    assert.equal(count(sql), 0);
    assert.deepEqual(rows(sql), []);
  },
  "keeps awkward keys and numbers as they are": (open) => {
    const { store } = given(open());
    const data = JSON.parse('{"__proto__":{"polluted":true},"2":"b","10":"a","e":1e21,"z":-0.5,"":null}');
    store.handle(context, [{ subject_id: "odd", run: () => [{ event_type: "odd.kept", data }] }]);
    assert.equal(JSON.stringify(store.bySubject("odd")[0]?.data, null, 1), JSON.stringify(sorted(data), null, 1));
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.equal(store.verify().ok, true);
  },
  ...SUBJECTS_CONTRACT,
  ...SQL_CONTRACT,
};

/** Keys in RFC 8785 order, so that objects can be compared as text, own `__proto__` included. */
function sorted(value: object): unknown {
  return JSON.parse(
    `{${Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${JSON.stringify(Object.getOwnPropertyDescriptor(value, key)?.value)}`)
      .join(",")}}`,
  );
}
