import * as fs from "node:fs";
import { resolve } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { isGitFolder } from "./file-faults.ts";
import type { Git } from "./git-command.ts";

/** A submodule as the checked-out commit of a repository names it. */
export interface Submodule {
  /** Below the repository's folder. */
  readonly path: string;
  /** Where it is said to be: made absolute, and not checked yet. */
  readonly repo: string;
  /** The commit that belongs there. */
  readonly commit: string;
}

/**
 * The submodules of what is checked out, from its own `.gitmodules` as it was committed: data of a stranger's, of which
 * only addresses and paths are read. `base`: where the repository itself is from. Fault: git_source_invalid.
 */
export async function submodulesOf(git: Git, base: string): Promise<readonly Submodule[]> {
  const [modules] = await entriesAt(git, ".gitmodules");
  if (modules === undefined || modules.type !== "blob" || !modules.mode.startsWith("100")) return [];
  const text = await git.run(["config", "--no-includes", "--blob=HEAD:.gitmodules", "--null", "--list"]);
  const named = new Map<string, { path?: string; url?: string }>();
  for (const line of text.split("\0")) {
    const [, name, key] = /^submodule\.([\s\S]+)\.(path|url)\n/.exec(line) ?? [];
    if (name === undefined || key === undefined) continue;
    named.set(name, { ...named.get(name), [key]: line.slice(line.indexOf("\n") + 1) });
  }
  const found: Submodule[] = [];
  for (const { path, url } of named.values()) {
    if (path === undefined || url === undefined || unsafe(path)) continue;
    const [entry] = await entriesAt(git, path);
    if (entry?.mode !== "160000") continue;
    if (found.length >= LIMITS.git_submodules) {
      throw new Fault("git_source_invalid", `${base} has more than ${LIMITS.git_submodules} submodules`);
    }
    found.push({ path, repo: absolute(url, base), commit: entry.sha });
  }
  return found;
}

async function entriesAt(git: Git, path: string) {
  const listed = await git.run(["--literal-pathspecs", "ls-tree", "-z", "--full-tree", "HEAD", "--", path]);
  return listed.split("\0").flatMap((line) => {
    const [, mode = "", type = "", sha = "", name] = /^(\d{6}) (\w+) ([0-9a-f]{40,64})\t([\s\S]+)$/.exec(line) ?? [];
    return name === path ? [{ mode, type, sha }] : [];
  });
}

/** A path that does not stay below, that is git's own, or that a program could take for an option. */
function unsafe(path: string): boolean {
  const names = path.split("/");
  return (
    path.startsWith("-") || names.some((name) => name === "" || name === "." || name === ".." || isGitFolder(name))
  );
}

/** As git reads an address that begins with `./` or `../`: from the repository's own, which is taken for a folder. */
function absolute(url: string, base: string): string {
  if (!url.startsWith("./") && !url.startsWith("../")) return url;
  const folder = base.replace(/\/+$/, "");
  return URL.canParse(folder) ? new URL(url, `${folder}/`).href : resolve(folder, url);
}

/**
 * Refuses a submodule's folder that is reached through a link: a commit can hold the link beside the submodule, also
 * under a name that differs by case alone. Fault: path_linked.
 */
export function refuseLinked(folder: string, path: string): void {
  let at = folder;
  for (const name of path.split("/")) {
    at = `${at}/${name}`;
    const kind = fs.lstatSync(at, { throwIfNoEntry: false });
    if (kind !== undefined && !kind.isDirectory()) {
      throw new Fault("path_linked", `"${at}" is no folder of its own, so no submodule is put there`);
    }
  }
}
