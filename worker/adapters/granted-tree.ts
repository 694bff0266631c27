import { closeSync, type Dirent, lstatSync, readdirSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { throwIfCanceled } from "./canceled.ts";
import { fileFault } from "./file-faults.ts";
import { type Directory, openChild, openDirectory, openRegular } from "./open-beneath.ts";

/** One regular file of a tree: its path relative to the root, with `/`. */
export interface TreeFile {
  readonly path: string;
  readonly size_bytes: number;
  readonly mtime_ms: number;
}

/** What a listing passed over, so that it can be said. */
export interface TreeSkips {
  readonly links: number;
  readonly special: number;
  readonly unreadable: number;
}

/** A folder's regular files, without following any link. Files with a second hard link are passed over. */
export interface GrantedTree {
  readonly root: string;
  /** In a stable order, depth first. `enter` says which folders are worth listing; all where absent. */
  readonly list: (signal: AbortSignal, enter?: (folder: string) => boolean) => AsyncIterable<TreeFile>;
  /** The file's bytes; null where it is gone, larger than `max_bytes`, or not what a listing would show. */
  readonly read: (path: string, max_bytes: number) => Promise<Uint8Array | null>;
  /** Of the last listing that ended. */
  readonly skipped: () => TreeSkips;
}

interface Frame {
  readonly directory: Directory;
  readonly prefix: string;
  readonly entries: readonly Dirent[];
  next: number;
}

/** `root` has no links and may be read; `permits` is asked with the absolute path of each file. */
export function openGrantedTree(root: string, permits: (path: string) => boolean): GrantedTree {
  let skipped: TreeSkips = { links: 0, special: 0, unreadable: 0 };
  const absolute = (path: string): string => `${root === "/" ? "" : root}/${path}`;
  return {
    root,
    skipped: () => skipped,
    list: (signal, enter = () => true) => {
      const counts = { links: 0, special: 0, unreadable: 0 };
      return walk(root, { signal, enter, counts, permits: (path) => permits(absolute(path)) }, () => {
        skipped = counts;
      });
    },
    read: async (path, max_bytes) => {
      if (path.includes("\0") || path.split("/").some((name) => name === "" || name === "." || name === "..")) {
        throw new Fault("path_invalid", `${JSON.stringify(path)} is not a path below "${root}"`);
      }
      if (!permits(absolute(path))) {
        throw new Fault("path_not_granted", `"${absolute(path)}" is outside what may be read`);
      }
      return readWhole(absolute(path), max_bytes);
    },
  };
}

async function* walk(
  root: string,
  options: {
    readonly signal: AbortSignal;
    readonly enter: (folder: string) => boolean;
    readonly permits: (path: string) => boolean;
    readonly counts: { links: number; special: number; unreadable: number };
  },
  ended: () => void,
): AsyncGenerator<TreeFile> {
  const { counts } = options;
  // The folders on the way down stay open: each name is looked up once, in the folder it belongs to.
  const stack: Frame[] = [frame(openDirectory(root), "")];
  try {
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const entry = top.entries[top.next];
      top.next += 1;
      // A signal or another task waiting for its turn gets it in every folder, and now and then within a large one.
      if (top.next % LIMITS.tree_turn_entries === 0) await turn(options.signal, root);
      if (entry === undefined) {
        stack.pop();
        top.directory.close();
        continue;
      }
      const path = top.prefix + entry.name;
      if (entry.isDirectory()) {
        if (!options.enter(path)) continue;
        await turn(options.signal, root);
        const child = stack.length < LIMITS.tree_depth ? tryFrame(top.directory, entry.name, path) : null;
        if (child === null) counts.unreadable += 1;
        else stack.push(child);
      } else if (entry.isSymbolicLink()) counts.links += 1;
      else if (!entry.isFile()) counts.special += 1;
      else if (options.permits(path)) {
        const stat = lstatSync(top.directory.at(entry.name), { throwIfNoEntry: false });
        if (stat === undefined) counts.unreadable += 1;
        else if (!stat.isFile() || stat.nlink > 1) counts.links += 1;
        else yield { path, size_bytes: stat.size, mtime_ms: stat.mtimeMs };
      }
    }
    ended();
  } finally {
    for (const { directory } of stack) directory.close();
  }
}

async function turn(signal: AbortSignal, root: string): Promise<void> {
  await setImmediate();
  throwIfCanceled(signal, `listing "${root}"`);
}

function frame(directory: Directory, prefix: string): Frame {
  try {
    const entries = readdirSync(directory.at("."), { withFileTypes: true });
    return { directory, prefix, entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1)), next: 0 };
  } catch (error) {
    directory.close();
    throw fileFault(error, "read", directory.path);
  }
}

/** Null where a folder cannot be listed: it is gone, closed to this user, or became a link. */
function tryFrame(parent: Directory, name: string, path: string): Frame | null {
  try {
    return frame(openChild(parent, name), `${path}/`);
  } catch (error) {
    const fault = fileFault(error, "read", path);
    if (["not_found", "file_access", "path_linked"].includes(fault.code)) return null;
    throw fault;
  }
}

function readWhole(path: string, max_bytes: number): Uint8Array | null {
  let opened: ReturnType<typeof openRegular>;
  try {
    opened = openRegular(path);
  } catch (error) {
    if (error instanceof Fault && ["not_found", "path_linked", "path_not_regular"].includes(error.code)) return null;
    throw error;
  }
  try {
    if (opened.size > max_bytes) return null;
    const bytes = new Uint8Array(opened.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(opened.fd, bytes, length, bytes.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return length === bytes.length ? bytes : bytes.subarray(0, length);
  } catch (error) {
    throw fileFault(error, "read", path);
  } finally {
    closeSync(opened.fd);
  }
}
