import { globCovers, matchGlob } from "@oa/shared/core/glob.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { escapeGlob } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import ignore, { type Ignore } from "ignore";
import type { GrantedTree } from "../adapters/granted-tree.ts";
import { extensionsOf } from "./languages.ts";

/** One file of a source tree: `path` is relative and POSIX. */
export interface SourceFile {
  readonly path: string;
  readonly size_bytes: number;
  readonly mtime_ms: number;
}

/** All that indexing may see of a folder: a granted tree. */
export type SourceTree = Pick<GrantedTree, "root" | "list" | "read">;

/** Which files of a tree an index holds. */
export interface Scope {
  readonly languages: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** The files of `tree` within `scope` that git would not ignore. */
export async function* filesInScope(tree: SourceTree, scope: Scope, signal: AbortSignal): AsyncGenerator<SourceFile> {
  const git = await gitIgnore(tree);
  const extensions = scope.languages.length === 0 ? null : extensionsOf(scope.languages);
  const enter = (folder: string): boolean =>
    !isGitData(folder) &&
    !scope.exclude.some((glob) => globCovers(glob, `${escapeGlob(folder)}/**`)) &&
    !git.ignoresFolder(folder);
  for await (const file of tree.list(signal, enter)) {
    const { path } = file;
    if (isGitData(path)) continue;
    // Read as soon as it is listed, so that the ignored folders beside it are not entered.
    if (path.endsWith("/.gitignore")) await git.load(parent(path));
    if (extensions !== null && !extensions.some((extension) => path.toLowerCase().endsWith(extension))) continue;
    if (scope.include.length > 0 && !scope.include.some((glob) => matchGlob(glob, path))) continue;
    if (scope.exclude.some((glob) => matchGlob(glob, path))) continue;
    if (await git.ignoresFile(path)) continue;
    yield file;
  }
}

/** A file's bytes; null also where it may not be read. */
export async function readOrNull(tree: SourceTree, path: string, max_bytes: number): Promise<Uint8Array | null> {
  try {
    return await tree.read(path, max_bytes);
  } catch (error) {
    if (error instanceof Fault && (error.code === "file_access" || error.code === "path_not_granted")) return null;
    throw error;
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

async function text(tree: SourceTree, path: string): Promise<string | undefined> {
  const bytes = await readOrNull(tree, path, LIMITS.search_ignore_file_bytes);
  return bytes === null ? undefined : new TextDecoder().decode(bytes);
}

interface GitIgnore {
  /** Reads a folder's own .gitignore, once. */
  readonly load: (folder: string) => Promise<void>;
  /** By the rules read so far: enough to spare a listing. */
  readonly ignoresFolder: (path: string) => boolean;
  /** By all the rules that apply. */
  readonly ignoresFile: (path: string) => Promise<boolean>;
}

/**
 * git's rules: the nearest .gitignore with an opinion decides, then those above it, then .git/info/exclude; what lies
 * in an ignored folder cannot be taken back in.
 */
async function gitIgnore(tree: SourceTree): Promise<GitIgnore> {
  const rules = new Map<string, Ignore | null>();
  const settled = new Map<string, boolean>();
  const parse = async (path: string): Promise<Ignore | null> => {
    const lines = await text(tree, path);
    return lines === undefined ? null : ignore({ ignorecase: process.platform === "darwin" }).add(lines);
  };
  const load = async (folder: string): Promise<void> => {
    if (!rules.has(folder)) rules.set(folder, await parse(folder === "" ? ".gitignore" : `${folder}/.gitignore`));
  };
  await load("");
  const exclude = await parse(".git/info/exclude");
  const matches = (path: string, suffix: "" | "/"): boolean => {
    for (let at = path; at !== ""; ) {
      at = parent(at);
      const verdict = rules.get(at)?.test(path.slice(at === "" ? 0 : at.length + 1) + suffix);
      if (verdict?.ignored === true) return true;
      if (verdict?.unignored === true) return false;
    }
    return exclude?.ignores(path + suffix) ?? false;
  };
  const ignoresFolder = (path: string): boolean =>
    path !== "" && (settled.get(path) ?? (ignoresFolder(parent(path)) || matches(path, "/")));
  return {
    load,
    ignoresFolder,
    ignoresFile: async (path) => {
      const folder = parent(path);
      if (folder !== "" && !settled.has(folder)) {
        const names = folder.split("/");
        for (let depth = 1; depth <= names.length; depth += 1) await load(names.slice(0, depth).join("/"));
        settled.set(folder, ignoresFolder(folder));
      }
      return ignoresFolder(folder) || matches(path, "");
    },
  };
}

function parent(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}
