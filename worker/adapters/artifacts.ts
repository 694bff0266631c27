import { createHash, randomUUID } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { fileFault } from "./file-faults.ts";

/**
 * Outputs of runs, by content: one file per SHA-256 under the data folder, so that equal outputs are kept once. All of
 * them together stay within a quota: the oldest make room for new ones, but none that was put within the last day.
 */
export interface Artifacts {
  /**
   * Stores bytes whole or not at all: a temporary file, flushed, renamed, the folder flushed.
   * Faults: too_large, disk_quota, disk_full, file_access.
   */
  readonly put: (bytes: Uint8Array) => Promise<{ readonly sha256: string; readonly bytes: number }>;
  /** The bytes, checked against their hash. Faults: not_found, file_access. */
  readonly get: (sha256: string) => Promise<Uint8Array>;
  /** Deletes what is not in `kept` and was last put before a time. Fault: file_access. */
  readonly sweep: (kept: ReadonlySet<string>, before_ms: number) => Promise<number>;
  readonly room: () => StoreRoom;
}

/** What a store holds of what it may hold. */
export interface StoreRoom {
  readonly bytes: number;
  readonly quota_bytes: number;
}

const TEMPORARY = ".part-";

/** Opens `data_dir/artifacts`, created where it is missing; what a crash left half-written is deleted. */
export async function openArtifacts(
  data_dir: string,
  quota_bytes: number = LIMITS.artifact_store_bytes,
): Promise<Artifacts> {
  const folder = join(data_dir, "artifacts");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) if (name.startsWith(TEMPORARY)) await rm(join(folder, name));
  const room = openRoom(folder, quota_bytes);
  return {
    room: () => ({ bytes: room.taken(), quota_bytes }),
    put: async (bytes) => {
      if (bytes.byteLength > LIMITS.artifact_bytes) {
        throw new Fault("too_large", `an artifact of ${bytes.byteLength} bytes is over ${LIMITS.artifact_bytes}`);
      }
      const sha256 = hashOf(bytes);
      const path = join(folder, sha256);
      const stored = { sha256, bytes: bytes.byteLength };
      if (await isWantedAgain(path, bytes.byteLength)) return stored;
      const temporary = join(folder, `${TEMPORARY}${randomUUID()}`);
      room.reserve(bytes.byteLength);
      try {
        await writeFlushed(temporary, bytes);
        await rename(temporary, path);
        await flushFolder(folder);
      } catch (error) {
        room.free(bytes.byteLength);
        await rm(temporary, { force: true });
        throw fileFault(error, "write", path);
      }
      return stored;
    },
    sweep: async (kept, before_ms) => {
      let deleted = 0;
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        if (!isHash(name) || kept.has(name)) continue;
        try {
          // In one turn, so that no output comes to be wanted again in between.
          const { mtimeMs, size } = statSync(path);
          if (mtimeMs >= before_ms) continue;
          rmSync(path);
          room.free(size);
        } catch (error) {
          throw fileFault(error, "write", path);
        }
        deleted += 1;
      }
      return deleted;
    },
    get: async (sha256) => {
      if (!isHash(sha256)) throw new Fault("not_found", `"${sha256}" is not an artifact's hash`);
      const path = join(folder, sha256);
      let bytes: Uint8Array;
      try {
        bytes = await readFile(path);
      } catch (error) {
        throw fileFault(error, "read", path);
      }
      if (hashOf(bytes) !== sha256) throw new Fault("file_access", `"${path}" no longer holds what its name says`);
      return bytes;
    },
  };
}

/** What of the quota is taken. */
interface Room {
  /** Takes room, making it by deleting the oldest outputs. Fault: disk_quota. */
  readonly reserve: (bytes: number) => void;
  readonly free: (bytes: number) => void;
  readonly taken: () => number;
}

function openRoom(folder: string, quota_bytes: number): Room {
  const listed = (): Stored[] =>
    readdirSync(folder)
      .filter(isHash)
      .map((name) => {
        const { size, mtimeMs } = statSync(join(folder, name));
        return { path: join(folder, name), bytes: size, at_ms: mtimeMs };
      });
  let taken = listed().reduce((total, { bytes }) => total + bytes, 0);
  return {
    reserve: (bytes) => {
      if (taken + bytes > quota_bytes) {
        const stored = listed();
        // Equal outputs put at the same time were counted twice.
        taken = stored.reduce((total, output) => total + output.bytes, 0);
        const old = stored
          .filter(({ at_ms }) => at_ms < Date.now() - LIMITS.artifact_kept_ms)
          .sort((a, b) => a.at_ms - b.at_ms);
        const kept = old.reduce((total, output) => total - output.bytes, taken);
        // Nothing goes for an output that has no room even then.
        if (kept + bytes > quota_bytes) {
          const message = `an output of ${bytes} bytes is over the quota: outputs of the last day take ${kept} of ${quota_bytes}`;
          throw new Fault("disk_quota", message);
        }
        for (const output of old) {
          if (taken + bytes <= quota_bytes) break;
          rmSync(output.path, { force: true });
          taken -= output.bytes;
        }
      }
      taken += bytes;
    },
    free: (bytes) => {
      taken -= bytes;
    },
    taken: () => taken,
  };
}

interface Stored {
  readonly path: string;
  readonly bytes: number;
  readonly at_ms: number;
}

function isHash(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Whether the bytes are there already. They are young again then, so that a sweep leaves them alone. */
async function isWantedAgain(path: string, bytes: number): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(path, now, now);
    return (await stat(path)).size === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw fileFault(error, "read", path);
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
