import {
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fstatSync,
  fsync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  write,
} from "node:fs";
import { promisify } from "node:util";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { fileFault } from "./file-faults.ts";
import { type Directory, NO_LINKS, openChild, openDirectory, openRegularIn, syncDirectory } from "./open-beneath.ts";

/** What a folder holds: the bytes of its files, and how many files and folders there are. */
export interface FolderSize {
  readonly bytes: number;
  readonly files: number;
}

const CHUNK_BYTES = 1_048_576;
const readInto = promisify(read);
const writeFrom = promisify(write);
const sync = promisify(fsync);

/**
 * Copies a folder of the worker's own with its files, folders and times to a place that is not there yet, for its owner
 * alone, each file flushed; `from` null makes it empty. Links, files of several names and what is no file are left out: no path is
 * followed anywhere else. Faults: file_access, disk_full, path_linked.
 */
export async function copyFolder(from: string | null, to: string): Promise<void> {
  try {
    mkdirSync(to, { mode: 0o700 });
    if (from === null) return;
    const [source, target] = [openDirectory(from), openDirectory(to)];
    try {
      await copyInto(source, target, 0);
    } finally {
      source.close();
      target.close();
    }
  } catch (error) {
    throw fileFault(error, "write", to);
  }
}

async function copyInto(from: Directory, to: Directory, depth: number): Promise<void> {
  for (const entry of entriesOf(from, depth)) {
    const { name } = entry;
    if (entry.isDirectory()) {
      mkdirSync(to.at(name), { mode: 0o700 });
      const [source, target] = [openChild(from, name), openChild(to, name)];
      try {
        await copyInto(source, target, depth + 1);
      } finally {
        source.close();
        target.close();
      }
    } else if (entry.isFile() && lstatSync(from.at(name)).nlink === 1) await copyFile(from, to, name);
  }
  syncDirectory(to);
}

async function copyFile(from: Directory, to: Directory, name: string): Promise<void> {
  const { fd: source } = openRegularIn(from, name);
  try {
    const target = openSync(to.at(name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_LINKS, 0o600);
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (let at = 0; ; ) {
        const { bytesRead } = await readInto(source, buffer, 0, buffer.length, at);
        if (bytesRead === 0) break;
        for (let done = 0; done < bytesRead; ) {
          done += (await writeFrom(target, buffer, done, bytesRead - done, at + done)).bytesWritten;
        }
        at += bytesRead;
      }
      const { mode, atimeMs, mtimeMs } = fstatSync(source);
      fchmodSync(target, mode & 0o700);
      futimesSync(target, atimeMs / 1_000, mtimeMs / 1_000);
      await sync(target);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** What a folder holds, links not followed; null where there is none. Counting ends above `files_max`. */
export async function folderSize(path: string, files_max: number): Promise<FolderSize | null> {
  const size = { bytes: 0, files: 0 };
  const add = async (folder: Directory, depth: number): Promise<void> => {
    for (const entry of entriesOf(folder, depth)) {
      size.files += 1;
      if (size.files > files_max) return;
      if (!entry.isDirectory()) {
        size.bytes += lstatSync(folder.at(entry.name), { throwIfNoEntry: false })?.size ?? 0;
        continue;
      }
      const child = openChild(folder, entry.name);
      try {
        await add(child, depth + 1);
      } finally {
        child.close();
      }
    }
  };
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return null;
  const folder = openDirectory(path);
  try {
    await add(folder, 0);
    return size;
  } catch (error) {
    throw fileFault(error, "read", path);
  } finally {
    folder.close();
  }
}

function entriesOf(folder: Directory, depth: number): readonly Dirent[] {
  if (depth < LIMITS.tree_depth) return readdirSync(folder.at("."), { withFileTypes: true });
  throw new Fault("file_access", `"${folder.path}" lies more than ${LIMITS.tree_depth} folders deep`);
}
