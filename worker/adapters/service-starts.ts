import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { duration } from "@oa/shared/core/local-time.ts";
import { knownReason } from "@oa/shared/core/reasons.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { writePrivate } from "./daemon-file.ts";
import { makeFolder } from "./make-folder.ts";

/** When a worker that a service manager starts again and again is held back, and when it counts as well again. */
export interface Pace {
  /** So many ends in a row are started again at once: the manager's own pause is enough. */
  readonly crashes_free: number;
  /** The first wait; each further one is twice as long, up to `wait_ms_max`. */
  readonly wait_ms: number;
  readonly wait_ms_max: number;
  /** After so long a run an end is the first of a new row. */
  readonly healthy_ms: number;
  /** How often settings that were refused are read again. */
  readonly settings_ms: number;
}

const PACE: Pace = {
  crashes_free: LIMITS.service_crashes_free,
  wait_ms: LIMITS.service_wait_ms,
  wait_ms_max: LIMITS.service_wait_ms_max,
  healthy_ms: LIMITS.service_healthy_ms,
  settings_ms: LIMITS.service_settings_ms,
};

/** What the last start of a service left for the next one, and for whoever asks how it is. */
export interface ServiceNote {
  /** How many ends in a row nobody asked for, before the last start. */
  readonly crashes: number;
  /** Until when it holds itself back, by the clock of then; for people. */
  readonly waiting_until_ms?: number;
  /** Why its settings could not be taken: no crash, and not tried again until they are others. */
  readonly refused?: Pick<Rejection, "code" | "message">;
}

export interface ServiceStart {
  /** Notes that it was stopped: no end before this one counts any more. */
  readonly stopped: () => Promise<void>;
}

/** How long a start waits that follows on so many crashes in a row. */
export function waitAfter(crashes: number, { crashes_free, wait_ms, wait_ms_max }: Pace = PACE): number {
  const beyond = crashes - crashes_free;
  return beyond <= 0 ? 0 : Math.min(wait_ms_max, wait_ms * 2 ** Math.min(beyond - 1, 32));
}

/**
 * Before a service's worker opens its data folder: waits where its last runs ended without being stopped, longer each
 * time, and then notes this start, so that a crash is known by the note that it leaves behind. The same with every
 * service manager and every version of it. No clock is compared: one that is set changes nothing.
 *
 * Settings that are refused are no crash. The first start that meets them ends with their refusal, and a manager that
 * starts it again all the same finds it waiting until `settings` are right, however long. Null where it was stopped while
 * it waited. Refusals: those of `settings`. Faults: file_access.
 */
export async function awaitServiceStart(
  data_dir: string,
  options: {
    readonly signal: AbortSignal;
    readonly note: (line: string) => void;
    /** What is wrong with the settings; null: nothing. */
    readonly settings: () => Promise<Rejection | null>;
    readonly pace?: Pace;
  },
): Promise<ServiceStart | Rejection | null> {
  const { signal, note, settings, pace = PACE } = options;
  const before = await readServiceNote(data_dir);
  const wrong = await settings();
  if (wrong !== null) {
    const again = before?.refused !== undefined;
    await writeRefused(data_dir, wrong);
    if (!again) return wrong;
    await untilRight(data_dir, wrong, { signal, note, settings, pace });
  }
  // Whoever put the settings right starts it anew.
  const crashes = before === null || before.refused !== undefined || wrong !== null ? 0 : before.crashes + 1;
  const wait_ms = signal.aborted ? 0 : waitAfter(crashes, pace);
  if (wait_ms > 0) {
    note(`The worker ended ${crashes} times in a row without being stopped: it starts again in ${duration(wait_ms)}.`);
    // Ended now, it is not counted again: what was noted before stays.
    await writeNote(data_dir, { crashes: crashes - 1, waiting_until_ms: Date.now() + wait_ms });
    await pause(wait_ms, signal);
  }
  // Whoever stops it now and starts it later wants it at once.
  if (signal.aborted) {
    await forgetServiceStarts(data_dir);
    return null;
  }
  await writeNote(data_dir, { crashes });
  const well = setTimeout(() => {
    writeNote(data_dir, { crashes: 0 }).catch((error: unknown) => note(String(error)));
  }, pace.healthy_ms).unref();
  return {
    stopped: async () => {
      clearTimeout(well);
      await forgetServiceStarts(data_dir);
    },
  };
}

/** Reads the settings again and again until they are right or it is stopped, and says what is wrong whenever that changes. */
async function untilRight(
  data_dir: string,
  first: Rejection,
  { signal, note, settings, pace }: Required<Parameters<typeof awaitServiceStart>[1]>,
): Promise<void> {
  let said = "";
  for (let wrong: Rejection | null = first; wrong !== null && !signal.aborted; wrong = await settings()) {
    if (wrong.message !== said) {
      said = wrong.message;
      note(`The worker starts once its settings are right: ${said} (${wrong.code})`);
      await writeRefused(data_dir, wrong);
    }
    await pause(pace.settings_ms, signal);
  }
}

async function pause(wait_ms: number, signal: AbortSignal): Promise<void> {
  await sleep(wait_ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** What was noted is forgotten, so that the next start waits for nothing: somebody asks for it. */
export async function forgetServiceStarts(data_dir: string): Promise<void> {
  await rm(fileIn(data_dir), { force: true });
}

/** What the last start noted; null where that was stopped. Fault: file_access. */
export async function readServiceNote(data_dir: string): Promise<ServiceNote | null> {
  let text: string;
  try {
    text = await readFile(fileIn(data_dir), "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new Fault("file_access", `${fileIn(data_dir)} cannot be read: ${message}`, { cause: error });
  }
  return noteIn(text) ?? { crashes: 0 };
}

/** Written whole by us; what somebody else made of it counts as one start that was not stopped. */
function noteIn(text: string): ServiceNote | null {
  const parsed = parseStrict(text);
  if (isRejection(parsed)) return null;
  const { crashes, waiting_until_ms, refused } = Object(parsed.value) as Readonly<Record<string, unknown>>;
  if (!isCount(crashes, CRASHES_MAX) || !(waiting_until_ms === undefined || isCount(waiting_until_ms, TIME_MAX_MS))) {
    return null;
  }
  const waiting = waiting_until_ms === undefined ? {} : { waiting_until_ms };
  if (refused === undefined) return { crashes, ...waiting };
  const { code, message } = Object(refused) as Readonly<Record<string, unknown>>;
  if (typeof code !== "string" || typeof message !== "string") return null;
  return { crashes, ...waiting, refused: { code: knownReason(code, "config_invalid"), message } };
}

const CRASHES_MAX = 999_999_999;
/** The last time that a date can say. */
const TIME_MAX_MS = 8.64e15;

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

async function writeRefused(data_dir: string, { code, message }: Rejection): Promise<void> {
  await writeNote(data_dir, { crashes: 0, refused: { code, message } });
}

async function writeNote(data_dir: string, value: ServiceNote): Promise<void> {
  try {
    await makeFolder(data_dir);
    await writePrivate(fileIn(data_dir), `${JSON.stringify(value)}\n`);
  } catch (error) {
    const message = `${fileIn(data_dir)} cannot be written: ${(error as Error).message}`;
    throw new Fault("file_access", message, { cause: error });
  }
}

function fileIn(data_dir: string): string {
  return join(data_dir, "service-starts.json");
}
