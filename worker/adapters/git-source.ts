import { existsSync, lstatSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Egress } from "./egress.ts";
import type { GrantedFiles } from "./granted-files.ts";
import { ipFamily } from "./ip-address.ts";
import type { Connect } from "./tunnel.ts";

/** A repository that has been checked and may be fetched from. */
export interface GitSource {
  /** What an earlier clone of the same repository was made from. */
  readonly identity: string;
  /** What git is given. */
  readonly url: string;
  readonly protocol: "https" | "http" | "file";
  /** Leads git to the addresses that were checked, and to nothing else; null for a local repository. */
  readonly connect: Connect | null;
  /** A local repository's folders, which git must be told to trust: the owner has granted them. */
  readonly trusted: readonly string[];
  /** All that is read of a local repository. */
  readonly read: readonly string[];
}

export interface SourceContext {
  readonly files: GrantedFiles;
  readonly egress: Egress;
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
    connect: only(new URL(url), await egress.resolve(url, limits)),
    ...{ trusted: [], read: [] },
  };
}

/** Every connection but one to this host and port is refused; that one goes where the check led. */
function only(url: URL, addresses: readonly string[]): Connect {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const allowed = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const isThis = (host: string): boolean =>
    host.toLowerCase() === hostname || (ipFamily(host) === 6 && new URL(`http://[${host}]`).hostname === url.hostname);
  return async (host, port) => {
    if (isThis(host) && port === allowed) return addresses;
    throw new Fault("egress_denied", `git asked for ${host}:${port} and not for ${hostname}:${allowed}`);
  };
}

async function local(path: string, { files, signal }: SourceContext): Promise<GitSource> {
  const root = await files.resolve(path, "read");
  const missing = new Fault("git_source_missing", `"${root}" is not a git repository`);
  if (!existsSync(root)) throw new Fault("git_source_missing", `there is no repository at "${root}"`);
  const line = async (file: string): Promise<string> => {
    const bytes = await files.read(file, { max_bytes: LIMITS.git_marker_bytes, signal });
    return new TextDecoder().decode(bytes).trimEnd();
  };
  // Of what is checked out git needs nothing: a worker's own folder can lie there.
  const place = existsSync(`${root}/.git`) ? `${root}/.git` : root;
  // A repository can be scattered: a file or link for .git, a shared folder, borrowed objects. All of it is read.
  let own = await files.resolve(place, "read");
  if (lstatSync(own).isFile()) {
    const named = /^gitdir: (.+)$/.exec(await line(own))?.[1];
    if (named === undefined) throw missing;
    own = resolve(root, named);
  }
  own = await files.folder(own, "read");
  const shared = existsSync(`${own}/commondir`) ? resolve(own, await line(`${own}/commondir`)) : own;
  const common = await files.folder(shared, "read");
  if (!existsSync(`${common}/HEAD`) || !existsSync(`${common}/objects`)) throw missing;
  const parts = ["/HEAD", "/config", "/packed-refs", "/refs", "/objects", "/objects/info", "/objects/pack"];
  const read = [place, own, common];
  for (const name of parts) read.push(await files.resolve(`${common}${name}`, "read"));
  const alternates = `${common}/objects/info/alternates`;
  if (existsSync(alternates)) {
    for (const borrowed of (await line(alternates)).split("\n")) {
      if (borrowed === "" || borrowed.startsWith("#")) continue;
      if (!borrowed.startsWith("/")) {
        throw new Fault(
          "git_source_invalid",
          `"${root}" borrows objects by the relative path ${JSON.stringify(borrowed)}`,
        );
      }
      read.push(await files.resolve(borrowed, "read"));
    }
  }
  const trusted = [root, own, common, dirname(own)];
  return { ...{ identity: root, url: root, protocol: "file", connect: null, trusted }, read: outermost(read) };
}

/** Those that are there and lie in no other. */
function outermost(paths: readonly string[]): readonly string[] {
  const there = [...new Set(paths)].filter((path) => existsSync(path));
  return there.filter((path) => !there.some((other) => other !== path && path.startsWith(`${other}/`)));
}
