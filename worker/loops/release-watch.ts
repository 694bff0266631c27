import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { fromEvent, isYanked } from "@oa/shared/nostr/yank.ts";
import type { Clock } from "../adapters/clock.ts";

export interface ReleaseWatchOptions {
  readonly store: EventStore;
  readonly sql: Sql;
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: Clock;
  readonly workspace_id: string;
  /** This worker's public key. */
  readonly worker: string;
  /** Hears what these authors release and take back, also from before, until the signal aborts; null without relays. */
  readonly listen:
    | ((authors: readonly string[], on_event: (event: VerifiedEvent) => Promise<void>, signal: AbortSignal) => void)
    | null;
  /** Orders the update of an install, if there is one; null: there is none, or it was ordered. */
  readonly update: (install: InstallView, signal: AbortSignal) => Promise<Rejection | null>;
  readonly report: (error: unknown) => void;
}

/** Watches the authors of what is installed: for releases they take back, and for updates the owner wants unasked. */
export interface ReleaseWatch {
  /** Until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Called after an install may have changed. */
  readonly refresh: () => void;
}

export function openReleaseWatch(options: ReleaseWatchOptions): ReleaseWatch {
  const { store, sql, clock, report } = options;
  let alarm = new AbortController();
  let last_check_ms = Number.NEGATIVE_INFINITY;
  let next_check_ms = Number.NEGATIVE_INFINITY;
  const installs = (): readonly InstallView[] => listInstalls(sql, { limit: LIMITS.api_page });

  const hear = async (event: VerifiedEvent): Promise<void> => {
    if (event.kind === KINDS.release.kind) {
      // An author who releases all the time must not make this worker ask all the time.
      next_check_ms = Math.min(next_check_ms, last_check_ms + LIMITS.release_check_ms_min);
      alarm.abort();
    }
    const yank = fromEvent(event);
    if (yank === null) return;
    const { event_id: yank_event_id, reason } = yank;
    for (const { install_id, active, pending } of installs()) {
      for (const pins of [active, pending]) {
        if (pins === null || !isYanked(yank, pins)) continue;
        const { release_event_id } = pins;
        const command = { type: "yank", release_event_id, yank_event_id, reason } as const;
        const context = contextOf(options, install_id, clock.now_ms());
        const done = await options.commit(() => store.handle(context, [task(installDecider, install_id, command)]));
        if (isRejection(done)) throw new Fault(done.code, done.message);
      }
    }
  };

  const checkUpdates = async (signal: AbortSignal): Promise<void> => {
    for (const install of installs()) {
      if (signal.aborted) return;
      if (install.auto_update !== "narrow" || install.active === null) continue;
      try {
        const refused = await options.update(install, signal);
        if (refused !== null) report(new Fault(refused.code, `${install.install_id}: ${refused.message}`));
      } catch (error) {
        if (!signal.aborted) report(error);
      }
    }
  };

  const run: ReleaseWatch["run"] = async (signal) => {
    let heard = "";
    let listening = new AbortController();
    while (!signal.aborted) {
      alarm = new AbortController();
      try {
        const authors = authorsOf(installs());
        if (options.listen !== null && authors.join() !== heard) {
          listening.abort();
          listening = new AbortController();
          heard = authors.join();
          if (authors.length > 0) options.listen(authors, hear, AbortSignal.any([signal, listening.signal]));
        }
        if (clock.now_ms() >= next_check_ms) {
          last_check_ms = clock.now_ms();
          next_check_ms = last_check_ms + LIMITS.release_check_ms;
          await checkUpdates(signal);
        }
      } catch (error) {
        report(error);
      }
      await clock.sleep(Math.max(0, next_check_ms - clock.now_ms()), AbortSignal.any([signal, alarm.signal]));
    }
    listening.abort();
  };

  return { run, refresh: () => alarm.abort() };
}

function authorsOf(installs: readonly InstallView[]): readonly string[] {
  const authors = installs.flatMap(({ active, pending }) => [active?.author_pubkey, pending?.author_pubkey]);
  return [...new Set(authors.filter((author) => author !== undefined))].sort().slice(0, LIMITS.filter_values);
}

/** What an author took back is stopped by the worker itself. */
function contextOf({ workspace_id, worker }: ReleaseWatchOptions, install_id: string, now_ms: number): EventContext {
  const stream = { workspace_id, stream_type: "workspace", stream_id: workspace_id } as const;
  return { now_ms, ...stream, actor_type: "service", actor_id: worker, correlation_id: install_id };
}
