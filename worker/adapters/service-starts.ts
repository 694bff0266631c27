import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { duration } from "@oa/shared/core/local-time.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
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
}

const PACE: Pace = {
  crashes_free: LIMITS.service_crashes_free,
  wait_ms: LIMITS.service_wait_ms,
  wait_ms_max: LIMITS.service_wait_ms_max,
  healthy_ms: LIMITS.service_healthy_ms,
};

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
 * service manager and every version of it. No clock is compared: one that is set changes nothing. Null where it was
 * stopped while it waited. Faults: file_access.
 */
export async function awaitServiceStart(
  data_dir: string,
  { signal, note, pace = PACE }: { signal: AbortSignal; note: (line: string) => void; pace?: Pace },
): Promise<ServiceStart | null> {
  const before = await readCrashes(data_dir);
  const crashes = before === null ? 0 : before + 1;
  const wait_ms = waitAfter(crashes, pace);
  if (wait_ms > 0) {
    note(`The worker ended ${crashes} times in a row without being stopped: it starts again in ${duration(wait_ms)}.`);
    await sleep(wait_ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    // Whoever stops it now and starts it later wants it at once.
    if (signal.aborted) {
      await forgetServiceStarts(data_dir);
      return null;
    }
  }
  await writeCrashes(data_dir, crashes);
  const well = setTimeout(() => {
    writeCrashes(data_dir, 0).catch((error: unknown) => note(String(error)));
  }, pace.healthy_ms).unref();
  return {
    stopped: async () => {
      clearTimeout(well);
      await forgetServiceStarts(data_dir);
    },
  };
}

/** What was noted is forgotten, so that the next start waits for nothing: somebody asks for it. */
export async function forgetServiceStarts(data_dir: string): Promise<void> {
  await rm(fileIn(data_dir), { force: true });
}

/** How many crashes in a row had gone before the start that was noted last; null where that was stopped. */
export async function readCrashes(data_dir: string): Promise<number | null> {
  let text: string;
  try {
    text = await readFile(fileIn(data_dir), "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new Fault("file_access", `${fileIn(data_dir)} cannot be read: ${message}`, { cause: error });
  }
  // Written whole by us; what somebody else made of it counts as one start that was not stopped.
  const crashes = /^\{"crashes":(\d{1,9})\}\n$/.exec(text)?.[1];
  return Number(crashes ?? 0);
}

async function writeCrashes(data_dir: string, crashes: number): Promise<void> {
  try {
    await makeFolder(data_dir);
    await writePrivate(fileIn(data_dir), `${JSON.stringify({ crashes })}\n`);
  } catch (error) {
    const message = `${fileIn(data_dir)} cannot be written: ${(error as Error).message}`;
    throw new Fault("file_access", message, { cause: error });
  }
}

function fileIn(data_dir: string): string {
  return join(data_dir, "service-starts.json");
}
