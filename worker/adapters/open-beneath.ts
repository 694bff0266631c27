import { closeSync, constants, fstatSync, fsyncSync, lstatSync, mkdirSync, openSync, type Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { assert, Fault } from "@oa/shared/core/refusal.ts";
import { fileFault } from "./file-faults.ts";

/**
 * A directory held open, so that what is looked up in it is looked up in *it*, whatever is swapped on the path that led
 * there. Linux: names go through `/proc/self/fd/<n>/…`, and no component may be a link. macOS: the kernel refuses a link
 * in any component (`O_NOFOLLOW_ANY`) at each open; a rename there still goes by path, so the writer checks the result.
 * Untested on macOS hardware.
 */
export interface Directory {
  readonly fd: number;
  readonly path: string;
  /** What to pass to an open, stat, unlink or rename to mean `name` in this directory. Valid until `close`. */
  readonly at: (name: string) => string;
  readonly close: () => void;
}

const MAC = process.platform === "darwin";
// Neither is in node:fs constants. O_PATH needs only search permission on the way and opens nothing.
const O_PATH = 0x200000;
const O_NOFOLLOW_ANY = 0x20000000;

/** Flags that make an open fail where the last component (macOS: any component) is a link. */
export const NO_LINKS = MAC ? O_NOFOLLOW_ANY : constants.O_NOFOLLOW;
const DIRECTORY = constants.O_DIRECTORY | NO_LINKS | (MAC ? constants.O_RDONLY : O_PATH);

/**
 * Opens a directory by a path that holds no link, component by component; a link in it is a `Fault` path_linked, so a
 * swap between resolving the path and this call is refused. With `create`, directories that do not exist are made.
 */
export function openDirectory(path: string, options: { readonly create?: boolean } = {}): Directory {
  assert(process.platform === "linux" || MAC, `files are not supported on ${process.platform}`);
  assert(path.startsWith("/"), "a directory is opened by its absolute path");
  let current = held("/", openSync("/", DIRECTORY));
  for (const name of path.split("/")) {
    if (name === "") continue;
    const parent = current;
    try {
      if (options.create === true) makeDirectory(parent, name);
      current = openChild(parent, name);
    } finally {
      parent.close();
    }
  }
  return current;
}

/** Opens a directory in an open directory. ENOENT stays the system's own error. */
export function openChild(parent: Directory, name: string): Directory {
  const path = parent.path === "/" ? `/${name}` : `${parent.path}/${name}`;
  try {
    return held(path, openSync(parent.at(name), DIRECTORY));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ELOOP" || code === "ENOTDIR") {
      throw new Fault("path_linked", `"${path}" is not a folder, or became a link while it was being opened`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Makes the names in a directory durable: what was renamed into it stays after a power cut. */
export function syncDirectory(directory: Directory): void {
  const fd = openSync(directory.at("."), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Opens a regular file by a path without links. A FIFO or a device is not opened at all: opening one can act. */
export function openRegular(path: string): { readonly fd: number; readonly size: number; readonly mtime_ms: number } {
  try {
    const parent = openDirectory(dirname(path));
    try {
      return openRegularIn(parent, basename(path));
    } finally {
      parent.close();
    }
  } catch (error) {
    throw fileFault(error, "read", path);
  }
}

/** The same in an open directory. */
export function openRegularIn(
  parent: Directory,
  name: string,
): { readonly fd: number; readonly size: number; readonly mtime_ms: number } {
  const path = `${parent.path}/${name}`;
  refuseUnlessPlain(lstatSync(parent.at(name)), path);
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | NO_LINKS;
  const fd = openSync(parent.at(name), flags);
  try {
    const stat = fstatSync(fd);
    refuseUnlessPlain(stat, path);
    return { fd, size: stat.size, mtime_ms: stat.mtimeMs };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Refuses what is not a regular file with one name: a second hard link may be a file outside the grant. */
export function refuseUnlessPlain(stat: Stats, path: string): void {
  if (stat.isSymbolicLink()) {
    throw new Fault("path_linked", `"${path}" is a link that leads nowhere, or became one while it was being opened`);
  }
  if (!stat.isFile()) throw new Fault("path_not_regular", `"${path}" is not a regular file`);
  if (stat.nlink > 1) {
    throw new Fault(
      "path_linked",
      `"${path}" has ${stat.nlink} hard links, so it may be a file outside what is granted: copy it instead`,
    );
  }
}

function makeDirectory(parent: Directory, name: string): void {
  try {
    mkdirSync(parent.at(name));
  } catch (error) {
    // A parent that cannot be written to, such as /home, is no obstacle where the folder is there.
    if (!["EEXIST", "EACCES", "EROFS", "EPERM", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) {
      throw error;
    }
    return;
  }
  syncDirectory(parent);
}

function held(path: string, fd: number): Directory {
  let open = true;
  return {
    fd,
    path,
    at: (name) => {
      // The number may be another file's by now.
      assert(open, `the folder ${path} was used after it was closed`);
      return MAC ? `${path === "/" ? "" : path}/${name}` : `/proc/self/fd/${fd}/${name}`;
    },
    close: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
