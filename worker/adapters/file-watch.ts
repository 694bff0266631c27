import { type FSWatcher, lstatSync, readlinkSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { matchGlob, reachesInto } from "@oa/shared/core/glob.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { escapeGlob, type Permission } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openGrantedFiles } from "./granted-files.ts";
import type { GrantedTree } from "./granted-tree.ts";

/** The watched files: absolute paths, and of each its size and time of change as one text. */
export type WatchedFiles = ReadonlyMap<string, string>;

/**
 * Files watched by a glob. What the system tells is only a sign to look again; what has changed is found by comparing
 * two looks, so that a file replaced by renaming, thousands at once, and folders that come and go are all the same.
 */
export interface FileWatch {
  /**
   * Looks at all files that match, within the grant and without following a link below the glob's fixed part, and sees
   * to it that every folder on the way is watched. Nothing there is an empty answer. Faults: path_not_granted,
   * path_invalid, too_large, file_access, canceled.
   */
  readonly look: (signal: AbortSignal) => Promise<WatchedFiles>;
  /** True where the system could not watch every folder, so that looking is the only way to know. */
  readonly isBlind: () => boolean;
  readonly close: () => void;
}

export interface FileWatchRequest {
  /** Absolute. */
  readonly glob: string;
  readonly grant: readonly Permission[];
  readonly home: string;
  /** A folder that is never looked into: the worker's own data changes with everything it does. */
  readonly except: string;
  /** Something may have changed. */
  readonly onSign: () => void;
  /** Most files that are watched. */
  readonly files_max?: number;
}

/**
 * macOS watches a whole tree with one stream; elsewhere every folder is watched by itself: Node's own recursive watch
 * on Linux is deaf once its root has been replaced, and follows links. A stream costs what all below it does, so on macOS
 * the folders above are not watched. Untested on macOS hardware.
 */
const WHOLE_TREES = process.platform === "darwin";

export function openFileWatch(request: FileWatchRequest): FileWatch {
  const { glob, grant, home, files_max = LIMITS.trigger_files } = request;
  const { fixed, rest } = splitGlob(glob);
  const watchers = openFolderWatchers();
  /** Real path of what is watched with all in it, and the glob with that in place of its fixed part. */
  let tree: { readonly root: string; readonly pattern: string } | null = null;
  /** By folder on the way to what is watched, links on it too: the names that lead further. */
  let way: Way = new Map();

  const onChange: OnChange = (folder, name, renamed) => {
    if (name === null || way.get(folder)?.has(name) === true) return request.onSign();
    if (tree === null || !isWithin(folder, tree.root)) return;
    const path = join(folder, name);
    if (isWithin(path, request.except)) return;
    if (matchGlob(tree.pattern, path)) return request.onSign();
    // A folder that came, went or was moved may have held files that match.
    if (renamed && reachesInto(tree.pattern, path) && (watchers.has(path) || isFolder(path))) request.onSign();
    else if (path === join(folder, folder.slice(folder.lastIndexOf("/") + 1))) {
      watchers.drop(folder); // the system names a folder itself when it is moved or deleted
      request.onSign();
    }
  };
  /** What is moved or linked elsewhere above tells nothing below. */
  const watchWay = (folders: Iterable<string>): void => {
    for (const folder of folders) watchers.watch(folder, { on_way: true }, onChange);
  };

  const lookBelow = async (found: GrantedTree, signal: AbortSignal): Promise<WatchedFiles> => {
    const { root } = found;
    const pattern = `${root === "/" ? "" : escapeGlob(root)}/${rest}`;
    tree = { root, pattern };
    const files = new Map<string, string>();
    const wanted = new Set<string>([root]);
    // Watched before it is listed, so that nothing falls between.
    watchers.watch(root, { whole_tree: WHOLE_TREES }, onChange);
    const enter = (folder: string): boolean => {
      const path = join(root, folder);
      if (isWithin(path, request.except) || !reachesInto(pattern, path)) return false;
      wanted.add(path);
      if (wanted.size > LIMITS.trigger_folders) throw tooMany(glob, LIMITS.trigger_folders, "folders");
      if (!WHOLE_TREES) watchers.watch(path, {}, onChange);
      return true;
    };
    for await (const { path, size_bytes, mtime_ms } of found.list(signal, enter)) {
      const absolute = join(root, path);
      if (!matchGlob(pattern, absolute) || isWithin(absolute, request.except)) continue;
      files.set(absolute, `${size_bytes} ${mtime_ms}`);
      if (files.size > files_max) throw tooMany(glob, files_max, "files");
    }
    watchers.keep(new Set([...(WHOLE_TREES ? [] : way.keys()), ...wanted]));
    return files;
  };
  /** Of a single file, or of a folder that is not there, only what leads there is watched. */
  const lookAtWay = (): void => {
    tree = null;
    const folders = [...way.keys()].slice(WHOLE_TREES ? -1 : 0);
    watchWay(folders);
    watchers.keep(new Set(folders));
  };
  const lookAtOne = async (): Promise<WatchedFiles> => {
    const path = await openGrantedFiles(grant, { home }).resolve(fixed, "read");
    lookAtWay();
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return new Map(stat?.isFile() === true ? [[path, `${stat.size} ${stat.mtimeMs}`]] : []);
  };

  return {
    look: async (signal) => {
      watchers.restart();
      way = wayTo(fixed);
      if (!WHOLE_TREES) watchWay(way.keys());
      if (rest === "") return lookAtOne();
      try {
        // Anew each time: links in the granted root, and the root itself, may have come or gone.
        return await lookBelow(await openGrantedFiles(grant, { home }).tree(fixed), signal);
      } catch (error) {
        if (!(error instanceof Fault && error.code === "not_found")) throw error;
        lookAtWay();
        return new Map();
      }
    },
    isBlind: watchers.isBlind,
    close: () => watchers.keep(new Set()),
  };
}

/** The part of a glob before its first wildcard, as a path, and the rest, as a glob; the rest is empty without one. */
function splitGlob(glob: string): { readonly fixed: string; readonly rest: string } {
  const names = glob.split("/").slice(1);
  const first = names.findIndex((name) => /[*?[\]{}]/.test(name.replace(/\\./g, "")));
  const cut = first === -1 ? names.length : first;
  const fixed = names.slice(0, cut).map((name) => name.replace(/\\(.)/g, "$1"));
  return { fixed: `/${fixed.join("/")}`, rest: names.slice(cut).join("/") };
}

function tooMany(glob: string, most: number, what: string): Fault {
  return new Fault("too_large", `${JSON.stringify(glob)} covers more than ${most} ${what}: watch less`);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false; // it cannot be looked at, so nothing below it can either
  }
}

type Way = ReadonlyMap<string, ReadonlySet<string>>;

/** Every folder that is passed through on the way to a path, as far as it is there, with the names that are followed. */
function wayTo(path: string): Way {
  const way = new Map<string, Set<string>>();
  const names = path.split("/").filter((name) => name !== "");
  let folder = "/";
  for (let passed = 0; passed < LIMITS.trigger_way_folders; passed += 1) {
    const name = names.shift();
    if (name === undefined) break;
    if (name === "..") folder = dirname(folder);
    if (name === ".." || name === "." || name === "") continue;
    way.set(folder, (way.get(folder) ?? new Set()).add(name));
    const next = join(folder, name);
    const target = linkAt(next);
    if (target === null) folder = next;
    else names.unshift(...target.split("/"));
    if (target?.startsWith("/") === true) folder = "/";
    if (target === null && !isFolder(next)) break;
  }
  return way;
}

/** What a link says; null where there is none, or nobody may know. */
function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

type OnChange = (folder: string, name: string | null, renamed: boolean) => void;

interface HowWatched {
  readonly whole_tree?: boolean;
  /** Whether only the way leads through it: closed to this user, it is not one that this user moves. */
  readonly on_way?: boolean;
}

interface FolderWatchers {
  /** Watches a folder, anew where another one has taken its place. */
  readonly watch: (folder: string, how: HowWatched, onChange: OnChange) => void;
  /** Ends all watches but these. */
  readonly keep: (folders: ReadonlySet<string>) => void;
  readonly drop: (folder: string) => void;
  readonly has: (folder: string) => boolean;
  readonly isBlind: () => boolean;
  /** Forgets that the system refused a watch: the next look finds out. */
  readonly restart: () => void;
}

function openFolderWatchers(): FolderWatchers {
  const open = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();
  let blind = false;
  const drop = (folder: string): void => {
    open.get(folder)?.watcher.close();
    open.delete(folder);
  };
  return {
    watch: (folder, { whole_tree = false, on_way = false }, onChange) => {
      const identity = identityOf(folder);
      if (identity === null) return drop(folder);
      if (open.get(folder)?.identity === identity) return;
      drop(folder);
      try {
        const watcher = watch(folder, { persistent: false, recursive: whole_tree });
        watcher.on("change", (event, name) =>
          onChange(folder, name === null ? null : String(name), event === "rename"),
        );
        watcher.on("error", () => {
          if (open.get(folder)?.watcher === watcher) drop(folder);
          blind = true;
          onChange(folder, null, true);
        });
        open.set(folder, { identity, watcher });
      } catch (error) {
        // Gone meanwhile: its parent told, or will. All else (the system's limit of watches) leaves looking.
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "ENOENT" && !(on_way && code === "EACCES")) blind = true;
      }
    },
    keep: (folders) => {
      for (const folder of [...open.keys()]) if (!folders.has(folder)) drop(folder);
    },
    drop,
    has: (folder) => open.has(folder),
    isBlind: () => blind,
    restart: () => {
      blind = false;
    },
  };
}

/** Tells a folder from another of the same name; the number alone is used again at once. */
function identityOf(folder: string): string | null {
  try {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    return stat?.isDirectory() === true ? `${stat.dev} ${stat.ino} ${stat.birthtimeMs}` : null;
  } catch {
    return null;
  }
}
