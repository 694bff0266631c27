/** How a store finds the events of a subject, whatever database is under it. Part of what every event store must do. */
import assert from "node:assert/strict";
import { task } from "@oa/shared/core/event-store.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type CounterEvent, context, counter, given } from "./counter.ts";

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
  "finds the events of a log that was indexed one by one": (open) => {
    const { sql, add } = given(open());
    for (let index = 0; index < 300; index += 1) add(1, `counter_${index % 7}`);
    sql.run("DELETE FROM evt_subjects");
    sql.run("CREATE INDEX evt_events_subject ON evt_events (subject_id)");
    const { store } = given(sql);
    assert.equal(store.load(counter, "counter_0").total, 43);
    assert.equal(store.bySubject("counter_6").length, 42);
    assert.equal(given(sql).store.bySubject("counter_1").length, 43);
  },
};
