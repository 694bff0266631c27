import type { UpdateLook } from "@oa/shared/api/updates.ts";
import { type EventContext, inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { isOlder } from "@oa/shared/core/semver.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { clockAgrees, type Look } from "@oa/shared/install/quarantine.ts";
import { type InstallView, listInstalls } from "@oa/shared/install/views.ts";
import { type Release, fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { fromEvent, isYanked, type PinnedRelease } from "@oa/shared/nostr/yank.ts";
import type { MonotonicClock } from "../adapters/clock.ts";

/** What a look for an update may leave behind, and whom it may believe. */
export interface Looking {
  /** Keeps what the worker found out by itself. */
  readonly record: (install_id: string, command: InstallCommand) => Promise<void>;
  /** Keeps what came from outside and was not taken, once for each `ref`. */
  readonly notice: (refusal: Rejection, ref: string) => Promise<void>;
  /** Whether the clock agreed with time that nobody can set since this release was first looked at. */
  readonly believesClock: (release_event_id: string) => boolean;
}

export interface ReleaseWatchOptions {
  readonly store: EventStore;
  readonly sql: Sql;
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: MonotonicClock;
  readonly workspace_id: string;
  /** This worker's public key. */
  readonly worker: string;
  /** Hears what these authors release and take back, also from before, until the signal aborts; null without relays. */
  readonly listen:
    | ((authors: readonly string[], on_event: (event: VerifiedEvent) => Promise<void>, signal: AbortSignal) => void)
    | null;
  /** Looks for an update of an install, and takes it where its owner chose so. */
  readonly look: (install: InstallView, looking: Looking, signal: AbortSignal) => Promise<UpdateLook>;
  /** What a release that was heard of is remembered as. */
  readonly sighting: (install: InstallView, release: Release, now_ms: number) => InstallCommand;
  readonly notice: Looking["notice"];
  readonly report: (error: unknown) => void;
}

/** Watches the authors of what is installed: for releases they take back, and for updates. */
export interface ReleaseWatch {
  /** Until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Called after an install may have changed. */
  readonly refresh: () => void;
  /** Looks for updates of every install now. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  /** What was found last, by install, since the worker was started. */
  readonly looks: ReadonlyMap<string, { readonly at_ms: number; readonly look: UpdateLook }>;
}

export function openReleaseWatch(options: ReleaseWatchOptions): ReleaseWatch {
  const { store, sql, clock, report } = options;
  let alarm = new AbortController();
  let last_check_ms = Number.NEGATIVE_INFINITY;
  let next_check_ms = Number.NEGATIVE_INFINITY;
  const looks = new Map<string, { readonly at_ms: number; readonly look: UpdateLook }>();
  const installs = (): readonly InstallView[] => listInstalls(sql, { limit: LIMITS.api_page });

  const record = async (install_id: string, command: InstallCommand): Promise<void> => {
    const context = contextOf(options, install_id, clock.now_ms());
    const done = await options.commit(() => store.handle(context, [task(installDecider, install_id, command)]));
    if (isRejection(done)) throw new Fault(done.code, done.message);
  };
  const believesClock = clockWitness(clock);

  const hear = async (event: VerifiedEvent): Promise<void> => {
    if (event.kind === KINDS.release.kind) {
      // An author who releases all the time must not make this worker ask all the time.
      next_check_ms = Math.min(next_check_ms, last_check_ms + LIMITS.release_check_ms_min);
      alarm.abort();
      await hearRelease(event);
    }
    const yank = fromEvent(event);
    if (yank === null) return;
    const { event_id: yank_event_id, reason } = yank;
    for (const install of installs()) {
      for (const pins of releasesOf(install)) {
        if (!isYanked(yank, pins)) continue;
        const { release_event_id } = pins;
        await record(install.install_id, { type: "yank", release_event_id, yank_event_id, reason });
      }
    }
  };
  /** A later release is remembered as soon as it is heard of: it cannot be held back later without being missed. */
  const hearRelease = async (event: VerifiedEvent): Promise<void> => {
    const release = releaseFrom(event);
    if (isRejection(release)) return;
    for (const install of installs()) {
      const { active, install_id, seen } = install;
      const known = seen.some(({ release_event_id }) => release_event_id === release.event_id);
      if (known || active === null || active.upgrade_address !== release.listing) continue;
      if (!isOlder(active.upgrade_version, release.version)) continue;
      await record(install_id, options.sighting(install, release, clock.now_ms()));
    }
  };

  const checkUpdates = async (signal: AbortSignal): Promise<void> => {
    for (const install of installs()) {
      if (signal.aborted) return;
      if (install.active === null || install.status === "removed") continue;
      const at_ms = clock.now_ms();
      try {
        const look = await options.look(install, { record, notice: options.notice, believesClock }, signal);
        looks.set(install.install_id, { at_ms, look });
      } catch (error) {
        if (signal.aborted) return;
        report(error);
        const message =
          error instanceof Fault ? error.message : "it could not be looked for; the worker's log says why";
        looks.set(install.install_id, { at_ms, look: { state: "refused", message, fix: null, offered: null } });
      }
    }
  };
  const check = async (signal: AbortSignal): Promise<void> => {
    last_check_ms = clock.now_ms();
    next_check_ms = last_check_ms + LIMITS.release_check_ms;
    await checkUpdates(signal);
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
        if (clock.now_ms() >= next_check_ms) await check(signal);
      } catch (error) {
        report(error);
      }
      await clock.sleep(Math.max(0, next_check_ms - clock.now_ms()), AbortSignal.any([signal, alarm.signal]));
    }
    listening.abort();
  };

  return { run, refresh: () => alarm.abort(), check, looks };
}

/** Remembers each release's first look in this process; a clock that was set since, or a sleep, makes it the first again. */
function clockWitness(clock: MonotonicClock): Looking["believesClock"] {
  const first = new Map<string, Look>();
  return (release_event_id) => {
    const now = { wall_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms() };
    const before = first.get(release_event_id);
    if (clockAgrees(before, now)) return true;
    const passed_ms = before === undefined ? 0 : now.monotonic_ms - before.monotonic_ms;
    const off_ms = before === undefined ? 0 : Math.abs(now.wall_ms - before.wall_ms - passed_ms);
    if (before === undefined || off_ms > LIMITS.release_clock_skew_ms) {
      if (first.size >= LIMITS.api_page) first.clear();
      first.set(release_event_id, now);
    }
    return false;
  };
}

/** Everything of an install that its author could take back: what runs, waits, ran before, or was only seen. */
function releasesOf({ active, pending, candidate, earlier, seen }: InstallView): readonly PinnedRelease[] {
  const known = active ?? pending;
  if (known === null) return [];
  const { author_pubkey, upgrade_address, upgrade_id } = known;
  const kept = [active, pending, candidate].filter((pins) => pins !== null);
  return [
    ...kept,
    // Each by the key that signed it, which may have handed over since.
    ...earlier.map((one) => {
      return { ...one, upgrade_id, released_at: seen.find((two) => isSameRelease(one, two))?.released_at };
    }),
    ...seen
      .filter((one) => ![...kept, ...earlier].some((two) => isSameRelease(one, two)))
      .map((one) => ({ ...one, manifest_event_id: "", author_pubkey, upgrade_address, upgrade_id })),
  ];
}

function isSameRelease(a: { readonly release_event_id: string }, b: { readonly release_event_id: string }): boolean {
  return a.release_event_id === b.release_event_id;
}

/** Those whose releases run, wait, or can be gone back to. */
function authorsOf(installs: readonly InstallView[]): readonly string[] {
  const authors = installs.flatMap(({ active, pending, earlier }) =>
    [active, pending, ...earlier].map((release) => release?.author_pubkey),
  );
  return [...new Set(authors.filter((author) => author !== undefined))].sort().slice(0, LIMITS.filter_values);
}

/** What an author took back is stopped by the worker itself. */
function contextOf({ workspace_id, worker }: ReleaseWatchOptions, install_id: string, now_ms: number): EventContext {
  return inWorkspace(workspace_id, { now_ms, actor_type: "service", actor_id: worker, correlation_id: install_id });
}
