import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { matchGlob } from "@oa/shared/core/glob.ts";
import { belowOwnState } from "@oa/shared/core/own-state.ts";
import { escapeGlob, type Permission } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { throwIfCanceled } from "./canceled.ts";
import type { Writer } from "./confined-writer.ts";
import { fileFault, isGitFolder, lexicalPath } from "./file-faults.ts";
import { type GrantedPaths, grantedPaths, isHidden } from "./granted-paths.ts";
import { type GrantedTree, openGrantedTree } from "./granted-tree.ts";
import {
  type Directory,
  NO_LINKS,
  openDirectory,
  openRegular,
  refuseUnlessPlain,
  syncDirectory,
} from "./open-beneath.ts";
import type { OwnState } from "./own-states.ts";
import { sweepTemporaries, temporaryName } from "./temporaries.ts";

/**
 * The files a grant opens, and no others. Every path is resolved, links too, before it is compared with the grant, and
 * opened without a gap between the check and the use. A file with a second hard link is refused: its other name may be
 * outside the grant. What `${install.state}` stands for leads to the upgrade's own state, where the same holds.
 *
 * Faults: path_invalid (relative, `..`, NUL), path_not_granted, state_full, disk_quota, path_linked (a hard link, or a link swapped in),
 * path_not_regular, not_found, too_large, disk_full, file_access, canceled.
 */
export interface GrantedFiles {
  /** The whole file, at most `max_bytes`. */
  readonly read: (
    path: string,
    options: { readonly max_bytes: number; readonly signal: AbortSignal },
  ) => Promise<Uint8Array>;
  /** Writes the file whole or not at all: a temporary file beside it, flushed, renamed, the folder flushed. */
  readonly write: (
    path: string,
    bytes: Uint8Array,
    options: { readonly signal: AbortSignal },
  ) => Promise<{ readonly path: string; readonly bytes: number; readonly sha256: string }>;
  /** A folder's files, for reading many. */
  readonly tree: (path: string) => Promise<GrantedTree>;
  /**
   * A folder of which all is granted, links resolved: for a program in the sandbox, which is shown that folder and
   * nothing that was put in its place since.
   */
  readonly folder: (path: string, access: "read" | "write") => Promise<string>;
  /**
   * The path with all links resolved, checked against the grant: for a program that takes a path and not a descriptor.
   * What that program does with it is not free of the gap.
   */
  readonly resolve: (path: string, access: "read" | "write") => Promise<string>;
  /** After a program wrote in such a folder. Faults: state_full, disk_quota, where it left too much in the own state. */
  readonly settle: () => Promise<void>;
}

/** A path with what it is checked against; `state`: the own one, where it lies in that. */
interface Located {
  readonly paths: GrantedPaths;
  readonly path: string;
  readonly state: OwnState | null;
}

const CHUNK_BYTES = 1_048_576;
const readInto = promisify(fs.read);
const writeFrom = promisify(fs.write);
const sync = promisify(fs.fsync);

/**
 * `grant`: canonical permissions; `~/` in them and in paths is `home`. Links in a granted root are resolved once.
 * `writer`: puts files in their place where this process cannot do it without a gap. `hidden`: the worker's own folder,
 * without links. `state`: where the upgrade keeps its own files; absent: it may not.
 */
export function openGrantedFiles(
  grant: readonly Permission[],
  options: {
    readonly home: string;
    readonly writer?: Writer;
    readonly hidden?: string;
    readonly state?: OwnState;
  },
): GrantedFiles {
  const { home, hidden = null, state } = options;
  let paths: GrantedPaths | undefined;
  /** Whether a program may have written in the state. */
  let lent = false;
  const locate = async (path: string, access: "read" | "write", whole = false): Promise<Located> => {
    const below = belowOwnState(path);
    const lexical = lexicalPath(below === null ? path : below === "" ? "/" : below, home);
    const inState = below !== null || (state !== undefined && isBelow(lexical, state.path));
    if (!inState) {
      paths ??= grantedPaths(grant, home, hidden);
      return { paths, path: lexical, state: null };
    }
    if (state === undefined) {
      throw new Fault("path_not_granted", `"${path}" is in an upgrade's own state, and this one keeps none`);
    }
    const root = await state.open();
    if (whole && access === "write") {
      await state.measure();
      lent = true;
    }
    const all = `${escapeGlob(root)}/**`;
    const own = [
      ...(["read", "write"] as const).map((kind) => `filesystem:${kind}:${all}`),
      `filesystem:read:${escapeGlob(root)}`,
    ];
    return {
      paths: grantedPaths(own, home),
      path: below === null ? lexical : root + (below === "" ? "" : lexical),
      state,
    };
  };
  const check = async (path: string, access: "read" | "write", whole = false) => {
    const place = await locate(path, access, whole);
    return { real: place.paths.check(place.path, access), state: place.state };
  };
  return {
    read: async (path, { max_bytes, signal }) => {
      const { real } = await check(path, "read");
      const { fd, size } = openRegular(real);
      try {
        return await readAll(fd, size, { path: real, max_bytes, signal });
      } catch (error) {
        throw fileFault(error, "read", real);
      } finally {
        fs.closeSync(fd);
      }
    },
    write: async (path, bytes, { signal }) => {
      const { real, state: own } = await check(path, "write");
      if (real.split("/").some(isGitFolder)) {
        throw new Fault("path_not_granted", `"${real}" is inside git's own folder, which runs programs it names`);
      }
      try {
        await own?.reserve(bytes.length, fs.lstatSync(real, { throwIfNoEntry: false })?.size ?? null);
        const { writer } = options;
        if (writer !== undefined) {
          const mode = modeOf(real);
          await writer({ folder: dirname(real), name: basename(real), mode }, bytes, signal);
          return { path: real, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
        }
        const parent = openDirectory(dirname(real), { create: true });
        try {
          await replaceFile(parent, basename(real), bytes, signal);
        } finally {
          parent.close();
        }
      } catch (error) {
        throw fileFault(error, "write", real);
      }
      return { path: real, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
    },
    tree: async (path) => {
      const place = await locate(path, "read");
      const { root, patterns } = place.paths.tree(place.path);
      const shown = (file: string): boolean => place.state !== null || !isHidden(file, hidden);
      try {
        openDirectory(root).close();
      } catch (error) {
        throw fileFault(error, "read", root);
      }
      const matches = (file: string): boolean => patterns === null || patterns.some((p) => matchGlob(p, file));
      return openGrantedTree(root, (file) => shown(file) && matches(file));
    },
    folder: async (path, access) => {
      const place = await locate(path, access, true);
      return place.paths.folder(place.path, access);
    },
    resolve: async (path, access) => (await check(path, access, true)).real,
    settle: async () => {
      if (lent) await state?.measure();
    },
  };
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Of a plain file; null where there is none. Fault: path_linked, path_not_regular. */
function modeOf(path: string): number | null {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  refuseUnlessPlain(stat, path);
  return stat.mode;
}

async function readAll(
  fd: number,
  size: number,
  options: { readonly path: string; readonly max_bytes: number; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const tooLarge = (bytes: number): Fault =>
    new Fault("too_large", `"${options.path}" has ${bytes} bytes or more; at most ${options.max_bytes} are read`);
  if (size > options.max_bytes) throw tooLarge(size);
  // One byte more than the size, to notice a file that grew.
  let buffer = Buffer.alloc(Math.min(size, options.max_bytes) + 1);
  let length = 0;
  for (;;) {
    throwIfCanceled(options.signal, `reading "${options.path}"`);
    const count = Math.min(CHUNK_BYTES, buffer.length - length);
    const { bytesRead } = await readInto(fd, buffer, length, count, length);
    if (bytesRead === 0) return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
    length += bytesRead;
    if (length > options.max_bytes) throw tooLarge(length);
    if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(Math.max(length, 4_096))]);
  }
}

async function replaceFile(parent: Directory, name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const what = `writing "${parent.path}/${name}"`;
  throwIfCanceled(signal, what);
  sweepTemporaries(parent);
  const before = fs.lstatSync(parent.at(name), { throwIfNoEntry: false });
  if (before !== undefined) refuseUnlessPlain(before, `${parent.path}/${name}`);
  const temporary = temporaryName();
  const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
  const fd = fs.openSync(
    parent.at(temporary),
    O_WRONLY | O_CREAT | O_EXCL | NO_LINKS,
    before === undefined ? 0o666 : 0o600,
  );
  try {
    for (let done = 0; done < bytes.length; ) {
      throwIfCanceled(signal, what);
      done += (await writeFrom(fd, bytes, done, Math.min(CHUNK_BYTES, bytes.length - done))).bytesWritten;
    }
    if (before !== undefined) fs.fchmodSync(fd, before.mode & 0o777);
    await sync(fd);
    throwIfCanceled(signal, what);
    fs.renameSync(parent.at(temporary), parent.at(name));
    const written = fs.fstatSync(fd);
    const there = fs.lstatSync(parent.at(name), { throwIfNoEntry: false });
    if (process.platform === "darwin" && (there?.ino !== written.ino || there.dev !== written.dev)) {
      throw new Fault("path_linked", `"${parent.path}/${name}" was swapped while it was being written`);
    }
  } catch (error) {
    fs.rmSync(parent.at(temporary), { force: true });
    throw error;
  } finally {
    fs.closeSync(fd);
  }
  syncDirectory(parent);
}
