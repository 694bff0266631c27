import { setImmediate as nextTurn } from "node:timers/promises";
import type { IndexDatabase } from "./database.ts";
import type { SourceFile } from "./source.ts";
import type { FileState } from "./write-thread.ts";

/** What the index holds of a file. */
export interface KnownFile extends SourceFile {
  readonly hashed_at_ms: number;
  readonly sha256: string | null;
  readonly state: FileState;
}

const PAGE = 5_000;
/** A file written this shortly before it was hashed may have been written again within the clock's grain. */
const CLOCK_GRAIN_MS = 20;

/** Every file of the index by its path, read in pages so that the event loop breathes. */
export async function knownFiles(db: IndexDatabase): Promise<ReadonlyMap<string, KnownFile>> {
  const known = new Map<string, KnownFile>();
  const page = db.prepare(
    "SELECT id, path, size_bytes, mtime_ms, hashed_at_ms, sha256, state FROM files WHERE id > ? ORDER BY id LIMIT ?",
  );
  for (let last = 0; ; ) {
    const rows = page.all(last, PAGE) as unknown as readonly (KnownFile & { readonly id: number })[];
    for (const row of rows) known.set(row.path, row);
    if (rows.length < PAGE) return known;
    last = rows.at(-1)?.id ?? last;
    await nextTurn();
  }
}

/** Whether size and time alone show that the file is as the index knows it. */
export function untouched(known: KnownFile, file: SourceFile): boolean {
  return (
    known.size_bytes === file.size_bytes &&
    known.mtime_ms === file.mtime_ms &&
    file.mtime_ms + CLOCK_GRAIN_MS < known.hashed_at_ms
  );
}
