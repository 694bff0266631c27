import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Sole ownership of a data folder: whoever holds it may write there, nobody else. */
export interface DataLock {
  readonly release: () => void;
}

/**
 * Takes the data folder's lock, or null where another process holds it. It is an exclusive SQLite transaction on a
 * file of its own, so the operating system ends it with the process, however that ends. Creates the folder, mode 0700.
 */
export async function takeDataLock(data_dir: string): Promise<DataLock | null> {
  await mkdir(data_dir, { recursive: true, mode: 0o700 });
  const file = join(data_dir, "lock.sqlite");
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === 5) return null;
    throw error;
  }
  await chmod(file, 0o600);
  return { release: () => db.close() };
}
