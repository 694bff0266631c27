/** How a store finds the events of a subject, whatever database is under it. Part of what every event store must do. */
import assert from "node:assert/strict";
import { task } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { forgetValues } from "@oa/shared/core/sealed-values.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type CounterEvent, context, counter, given } from "./counter.ts";

/** How many events are indexed together. */
const BLOCK = 128;
/** Another reader of the same subjects, whose states are kept between starts. */
const kept = { ...counter, stored_as: "counter/1" };

/** What is to be found of an event: its note until that is forgotten. */
interface Added {
  readonly subject: string;
  readonly amount: number;
  readonly note?: string;
}

/**
 * Two stores on one database, and beside them a plain list of what happened. Each step is drawn: events up to the end of
 * a block and around it, refused or failing after they were written, inside of transactions inside of transactions that
 * are undone, values forgotten, a store opened anew.
 */
function drawn(sql: Sql, seed: number): { readonly step: () => void; readonly compare: () => void } {
  let state = seed;
  const chance = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const upTo = (count: number): number => 1 + Math.floor(chance() * count);
  const subjects = ["counter_1", "counter_2", "counter_3", "counter_4"];
  const one = (): string => `counter_${upTo(subjects.length)}`;
  const stores = [given(sql).store, given(sql).store];
  const store = () => stores[upTo(stores.length) - 1] ?? given(sql).store;
  store().handle(context, [task(counter, "closed", { type: "close" })]);
  let log: readonly Added[] = [];

  const write = (): void => {
    const left = BLOCK - ((log.length + 1) % BLOCK);
    const count = chance() < 0.3 ? left - 2 + upTo(3) : upTo(chance() < 0.1 ? 2 * BLOCK : 4);
    const added = Array.from({ length: count }, () => ({ subject: one(), amount: upTo(9), note: "n" }));
    const reader = chance() < 0.5 ? counter : kept;
    const tasks = added.map(({ subject, amount, note }) => task(reader, subject, { type: "add", amount, note }));
    if (chance() < 0.15) tasks.push(task(counter, "closed", { type: "add", amount: 1 }));
    if (chance() < 0.15) tasks.push(task(counter, one(), { type: "add", amount: 666 }));
    if (!isRejection(store().handle(context, tasks))) log = [...log, ...added];
  };
  const forget = (): void => {
    const subject = one();
    assert.equal(forgetValues(sql, subject), log.filter((event) => event.subject === subject && event.note).length);
    log = log.map((event) => (event.subject === subject ? { subject, amount: event.amount } : event));
  };
  /** All or nothing: where something fails, and where chance says so. */
  const together = (acts: () => void): void => {
    const before = log;
    try {
      sql.transaction(() => {
        acts();
        if (chance() < 0.3) throw new Error("undone");
      });
    } catch (error) {
      if (!/undone|the projection fails/.test(String(error))) throw error;
      log = before;
    }
  };
  const several = (depth: number): void => {
    for (let acts = upTo(3); acts > 0; acts -= 1)
      together(depth < 3 && chance() < 0.5 ? () => several(depth + 1) : act);
  };
  const look = (subject: string): void => {
    const own = log.filter((event) => event.subject === subject);
    const found = store().bySubject(subject) as readonly CounterEvent[];
    assert.deepEqual(
      found.map(({ data }) => ("amount" in data ? [data.amount, data.note] : [])),
      own.map(({ amount, note }) => [amount, note]),
    );
    const total = own.reduce((sum, { amount }) => sum + amount, 0);
    const totals = stores.flatMap((each) => [each.load(counter, subject).total, each.load(kept, subject).total]);
    assert.deepEqual(totals, [total, total, total, total], `${subject} of ${log.length}, seed ${seed}`);
  };
  const act = (): void => {
    const what = chance();
    if (what < 0.6) write();
    else if (what < 0.9) look(one());
    else if (what < 0.95) forget();
    else stores[upTo(stores.length) - 1] = given(sql).store;
  };
  return {
    step: () => together(chance() < 0.5 ? act : () => several(0)),
    compare: () => {
      for (const subject of subjects) look(subject);
      assert.deepEqual(store().verify(), { ok: true, events: log.length + 1, first_bad: null });
    },
  };
}

export const SUBJECTS_CONTRACT: Readonly<Record<string, (open: () => Sql) => void>> = {
  "finds all events of a subject however many follow them, one by one, together and after a start": (open) => {
    const { sql, store } = given(open());
    const subjects = ["counter_0", "counter_1", "counter_2", "once"];
    const apart = () => {
      const all = [...store.after(0)].map(({ event }) => event);
      for (const subject of subjects) {
        const own = all.filter(({ subject_id }) => subject_id === subject);
        assert.deepEqual(store.bySubject(subject), own);
        const total = (own as readonly CounterEvent[]).reduce(
          (sum, { data }) => sum + ("amount" in data ? data.amount : 0),
          0,
        );
        assert.equal(given(sql).store.load(counter, subject).total, total, `${subject} of ${all.length}`);
      }
    };
    const add = (subject: string, amount: number) => task(counter, subject, { type: "add", amount });
    store.handle(context, [add("once", 5)]);
    for (let index = 1; index < 260; index += 1) {
      store.handle(context, [add(`counter_${index % 3}`, index)]);
      if (index < 3 || (index + 3) % 64 < 5) apart();
    }
    const many = Array.from({ length: 300 }, (_, index) => add(`counter_${index % 2}`, index));
    for (const tasks of [many, many.slice(0, 7)]) {
      store.handle(context, tasks);
      apart();
    }
  },
  "finds what a list of all that happened says, whatever was undone, forgotten, opened anew or written by another": (
    open,
  ) => {
    const { step, compare } = drawn(open(), 7);
    for (let steps = 0; steps < 60; steps += 1) step();
    compare();
  },
  "knows an event that was undone from the one that came to its place": (open) => {
    const { sql, store, add } = given(open());
    const { add: addThere } = given(sql);
    assert.throws(() => sql.transaction(() => assert.fail(`undone: ${add(10)}`)), /undone/);
    addThere(3);
    assert.equal(store.load(counter, "counter_1").total, 3);
  },
  "finds the events of a log that was indexed one by one": (open) => {
    const { sql, add } = given(open());
    for (let index = 0; index < 300; index += 1) add(1, `counter_${index % 7}`);
    sql.run("DELETE FROM evt_subjects");
    sql.run("CREATE INDEX evt_events_subject ON evt_events (subject_id)");
    const { store } = given(sql);
    assert.equal(store.load(counter, "counter_0").total, 43);
    assert.equal(store.bySubject("counter_6").length, 42);
    sql.run("CREATE INDEX evt_events_subject ON evt_events (subject_id)");
    assert.equal(given(sql).store.bySubject("counter_1").length, 43, "also where it was so again for a while");
  },
};
