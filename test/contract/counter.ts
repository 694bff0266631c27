/** A counter to keep in an event store: what the contract of every store is tried with. */
import type { Decider } from "@oa/shared/core/decider.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, openEventStore, task } from "@oa/shared/core/event-store.ts";
import type { Projection } from "@oa/shared/core/projection.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";

export type CounterEvent =
  | {
      readonly event_type: "counter.added";
      readonly data: { readonly amount: number; readonly note?: string; readonly zone?: 1 };
    }
  | { readonly event_type: "counter.closed"; readonly data: object };
type CounterCommand =
  | { readonly type: "add"; readonly amount: number; readonly note?: string }
  | { readonly type: "close" };

export const counter: Decider<{ readonly total: number; readonly closed: boolean }, CounterEvent, CounterCommand> = {
  initial: { total: 0, closed: false },
  evolve: (state, event) =>
    event.event_type === "counter.added"
      ? { ...state, total: state.total + event.data.amount }
      : { ...state, closed: true },
  decide: (state, command) => {
    if (state.closed) return reject("not_found", "the counter is closed");
    if (command.type === "close") return [{ event_type: "counter.closed", data: {} }];
    const { amount, note } = command;
    return [{ event_type: "counter.added", data: note === undefined ? { amount } : { note, amount, zone: 1 } }];
  },
};

export const totals: Projection = {
  name: "totals",
  tables: ["proj_totals"],
  ddl: ["CREATE TABLE IF NOT EXISTS proj_totals (subject_id TEXT PRIMARY KEY, total INTEGER NOT NULL)"],
  apply: (sql, event) => {
    if (event.event_type !== "counter.added") return;
    const { amount } = event.data as { amount: number };
    if (amount === 666) throw new Error("the projection fails");
    sql.run(
      `INSERT INTO proj_totals VALUES (?, ?) ON CONFLICT (subject_id) DO UPDATE SET total = total + excluded.total`,
      event.subject_id,
      amount,
    );
  },
};

export const context: EventContext = {
  now_ms: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  workspace_id: "ws_test",
  stream_type: "workspace",
  stream_id: "ws_test",
  actor_type: "user",
  actor_id: "owner",
  correlation_id: "c_1",
};

interface Given {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly add: (amount: number, subject?: string, note?: string) => ReturnType<EventStore["handle"]>;
}

export function given(sql: Sql): Given {
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  const store = openEventStore(sql, [totals], random, { "counter.added": ["note"] });
  return {
    sql,
    store,
    add: (amount, subject = "counter_1", note) =>
      store.handle(context, [
        task(counter, subject, note === undefined ? { type: "add", amount } : { type: "add", amount, note }),
      ]),
  };
}
