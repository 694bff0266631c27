import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { GitCloneParams, GitCloneResult } from "@oa/shared/generated/types.ts";
import { fileFault, isGitFolder } from "../adapters/file-faults.ts";
import { type Git, openGit } from "../adapters/git-command.ts";
import { type CloneMarker, readMarker, writeMarker } from "../adapters/git-marker.ts";
import { type GitSource, localPath, openGitSource } from "../adapters/git-source.ts";
import { refuseLinked, type Submodule, submodulesOf } from "../adapters/git-submodules.ts";
import { openDirectory, syncDirectory } from "../adapters/open-beneath.ts";
import { sweepTemporaries, temporaryName } from "../adapters/temporaries.ts";
import type { OpContext } from "./op.ts";

const busy = new Set<string>();

/**
 * Clones a repository, or brings a clone that this op made up to date. A new clone is made beside its place and moved
 * there whole. An existing folder is touched only where this op made it and nobody has changed it since.
 *
 * Faults: git_source_invalid, git_source_missing, git_dest_foreign, git_dest_changed, git_failed, busy, disk_full, and
 * those of `GrantedFiles`, `Egress` and `Processes`.
 */
export async function gitClone(params: GitCloneParams, context: OpContext): Promise<GitCloneResult> {
  const { submodules } = params;
  if (submodules === undefined) return await cloneOne(params, context);
  const named = new Map<string, string>();
  for (const repo of submodules) named.set(await identityOf(repo, context), repo);
  const tree: Tree = { named, brought: [], depth: 0 };
  const cloned = await cloneOne(params, context, tree);
  const brought = new Set(tree.brought.map(({ repo }) => repo));
  const missing = [...named].find(([identity]) => !brought.has(identity));
  if (missing !== undefined && (cloned.updated || params.update !== false)) {
    throw new Fault("git_source_missing", `${params.repo} has no submodule from ${missing[1]} where it was cloned`);
  }
  return { ...cloned, submodules: tree.brought };
}

/** The submodules of one call: which may be followed, by what `identityOf` makes of them, and which were. */
interface Tree {
  readonly named: ReadonlyMap<string, string>;
  readonly brought: { readonly path: string; readonly repo: string; readonly commit: string }[];
  readonly depth: number;
}

async function cloneOne(params: GitCloneParams, context: OpContext, tree?: Tree): Promise<GitCloneResult> {
  const dest = await context.files.resolve(params.dest, "write");
  if (fs.lstatSync(dest, { throwIfNoEntry: false })?.isFile() === true) {
    throw new Fault("git_dest_foreign", `"${dest}" is a file, not a folder for a clone`);
  }
  await context.files.resolve(`${dest}/.git`, "write");
  if (dest.split("/").some(isGitFolder)) {
    throw new Fault("path_not_granted", `"${dest}" is inside a git repository's own folder`);
  }
  if (busy.has(dest)) throw new Fault("busy", `another step is working on "${dest}"`, { retryable: true });
  busy.add(dest);
  try {
    const marker = ownClone(dest);
    if (marker !== null && marker.state === "ready" && params.update === false) {
      const identity = await identityOf(params.repo, context);
      if (!isOurs(marker, context)) refuseOther(marker, identity, dest);
      if (marker.repo === identity) {
        return { path: params.dest, commit: marker.commit, branch: marker.branch, updated: false };
      }
    }
    const source = await openGitSource(params.repo, context);
    const replaces = marker !== null && marker.repo !== source.identity;
    if (replaces) await refuseForeign(marker, source, dest, context);
    const again = replaces || marker === null || marker.state !== "ready" || marker.depth !== (params.depth ?? null);
    const { commit, branch } = again
      ? await cloneAnew(dest, source, params, context)
      : await update(dest, marker, source, params, context);
    const below = tree === undefined ? false : await bringSubmodules(dest, source, params, context, tree);
    await context.files.settle();
    return {
      path: params.dest,
      commit,
      branch,
      updated: below || marker === null || again || commit !== marker.commit,
    };
  } catch (error) {
    throw error instanceof Fault ? error : fileFault(error, "write", dest);
  } finally {
    busy.delete(dest);
  }
}

/** Clones the named submodules of what is checked out, each by the same checks as its parent; whether one changed. */
async function bringSubmodules(
  dest: string,
  source: GitSource,
  params: GitCloneParams,
  context: OpContext,
  tree: Tree,
): Promise<boolean> {
  const found = await submodulesOf(gitIn(dest, source, context), source.identity);
  const wanted: (Submodule & { readonly identity: string })[] = [];
  for (const one of found) {
    // Of those that nobody named, not even the address is looked at any closer.
    const identity = await identityOf(one.repo, context).catch(() => null);
    if (identity !== null && tree.named.has(identity)) wanted.push({ ...one, identity });
  }
  if (wanted.length === 0) return false;
  if (tree.depth >= LIMITS.git_submodule_depth) {
    throw new Fault("git_source_invalid", `submodules of ${source.identity} lie deeper than ${tree.depth} levels`);
  }
  const marker = readMarker(dest);
  if (marker !== null) writeMarker(dest, { ...marker, submodules: wanted.map(({ path }) => path) });
  let updated = false;
  for (const { path, identity, commit } of wanted) {
    if (tree.brought.length >= LIMITS.git_submodules) {
      throw new Fault("git_source_invalid", `more than ${LIMITS.git_submodules} submodules would be followed`);
    }
    refuseLinked(dest, path);
    const folder = `${params.dest.replace(/\/+$/, "")}/${path}`;
    tree.brought.push({ path: folder, repo: identity, commit });
    const { depth } = params;
    const asked = { repo: identity, dest: folder, ref: commit, ...(depth === undefined ? {} : { depth }) };
    const cloned = await cloneOne(asked, context, { ...tree, depth: tree.depth + 1 });
    // A branch can be called like the commit, and be another.
    if (cloned.commit !== commit) {
      throw new Fault(
        "git_source_invalid",
        `${identity} gave another commit than ${commit}, which ${folder} must be at`,
      );
    }
    updated ||= cloned.updated;
  }
  return updated;
}

/** The repository a marker would name, without asking for it. */
async function identityOf(repo: string, context: OpContext): Promise<string> {
  const path = localPath(repo);
  if (path !== null) return await context.files.resolve(path, "read");
  return URL.canParse(repo) ? new URL(repo).href : repo;
}

function refuseOther(marker: CloneMarker, identity: string, dest: string): void {
  if (marker.repo === identity) return;
  throw new Fault(
    "git_dest_foreign",
    `"${dest}" holds a clone of ${marker.repo}, not of ${identity}: choose another folder`,
  );
}

/**
 * A clone of another repository is replaced only where another release of the same install made it and nobody has put
 * or changed anything in it since: so what a release leaves behind never stops the one before it.
 */
async function refuseForeign(marker: CloneMarker, source: GitSource, dest: string, context: OpContext): Promise<void> {
  if (!isOurs(marker, context) || marker.state !== "ready") return refuseOther(marker, source.identity, dest);
  const git = await unchanged(dest, marker, source, context);
  const status = ["status", "--porcelain", "--untracked-files=normal", "--ignored", "--ignore-submodules=all"];
  if ((await git.run(status)) !== "") throw changed(dest, "has had files put into it");
  for (const path of marker.submodules ?? []) {
    const below = readMarker(`${dest}/${path}`);
    if (below === null) throw changed(`${dest}/${path}`, "has been changed");
    await refuseForeign(below, source, `${dest}/${path}`, context);
  }
}

function isOurs(marker: CloneMarker, { install_id = null }: OpContext): boolean {
  return marker.install_id !== null && marker.install_id === install_id;
}

/** Null where the folder does not exist or is empty. */
function ownClone(dest: string): CloneMarker | null {
  if (!fs.existsSync(dest)) return null;
  const marker = readMarker(dest);
  if (marker !== null) return marker;
  if (fs.readdirSync(dest).length === 0) return null;
  throw new Fault("git_dest_foreign", `"${dest}" has files that were not cloned by this worker: choose another folder`);
}

interface Checkout {
  readonly commit: string;
  readonly branch: string | null;
}

async function cloneAnew(
  dest: string,
  source: GitSource,
  params: GitCloneParams,
  context: OpContext,
): Promise<Checkout> {
  const parent = openDirectory(dirname(dest), { create: true });
  const name = temporaryName();
  const old = `${name}0`;
  try {
    sweepTemporaries(parent);
    fs.mkdirSync(parent.at(name), 0o755);
    const checkout = await populate(`${parent.path}/${name}`, source, params, context);
    // What was there is an empty folder, or a clone of ours that an interruption left unfinished.
    if (fs.existsSync(parent.at(basename(dest)))) fs.renameSync(parent.at(basename(dest)), parent.at(old));
    fs.renameSync(parent.at(name), parent.at(basename(dest)));
    syncDirectory(parent);
    return checkout;
  } finally {
    for (const rest of [name, old]) fs.rmSync(parent.at(rest), { recursive: true, force: true });
    parent.close();
  }
}

async function populate(
  folder: string,
  source: GitSource,
  params: GitCloneParams,
  context: OpContext,
): Promise<Checkout> {
  const bounds = { read: [], write: [folder], connect: null };
  await openGit(context.processes, { cwd: folder, protocol: "none", bounds, signal: context.signal }).run([
    ...["init", "--quiet", "--template=", "--initial-branch=main", "--", folder],
  ]);
  const git = gitIn(folder, source, context);
  const checkout = await bring(git, source, params, context);
  await record(folder, git, {
    repo: source.identity,
    depth: params.depth ?? null,
    state: "ready",
    ...checkout,
    ...by(context),
  });
  return checkout;
}

async function update(
  dest: string,
  marker: CloneMarker,
  source: GitSource,
  params: GitCloneParams,
  context: OpContext,
): Promise<Checkout> {
  const git = await unchanged(dest, marker, source, context);
  writeMarker(dest, { ...marker, state: "updating" });
  const checkout = await bring(git, source, params, context);
  const { repo, depth, submodules } = marker;
  const below = submodules === undefined ? {} : { submodules };
  await record(dest, git, { repo, depth, state: "ready", ...checkout, ...by(context), ...below });
  return checkout;
}

function changed(dest: string, what: string): Fault {
  const message = `"${dest}" ${what} since it was cloned: move that elsewhere, or delete the folder`;
  return new Fault("git_dest_changed", message);
}

/** Git in a clone that is as this worker left it. Fault: git_dest_changed. */
async function unchanged(dest: string, marker: CloneMarker, source: GitSource, context: OpContext): Promise<Git> {
  // Before any git runs there: the clone's own settings can name programs.
  if (configHash(dest) !== marker.config_sha256) throw changed(dest, "has had its git settings changed");
  const git = gitIn(dest, source, context);
  if ((await git.run(["rev-parse", "--verify", "HEAD"])).trim() !== marker.commit) {
    throw changed(dest, "has had commits made");
  }
  if ((await statusHash(git)) !== marker.status_sha256) throw changed(dest, "has had files changed");
  return git;
}

function gitIn(folder: string, source: GitSource, context: OpContext): Git {
  const settings = `${folder}/.git/openagents-source`;
  const lines = source.trusted.map(
    (path) => `\tdirectory = "${path.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"\n`,
  );
  // Git of a local source runs as a process of its own, which sees no setting of the command line.
  fs.writeFileSync(settings, `[safe]\n${lines.join("")}`);
  const { protocol, read, connect } = source;
  const bounds = { read, write: [folder], connect };
  const git = openGit(context.processes, {
    ...{ cwd: folder, protocol, bounds, global_config: settings, signal: context.signal },
  });
  return { run: (args) => git.run([`--git-dir=${folder}/.git`, `--work-tree=${folder}`, ...args]) };
}

/** Fetches the wanted commit and checks it out. */
async function bring(git: Git, source: GitSource, params: GitCloneParams, context: OpContext): Promise<Checkout> {
  context.progress(0, 3, "steps");
  const target = await wanted(git, source, params.ref);
  context.progress(1, 3, "steps");
  const tracking = target.branch === null ? "refs/openagents/target" : `refs/remotes/origin/${target.branch}`;
  await git.run([
    ...["fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules"],
    ...(params.depth === undefined ? [] : [`--depth=${params.depth}`]),
    ...["--", source.url, `+${target.name}:${tracking}`],
  ]);
  context.progress(2, 3, "steps");
  const place = target.branch === null ? ["--detach"] : ["--no-track", "-B", target.branch];
  await git.run(["checkout", "--quiet", "--no-recurse-submodules", ...place, tracking, "--"]);
  const commit = (await git.run(["rev-parse", "--verify", "HEAD"])).trim();
  context.progress(3, 3, "steps");
  return { commit, branch: target.branch };
}

/** What the source calls the branch, tag or commit that is wanted. */
async function wanted(
  git: Git,
  source: GitSource,
  ref: string | undefined,
): Promise<{ readonly name: string; readonly branch: string | null }> {
  if (ref !== undefined && (ref.includes("..") || ref.endsWith(".lock") || ref.endsWith("/") || ref.startsWith("-"))) {
    throw new Fault("git_source_invalid", `${JSON.stringify(ref)} is not the name of a branch, tag or commit`);
  }
  const names = ref === undefined ? ["HEAD"] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const listing = await git.run(["ls-remote", "--symref", "--", source.url, ...names]);
  const lines = listing.split("\n").map((line) => line.split("\t"));
  if (ref === undefined) {
    const head = lines.find(([value, name]) => name === "HEAD" && value?.startsWith("ref: refs/heads/"));
    if (head?.[0] !== undefined) return { name: head[0].slice(5), branch: head[0].slice("ref: refs/heads/".length) };
    if (lines.some(([, name]) => name === "HEAD")) return { name: "HEAD", branch: null };
    throw new Fault("git_source_missing", `${source.identity} has no commit yet`);
  }
  const found = names.find((wantedName) => lines.some(([, name]) => name === wantedName));
  if (found !== undefined) return { name: found, branch: found.startsWith("refs/heads/") ? ref : null };
  if (/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(ref)) return { name: ref, branch: null };
  throw new Fault("git_source_missing", `${source.identity} has no branch or tag called ${JSON.stringify(ref)}`);
}

async function record(
  folder: string,
  git: Git,
  made: Omit<CloneMarker, "config_sha256" | "status_sha256">,
): Promise<void> {
  writeMarker(folder, { ...made, config_sha256: configHash(folder), status_sha256: await statusHash(git) });
}

function by({ install_id = null }: OpContext): Pick<CloneMarker, "install_id"> {
  return { install_id };
}

/** Of the state right after a checkout too: names that differ only by case look changed on macOS from the start. */
async function statusHash(git: Git): Promise<string> {
  return sha256(await git.run(["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"]));
}

function configHash(folder: string): string {
  if (fs.existsSync(`${folder}/.git/commondir`)) return "elsewhere";
  return sha256(fs.readFileSync(`${folder}/.git/config`));
}

function sha256(value: string | Uint8Array): string {
  return createHash("sha256").update(value).digest("hex");
}
