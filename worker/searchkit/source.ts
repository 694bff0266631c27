import { globCovers, matchGlob } from "@oa/shared/core/glob.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import ignore, { type Ignore } from "ignore";
import { extensionsOf } from "./languages.ts";

/** One file of a source tree: `path` is relative and POSIX. */
export interface SourceFile {
  readonly path: string;
  readonly size_bytes: number;
  readonly mtime_ms: number;
}

/**
 * All that indexing may see of a folder. `list` may use `enter` to spare itself folders nobody wants; a tree that does
 * not is only slower. `read` answers null for a file that is gone, not readable or larger than asked.
 */
export interface SourceTree {
  readonly root: string;
  list(signal: AbortSignal, enter?: (folder: string) => Promise<boolean>): AsyncIterable<SourceFile>;
  read(path: string, max_bytes: number): Promise<Uint8Array | null>;
}

/** Which files of a tree an index holds. */
export interface Scope {
  readonly languages: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** The files of `tree` within `scope` that git would not ignore. */
export async function* filesInScope(tree: SourceTree, scope: Scope, signal: AbortSignal): AsyncGenerator<SourceFile> {
  const ignored = gitIgnore(tree);
  const extensions = scope.languages.length === 0 ? null : extensionsOf(scope.languages);
  const enter = async (folder: string): Promise<boolean> =>
    !isGitData(folder) &&
    !scope.exclude.some((glob) => globCovers(glob, `${escapeGlob(folder)}/**`)) &&
    !(await ignored(folder, true));
  for await (const file of tree.list(signal, enter)) {
    const { path } = file;
    if (isGitData(path)) continue;
    if (extensions !== null && !extensions.some((extension) => path.toLowerCase().endsWith(extension))) continue;
    if (scope.include.length > 0 && !scope.include.some((glob) => matchGlob(glob, path))) continue;
    if (scope.exclude.some((glob) => matchGlob(glob, path))) continue;
    if (await ignored(path, false)) continue;
    yield file;
  }
}

/** The commit HEAD names, or null where the tree is no git checkout (or a linked one, whose data lies elsewhere). */
export async function headCommit(tree: SourceTree): Promise<string | null> {
  const head = (await text(tree, ".git/HEAD"))?.trim();
  if (head === undefined) return null;
  const ref = /^ref: (refs\/\S+)$/.exec(head)?.[1];
  if (ref === undefined) return commitId(head);
  if (ref.split("/").includes("..")) return null;
  const loose = (await text(tree, `.git/${ref}`))?.trim();
  if (loose !== undefined) return commitId(loose);
  const packed = (await text(tree, ".git/packed-refs"))?.split("\n").find((line) => line.endsWith(` ${ref}`));
  return packed === undefined ? null : commitId(packed.split(" ")[0] ?? "");
}

function commitId(value: string): string | null {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value) ? value : null;
}

function isGitData(path: string): boolean {
  return path.split("/").includes(".git");
}

function escapeGlob(path: string): string {
  return path.replace(/[\\*?[\]{},!]/g, "\\$&");
}

async function text(tree: SourceTree, path: string): Promise<string | undefined> {
  const bytes = await tree.read(path, LIMITS.search_ignore_file_bytes);
  return bytes === null ? undefined : new TextDecoder().decode(bytes);
}

/**
 * git's rules: the nearest .gitignore with an opinion decides, then those above it, then .git/info/exclude; what lies
 * in an ignored folder cannot be taken back in.
 */
function gitIgnore(tree: SourceTree): (path: string, folder: boolean) => Promise<boolean> {
  const rules = new Map<string, Promise<Ignore | null>>();
  const folders = new Map<string, Promise<boolean>>([["", Promise.resolve(false)]]);
  const load = (path: string): Promise<Ignore | null> => {
    let loaded = rules.get(path);
    if (loaded === undefined) {
      loaded = text(tree, path).then((lines) =>
        lines === undefined ? null : ignore({ ignorecase: process.platform === "darwin" }).add(lines),
      );
      rules.set(path, loaded);
    }
    return loaded;
  };
  const matches = async (path: string, folder: boolean): Promise<boolean> => {
    for (let at = parent(path); ; at = parent(at)) {
      const prefix = at === "" ? "" : `${at}/`;
      const verdict = (await load(`${prefix}.gitignore`))?.test(path.slice(prefix.length) + (folder ? "/" : ""));
      if (verdict?.ignored === true) return true;
      if (verdict?.unignored === true) return false;
      if (at === "") break;
    }
    return (await load(".git/info/exclude"))?.ignores(path + (folder ? "/" : "")) ?? false;
  };
  const folderIgnored = (path: string): Promise<boolean> => {
    let known = folders.get(path);
    if (known === undefined) {
      known = folderIgnored(parent(path)).then((above) => above || matches(path, true));
      folders.set(path, known);
    }
    return known;
  };
  return async (path, folder) =>
    folder ? folderIgnored(path) : (await folderIgnored(parent(path))) || matches(path, false);
}

function parent(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}
