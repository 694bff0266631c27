import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";

/**
 * Makes a folder, and those above it, for its owner alone; one that is there is left as it is. Unlike Node's own
 * recursive `mkdir` it comes to an end where the system takes no folder (`/proc`). Fault: file_access.
 */
export async function makeFolder(path: string): Promise<void> {
  if ((await made(path)) === null) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  const refused = await made(path);
  if (refused === null) return;
  throw new Fault("file_access", `the folder ${path} cannot be made (${refused.code})`, { cause: refused });
}

/** Null once it is there, ENOENT where the folder above it is missing or takes none; throws anything else. */
async function made(path: string): Promise<NodeJS.ErrnoException | null> {
  try {
    await mkdir(path, { mode: 0o700 });
    return null;
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (error.code === "EEXIST") return null;
    if (error.code === "ENOENT") return error;
    throw new Fault("file_access", `the folder ${path} cannot be made (${error.code})`, { cause });
  }
}
