import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Egress } from "./egress.ts";
import { openGit } from "./git-command.ts";
import type { GrantedFiles } from "./granted-files.ts";
import { ipFamily } from "./ip-address.ts";
import type { Processes } from "./process.ts";

/** A repository that has been checked and may be fetched from. */
export interface GitSource {
  /** What an earlier clone of the same repository was made from. */
  readonly identity: string;
  /** What git is given. */
  readonly url: string;
  readonly protocol: "https" | "http" | "file";
  readonly settings: readonly string[];
  /** A local repository's folders, which git must be told to trust: the owner has granted them. */
  readonly trusted: readonly string[];
}

export interface SourceContext {
  readonly files: GrantedFiles;
  readonly egress: Egress;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}

/**
 * Checks where a repository is before git sees it. A host is asked once through egress, which checks the grant and every
 * redirect; git then goes to the address found, without redirects. A local repository must lie inside the grant with
 * all that it refers to. `http://` is taken for this machine only.
 *
 * Faults: git_source_invalid, git_source_missing, git_failed, and those of `Egress` and `GrantedFiles`.
 */
export async function openGitSource(repo: string, context: SourceContext): Promise<GitSource> {
  if (repo.startsWith("https://") || repo.startsWith("http://")) return await remote(repo, context);
  const path = localPath(repo);
  if (path !== null) return await local(path, context);
  throw new Fault(
    "git_source_invalid",
    `${JSON.stringify(repo.slice(0, 200))} is neither an https:// address nor an absolute path`,
  );
}

/** The path of a local repository, from a path or a file:// address; null for anything else. */
export function localPath(repo: string): string | null {
  if (repo.startsWith("/") || repo.startsWith("~/")) return repo;
  return repo.startsWith("file:///") && URL.canParse(repo) ? fileURLToPath(repo) : null;
}

async function remote(repo: string, { egress, signal }: SourceContext): Promise<GitSource> {
  if (!URL.canParse(repo)) throw new Fault("git_source_invalid", `${JSON.stringify(repo)} is not a web address`);
  const asked = new URL(repo);
  const shown = `${asked.origin}${asked.pathname}`;
  if (asked.protocol === "http:" && !/^(?:127(?:\.\d+){3}|localhost|\[::1\])$/.test(asked.hostname)) {
    throw new Fault("git_source_invalid", `${shown} is not encrypted: use https://`);
  }
  if (asked.search !== "" || asked.hash !== "") {
    throw new Fault("git_source_invalid", `${shown} must be given without "?" and "#"`);
  }
  const service = "/info/refs?service=git-upload-pack";
  const limits = { timeout_ms: LIMITS.git_probe_ms, signal };
  const answer = await egress.fetch({
    url: `${asked.href.replace(/\/+$/, "")}${service}`,
    method: "GET",
    headers: { "git-protocol": "version=2", "user-agent": "git/openagents-worker" },
    max_bytes: LIMITS.git_advertisement_bytes,
    ...limits,
  });
  if (answer.status === 401 || answer.status === 403) {
    throw new Fault("git_source_missing", `${shown} does not exist, or is private (HTTP ${answer.status})`);
  }
  if (answer.status === 404 || answer.status === 410) {
    throw new Fault("git_source_missing", `there is no git repository at ${shown} (HTTP ${answer.status})`);
  }
  if (answer.status !== 200) {
    throw new Fault("git_failed", `${asked.host} answered ${answer.status} for ${shown}`, {
      retryable: answer.status === 429 || answer.status >= 500,
    });
  }
  if (!answer.headers["content-type"]?.startsWith("application/x-git-upload-pack-advertisement")) {
    throw new Fault("git_source_missing", `${shown} is a web page, not a git repository`);
  }
  if (!answer.url.endsWith(service)) {
    throw new Fault("git_source_invalid", `${shown} redirected to ${answer.url}, which is no repository's address`);
  }
  const url = answer.url.slice(0, -service.length);
  return {
    identity: asked.href,
    url,
    protocol: url.startsWith("https:") ? "https" : "http",
    settings: await pin(new URL(url), await egress.resolve(url, limits)),
    trusted: [],
  };
}

/** Tells git's own HTTP to connect to the addresses that were checked, and to nothing else. */
async function pin(url: URL, addresses: readonly string[]): Promise<readonly string[]> {
  if (ipFamily(url.hostname) !== 0) return [];
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const list = addresses.map((address) => (ipFamily(address) === 6 ? `[${address}]` : address)).join(",");
  return [`http.curloptResolve=${url.hostname}:${port}:${list}`];
}

async function local(path: string, context: SourceContext): Promise<GitSource> {
  const { files, processes, signal } = context;
  const root = await files.resolve(path, "read");
  if (!existsSync(root)) throw new Fault("git_source_missing", `there is no repository at "${root}"`);
  const folder = existsSync(`${root}/.git`) ? `${root}/.git` : root;
  const git = openGit(processes, { cwd: "/", protocol: "none", signal });
  const output = await git
    .run([`--git-dir=${folder}`, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"])
    .catch((error: unknown) => {
      if (!(error instanceof Fault) || error.code !== "git_failed") throw error;
      throw new Fault("git_source_missing", `"${root}" is not a git repository`, { cause: error });
    });
  const [own = folder, common = folder] = output.trimEnd().split("\n");
  // A repository can be scattered: a file or link for .git, a shared folder, borrowed objects. All of it is read.
  const parts = ["", "/HEAD", "/config", "/packed-refs", "/refs", "/objects", "/objects/info", "/objects/pack"];
  for (const part of [own, ...parts.map((name) => `${common}${name}`)]) await files.resolve(part, "read");
  const alternates = `${common}/objects/info/alternates`;
  if (existsSync(alternates)) {
    const bytes = await files.read(alternates, { max_bytes: LIMITS.git_marker_bytes, signal });
    for (const line of new TextDecoder().decode(bytes).split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      if (!line.startsWith("/")) {
        throw new Fault("git_source_invalid", `"${root}" borrows objects by the relative path ${JSON.stringify(line)}`);
      }
      await files.resolve(line, "read");
    }
  }
  return { identity: root, url: root, protocol: "file", settings: [], trusted: [root, own, common, dirname(own)] };
}
