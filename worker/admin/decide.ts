import type { Decider } from "@oa/shared/core/decider.ts";
import type { EventContext, EventDraft, Recorded } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";

/** One command of the owner to one subject; resolves once what it changed is on disk. */
export type Decide = <State, Event extends EventDraft, Command>(
  decider: Decider<State, Event, Command>,
  subject_id: string,
  command: Command,
) => Promise<readonly Recorded[] | Rejection>;

/** Several tasks of the owner, all or none. */
export type DecideAll = (correlation_id: string, tasks: readonly Task[]) => Promise<readonly Recorded[] | Rejection>;

/** Commands given at this machine, through the command line or the local UI, are the owner's. */
export function ownerDecides(
  database: SqliteDatabase,
  store: EventStore,
  context: (correlation_id: string) => EventContext,
): Decide {
  return (decider, subject_id, command) =>
    database.commit(() => store.handle(context(subject_id), [task(decider, subject_id, command)]));
}
