import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { FileBaseline, FilesChanged, WatchRefusal } from "@oa/shared/generated/types.ts";
import { countOpenRuns, listRuns } from "@oa/shared/run/views.ts";
import { addSign, type Burst, lookAt } from "@oa/shared/trigger/debounce.ts";
import type { TriggerCommand } from "@oa/shared/trigger/decider.ts";
import type { Clock } from "../adapters/clock.ts";
import type { FileWatch, WatchedFiles } from "../adapters/file-watch.ts";
import { nativeSha256 } from "../adapters/random.ts";

/** An install's runs, as far as its triggers need to know. */
export interface RunsOfInstall {
  readonly active: number;
  /** When the latest one ended, in Unix milliseconds. */
  readonly finished_ms: number | null;
}

/** What the log says about an install's runs. */
export function runsOfInstall(sql: Sql, install_id: string): RunsOfInstall {
  const [latest] = listRuns(sql, { install_id, limit: 1 });
  const finished_at = latest?.finished_at ?? null;
  return {
    active: countOpenRuns(sql, install_id),
    finished_ms: finished_at === null ? null : Date.parse(finished_at),
  };
}

type Seen = Extract<TriggerCommand, { type: "note" | "settle" }>;
type Told = Seen | Extract<TriggerCommand, { type: "record_watch" }>;

/** One file trigger while the worker runs: when to look, and what a look says. */
export interface WatchedFilesLoop {
  /**
   * Looks if it is time and hands what it found, or why it could not look, to `append`; a throw there leaves everything
   * to be found again. Resolves to when there is something to do next, in Unix milliseconds.
   */
  readonly tick: (append: (told: Told) => Promise<void>, signal: AbortSignal) => Promise<number>;
  readonly close: () => void;
}

export interface WatchedFilesOptions {
  readonly trigger: number;
  readonly clock: Clock;
  readonly open: (onSign: () => void) => FileWatch;
  readonly wake: () => void;
  readonly runs: () => RunsOfInstall;
  /** Whether the install's own runs may change these files: then what changes during one, or just after, is theirs. */
  readonly own_writes: boolean;
  /** What changed while the worker was not running is run for, or not. */
  readonly on_missed: "skip" | "catch_up";
  /** As the log knows the files; undefined before the first look. */
  readonly baseline: () => (FileBaseline & { readonly at_ms: number }) | undefined;
  /** Whether the log says that it cannot be watched. */
  readonly failing: () => boolean;
  /** Told once when the system stops telling of every change, so that runs come later than they would. */
  readonly onBlind: () => void;
}

export function openWatchedFiles(options: WatchedFilesOptions): WatchedFilesLoop {
  const { clock, own_writes } = options;
  let burst: Burst | null = null;
  let known: { readonly files: WatchedFiles; readonly at_ms: number } | null = null;
  let blind = false;
  let rescan_ms = 0;
  let rest_until_ms = 0;
  const watch = options.open(() => {
    const first = burst === null;
    burst = addSign(burst, clock.now_ms());
    if (first) options.wake(); // later signs only put off what is due
  });

  /** When to look next. */
  const dueAt = (): number => {
    const { active, finished_ms } = options.runs();
    const ended_ms = own_writes ? finished_ms : null;
    const settled_ms = ended_ms === null ? 0 : ended_ms + LIMITS.trigger_quiet_ms;
    const unsettled = ended_ms !== null && ended_ms >= (options.baseline()?.at_ms ?? 0);
    const wanted_ms =
      known === null
        ? 0
        : Math.min(rescan_ms, burst === null ? rescan_ms : lookAt(burst), unsettled ? settled_ms : rescan_ms);
    // A run that may write is not looked at before it has ended and the dust has settled.
    const free_ms = own_writes && active > 0 ? clock.now_ms() + LIMITS.trigger_poll_ms : settled_ms;
    const at_ms = Math.max(wanted_ms, rest_until_ms, free_ms);
    // After the clock went back, times written before mean nothing.
    return at_ms > clock.now_ms() + LIMITS.trigger_rescan_ms ? clock.now_ms() : at_ms;
  };

  const look = async (append: (told: Told) => Promise<void>, signal: AbortSignal): Promise<void> => {
    const signs = burst;
    const began_ms = clock.now_ms();
    const { trigger } = options;
    const again = (rest_ms: number): void => {
      burst = addSign(signs, began_ms);
      rest_until_ms = clock.now_ms() + rest_ms;
    };
    burst = null;
    let files: WatchedFiles;
    try {
      files = await watch.look(signal);
    } catch (error) {
      // Too many files, or a folder that may not be read, will still be that in a while.
      const lasting = error instanceof Fault && !error.retryable && !signal.aborted;
      again(lasting ? LIMITS.trigger_rescan_ms : LIMITS.trigger_sleep_ms);
      if (!lasting) throw error;
      return append({ type: "record_watch", now_ms: clock.now_ms(), trigger, refusal: refusalOf(error) });
    }
    try {
      if (options.failing()) await append({ type: "record_watch", now_ms: clock.now_ms(), trigger, refusal: null });
      const seen = seenIn({ signs, files, known, ...options, runs: options.runs(), now_ms: clock.now_ms() });
      if (seen !== null) await append(seen);
      known = { files, at_ms: began_ms };
    } catch (error) {
      again(LIMITS.trigger_sleep_ms);
      throw error;
    }
    if (watch.isBlind() && !blind) options.onBlind();
    blind = watch.isBlind();
    const now_ms = clock.now_ms();
    rescan_ms = now_ms + (blind ? LIMITS.trigger_rescan_blind_ms : LIMITS.trigger_rescan_ms);
    // Looking at very many files must not become all the machine does.
    rest_until_ms = now_ms + Math.min(LIMITS.trigger_rescan_ms, 10 * Math.max(0, now_ms - began_ms));
  };

  return {
    tick: async (append, signal) => {
      if (dueAt() <= clock.now_ms()) await look(append, signal);
      return dueAt();
    },
    close: watch.close,
  };
}

function refusalOf({ code, message }: Fault): WatchRefusal {
  return { code, message: clip(message, 2_000) };
}

interface Look {
  readonly trigger: number;
  readonly signs: Burst | null;
  readonly files: WatchedFiles;
  readonly known: { readonly files: WatchedFiles; readonly at_ms: number } | null;
  readonly runs: RunsOfInstall;
  readonly own_writes: boolean;
  readonly on_missed: "skip" | "catch_up";
  readonly baseline: WatchedFilesOptions["baseline"];
  readonly now_ms: number;
}

/** What a look is worth recording as; null for nothing. */
function seenIn(look: Look): Seen | null {
  const { trigger, files, known, now_ms } = look;
  const before = look.baseline();
  const baseline: FileBaseline = { fingerprint: fingerprintOf(files), files: files.size };
  const settle = (reason: Extract<Seen, { type: "settle" }>["reason"], cause?: FilesChanged): Seen => ({
    ...{ type: "settle", now_ms, trigger, reason, baseline },
    ...(cause === undefined ? {} : { cause }),
  });
  if (before === undefined) return settle("first_look");
  const { finished_ms } = look.runs;
  const ended_ms = look.own_writes && finished_ms !== null && finished_ms >= before.at_ms ? finished_ms : null;
  const cause = known === null ? unseenChange(before, baseline) : changeBetween(known.files, files);
  if (cause === null) return ended_ms === null ? null : settle("own_run");
  // A sign well after the run's end is somebody else's.
  const since_ms = look.signs?.last_ms ?? 0;
  if (ended_ms !== null && since_ms <= ended_ms + LIMITS.trigger_quiet_ms) return settle("own_run", cause);
  if (known === null && look.on_missed === "skip") return settle("missed", cause);
  return { type: "note", now_ms, trigger, cause, baseline };
}

/** Since the worker last ran: only that something is different, not what. */
function unseenChange(before: FileBaseline, now: FileBaseline): FilesChanged | null {
  return before.fingerprint === now.fingerprint ? null : { kind: "file_change", paths: [] };
}

function changeBetween(before: WatchedFiles, now: WatchedFiles): FilesChanged | null {
  const changed = [...now].filter(([path, sign]) => before.get(path) !== sign).map(([path]) => path);
  for (const path of before.keys()) if (!now.has(path)) changed.push(path);
  if (changed.length === 0) return null;
  const paths = changed
    .sort()
    .slice(0, LIMITS.trigger_paths)
    .map((path) => path.slice(0, LIMITS.trigger_path_chars).toWellFormed());
  return { kind: "file_change", paths, changed: changed.length };
}

function fingerprintOf(files: WatchedFiles): string {
  return nativeSha256(
    [...files]
      .map(([path, sign]) => `${path}\0${sign}\n`)
      .sort()
      .join(""),
  );
}
