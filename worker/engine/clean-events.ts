import type { EventDraft } from "@oa/shared/core/envelope.ts";
import type { EventStore, Task } from "@oa/shared/core/event-store.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { Secrecy } from "../adapters/secrecy.ts";

/** What is carried out as it stands: with a hole in it, it would do something else than was agreed to. */
const CARRIED_OUT = new Set(["install.requested", "run.created"]);

/**
 * The store, with secrets taken out of every event before it is decided on, hashed or kept. An install or a run that
 * holds one is refused instead. Refusal: secret_leak.
 */
export function withCleanEvents(inner: EventStore, secrecy: Pick<Secrecy, "clean" | "find">): EventStore {
  const cleaned = (task: Task): Task => ({
    ...task,
    run: (load) => {
      const drafts = task.run(load);
      if (isRejection(drafts)) return drafts;
      const clean: EventDraft[] = [];
      for (const draft of drafts) {
        const data = secrecy.clean(draft.data);
        if (data !== draft.data && CARRIED_OUT.has(draft.event_type)) {
          const what = secrecy.find(JSON.stringify(draft.data)) ?? "a secret";
          const advice = "keep it in the vault (oa secrets set), for an upgrade that declares it";
          return reject("secret_leak", `the manifest or an input holds ${what}: ${advice}`);
        }
        clean.push(data === draft.data ? draft : { ...draft, data });
      }
      return clean;
    },
  });
  const each = function* (tasks: Iterable<Task>): Generator<Task> {
    for (const task of tasks) yield cleaned(task);
  };
  return { ...inner, handle: (context, tasks) => inner.handle(context, each(tasks)) };
}
