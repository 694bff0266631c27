import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "@oa/shared/core/refusal.ts";
import { makeFolder } from "./make-folder.ts";

/** Sole ownership of a data folder: whoever holds it may write there, nobody else. */
export interface DataLock {
  readonly release: () => void;
}

/**
 * Takes the data folder's lock, or null where another process holds it. It is an exclusive SQLite transaction on a
 * file of its own, so the operating system ends it with the process, however that ends. Creates the folder, mode 0700.
 * Faults: disk_full, file_access.
 */
export async function takeDataLock(data_dir: string): Promise<DataLock | null> {
  const file = join(data_dir, "lock.sqlite");
  const db = await openLock(data_dir, file);
  try {
    db.exec("BEGIN EXCLUSIVE");
    await chmod(file, 0o600);
  } catch (error) {
    db.close();
    if (isResult(error, SQLITE_BUSY)) return null;
    throw cannotUse(data_dir, error);
  }
  return { release: () => db.close() };
}

async function openLock(data_dir: string, file: string): Promise<DatabaseSync> {
  try {
    await makeFolder(data_dir);
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw cannotUse(data_dir, error);
  }
}

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Of an extended result code, the low byte says what happened. */
function isResult(error: unknown, code: number): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === code;
}

function cannotUse(data_dir: string, error: unknown): Fault {
  if (isResult(error, SQLITE_FULL) || (error as NodeJS.ErrnoException).code === "ENOSPC") {
    const message = `the disk with the data folder ${data_dir} is full: free some space`;
    return new Fault("disk_full", message, { retryable: true, cause: error });
  }
  if (isResult(error, SQLITE_NOTADB) || isResult(error, SQLITE_CORRUPT)) {
    const message = `${join(data_dir, "lock.sqlite")} is damaged: delete it, since nothing is kept in it`;
    return new Fault("file_access", message, { cause: error });
  }
  return new Fault("file_access", `the data folder ${data_dir} cannot be used: ${(error as Error).message}`, {
    cause: error,
  });
}
