import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { GitCloneParams } from "@oa/shared/generated/types.ts";
import { openEgress } from "../adapters/egress.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import { thisMachinesSandbox } from "../adapters/machine-sandbox.ts";
import { openConfinedProcesses } from "../adapters/process.ts";
import { gitClone } from "./git-clone.ts";
import type { OpContext } from "./op.ts";

const sandbox = await thisMachinesSandbox();
let home = "";
let source = "";
let server: http.Server;
const port = (): number => (server.address() as AddressInfo).port;

const git = (folder: string, ...args: readonly string[]): string =>
  execFileSync("git", ["-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH ?? "", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
const commit = (folder: string, file: string, text: string): string => {
  fs.writeFileSync(join(folder, file), text);
  git(folder, "add", "--", file);
  git(folder, "commit", "--quiet", "-m", file);
  return git(folder, "rev-parse", "HEAD");
};

/** What an op of a run is given, for a grant; the parts that git.clone has no use for are absent. */
function context(
  grant?: readonly string[],
  signal = new AbortController().signal,
  more: { readonly hidden?: string } = {},
): OpContext {
  const permissions = grant ?? [
    ...["filesystem:read:~/src/**", "filesystem:write:~/dest/**"],
    ...[`network:egress:127.0.0.1:${port()}`, `network:egress:localhost:${port()}`],
  ];
  return {
    files: openGrantedFiles(permissions, { home, ...more }),
    egress: openEgress(permissions, { private_allow: [`localhost:${port()}`] }),
    processes: openConfinedProcesses(sandbox),
    signal,
    progress: () => undefined,
    log: () => undefined,
  } as unknown as OpContext;
}
const clone = (params: Partial<GitCloneParams> = {}, grant?: readonly string[]) =>
  gitClone({ repo: "~/src", dest: "~/dest/repo", ...params }, context(grant));
const refuses = (code: string, action: Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    assert.ok(!/\n/.test(error.message), "one sentence");
    return true;
  });
const nothingLeft = (): void => {
  const names = fs.existsSync(join(home, "dest")) ? fs.readdirSync(join(home, "dest")) : [];
  assert.deepEqual(
    names.filter((name) => name.startsWith(".oa-")),
    [],
  );
};

before(async () => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-git-")));
  source = join(home, "src");
  // Git's own CGI program serves the repository, as a host on the network would.
  server = http.createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://host");
    if (url.pathname.startsWith("/moved.git/")) {
      response.writeHead(301, { location: url.pathname.replace("/moved.git", "/src/.git") + url.search }).end();
    } else if (url.pathname.startsWith("/away.git/")) {
      response.writeHead(302, { location: `http://away.example${url.pathname}${url.search}` }).end();
    } else if (url.pathname.startsWith("/private.git/")) response.writeHead(401).end("who are you?");
    else if (url.pathname.startsWith("/page/")) response.end("<html>");
    else if (url.pathname.startsWith("/broken.git/")) response.writeHead(503).end();
    else if (url.pathname.startsWith("/src/.git/")) backend(request, response, url);
    else response.writeHead(404).end("no such repository");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
beforeEach(() => {
  for (const name of ["src", "dest"]) fs.rmSync(join(home, name), { recursive: true, force: true });
  fs.mkdirSync(source);
  git(source, "init", "--quiet", "--initial-branch=trunk");
  commit(source, "a.txt", "one");
});
after(() => {
  server.closeAllConnections();
  server.close();
  fs.rmSync(home, { recursive: true, force: true });
});

function backend(request: http.IncomingMessage, response: http.ServerResponse, url: URL): void {
  const env = {
    PATH: process.env.PATH ?? "",
    GIT_PROJECT_ROOT: home,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    PATH_INFO: url.pathname,
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method ?? "",
    CONTENT_TYPE: request.headers["content-type"] ?? "",
    GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    REMOTE_ADDR: "127.0.0.1",
  };
  const child = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"] });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.on("close", () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf("\r\n\r\n");
    for (const line of answer.subarray(0, end).toString("utf8").split("\r\n")) {
      const [name = "", value = ""] = line.split(": ");
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.end(answer.subarray(end + 4));
  });
}

test("a local repository is cloned with its history, and the folder named as it was given", async () => {
  const head = commit(source, "b.txt", "two");
  assert.deepEqual(await clone(), { path: "~/dest/repo", commit: head, branch: "trunk", updated: true });
  assert.equal(fs.readFileSync(join(home, "dest/repo/b.txt"), "utf8"), "two");
  assert.equal(git(join(home, "dest/repo"), "rev-list", "--count", "HEAD"), "2");
  assert.equal(git(join(home, "dest/repo"), "status", "--porcelain"), "");
  nothingLeft();
});

test("a repository is cloned though the worker's own folder lies in it: of what is checked out git is shown nothing", async () => {
  const hidden = join(source, ".data");
  fs.mkdirSync(hidden, { recursive: true });
  fs.writeFileSync(join(hidden, "key"), "a secret");
  const inside = context(undefined, undefined, { hidden });
  const { commit } = await gitClone({ repo: "~/src", dest: "~/dest/repo" }, inside);
  assert.equal(commit, git(source, "rev-parse", "HEAD").trim());
  assert.equal(fs.existsSync(join(home, "dest/repo/.data")), false);
  await refuses("path_not_granted", inside.files.folder("~/src", "read"));
  fs.rmSync(hidden, { recursive: true });
});

test("a clone is brought up to date, keeps files git does not track, and is left alone where nothing is new", async () => {
  const first = await clone();
  assert.deepEqual(await clone(), { ...first, updated: false });
  fs.writeFileSync(join(home, "dest/repo/mine.txt"), "untracked");
  fs.writeFileSync(join(source, "a.txt"), "rewritten");
  git(source, "commit", "--quiet", "--amend", "--all", "-m", "force-pushed");
  const head = git(source, "rev-parse", "HEAD");
  assert.deepEqual(await clone({ update: false }), { ...first, updated: false });
  assert.deepEqual(await clone(), { ...first, commit: head, updated: true });
  assert.equal(fs.readFileSync(join(home, "dest/repo/a.txt"), "utf8"), "rewritten");
  assert.equal(fs.readFileSync(join(home, "dest/repo/mine.txt"), "utf8"), "untracked");
});

test("a branch, a tag, a commit and a depth can be named", async () => {
  const first = git(source, "rev-parse", "HEAD");
  git(source, "tag", "-a", "v1.0.0", "-m", "first");
  git(source, "branch", "side");
  commit(source, "b.txt", "two");
  assert.deepEqual(await clone({ ref: "side" }), { path: "~/dest/repo", commit: first, branch: "side", updated: true });
  assert.deepEqual(await clone({ dest: "~/dest/tag", ref: "v1.0.0" }), {
    ...{ path: "~/dest/tag", commit: first, branch: null, updated: true },
  });
  assert.equal((await clone({ dest: "~/dest/commit", ref: first })).commit, first);
  await clone({ dest: "~/dest/shallow", depth: 1 });
  assert.equal(git(join(home, "dest/shallow"), "rev-list", "--count", "HEAD"), "1");
  await clone({ dest: "~/dest/shallow" });
  assert.equal(git(join(home, "dest/shallow"), "rev-list", "--count", "HEAD"), "2");
  await refuses("git_source_missing", clone({ dest: "~/dest/none", ref: "v9" }), /no branch or tag called "v9"/);
});

test("a repository is cloned over HTTP from a granted host, also by name and after a redirect", async () => {
  const head = git(source, "rev-parse", "HEAD");
  for (const repo of [`http://127.0.0.1:${port()}/src/.git`, `http://localhost:${port()}/moved.git`]) {
    const dest = `~/dest/${repo.includes("moved") ? "moved" : "direct"}`;
    assert.equal((await clone({ repo, dest })).commit, head);
    assert.equal((await clone({ repo, dest })).updated, false);
  }
});

test("an address without a repository gives a sentence that says so and leaves nothing", async () => {
  const at = (path: string) => clone({ repo: `http://127.0.0.1:${port()}${path}` });
  await refuses("git_source_missing", at("/none.git"), /there is no git repository at .*none\.git \(HTTP 404\)/);
  await refuses("git_source_missing", at("/private.git"), /does not exist, or is private/);
  await refuses("git_source_missing", at("/page"), /a web page, not a git repository/);
  await refuses("git_failed", at("/broken.git"), /503/);
  await refuses("egress_denied", at("/away.git"), /away\.example/);
  await refuses("git_source_missing", clone({ repo: "~/src/none" }), /no repository at/);
  fs.mkdirSync(join(source, "plain"));
  await refuses("git_source_missing", clone({ repo: "~/src/plain" }), /is not a git repository/);
  assert.equal(fs.existsSync(join(home, "dest/repo")), false);
  nothingLeft();
});

test("a repository with no commit is refused", async () => {
  fs.mkdirSync(join(source, "empty"));
  git(join(source, "empty"), "init", "--quiet");
  await refuses("git_source_missing", clone({ repo: "~/src/empty" }), /no commit yet/);
});

test("only https, this machine's http and granted local paths are sources", async () => {
  for (const repo of [
    "ext::sh -c 'touch /tmp/pwned'",
    "ssh://host/x",
    "git@github.com:a/b",
    "-u./evil",
    "../src",
    "--help",
  ]) {
    await refuses("git_source_invalid", clone({ repo }), /neither an https/);
  }
  await refuses("git_source_invalid", clone({ repo: "http://example.com/x.git" }), /not encrypted/);
  await refuses("egress_denied", clone({ repo: "https://denied.example/x.git" }));
  await refuses("egress_invalid", clone({ repo: "https://user:secret@denied.example/x.git" }), /password/);
  await refuses("path_not_granted", clone({ repo: "/etc" }));
  await refuses("path_not_granted", clone({ repo: `file://${home}` }));
  await refuses("path_invalid", clone({ repo: "~/src/../other" }));
});

test("a destination outside the grant, or inside a git folder, is refused", async () => {
  await refuses("path_not_granted", clone({ dest: "~/elsewhere" }));
  await refuses("path_not_granted", clone({ dest: "/tmp/oa-not-granted" }));
  await refuses("path_invalid", clone({ dest: "~/dest/../elsewhere" }));
  await refuses("path_not_granted", clone({ dest: "~/dest/x/.git" }), /own folder/);
  await refuses("path_not_granted", clone({}, ["filesystem:read:~/src/**", "filesystem:write:~/dest/repo"]));
  fs.mkdirSync(join(home, "dest"));
  fs.symlinkSync(home, join(home, "dest/link"));
  await refuses("path_not_granted", clone({ dest: "~/dest/link/x" }), /leads to/);
});

test("a ref that git could read as an option or a range is refused", async () => {
  for (const ref of ["--upload-pack=touch /tmp/pwned", "-f", "a..b", "x.lock", "x/"]) {
    await refuses("git_source_invalid", clone({ ref }));
  }
});

test("a folder that this op did not make is never touched", async () => {
  const dest = join(home, "dest/repo");
  fs.mkdirSync(join(home, "dest"));
  git(home, "clone", "--quiet", source, dest);
  fs.writeFileSync(join(dest, "a.txt"), "the owner's work");
  await refuses("git_dest_foreign", clone(), /not cloned by this worker/);
  assert.equal(fs.readFileSync(join(dest, "a.txt"), "utf8"), "the owner's work");
  fs.rmSync(dest, { recursive: true });
  fs.writeFileSync(dest, "a file");
  await refuses("git_dest_foreign", clone(), /is a file/);
  fs.rmSync(dest);
  fs.mkdirSync(dest);
  assert.equal((await clone()).updated, true, "an empty folder is a place for a clone");
  await refuses("git_dest_foreign", clone({ repo: `http://127.0.0.1:${port()}/src/.git` }), /holds a clone of/);
});

test("a clone that the owner has changed is not overwritten", async () => {
  const dest = join(home, "dest/repo");
  await clone();
  fs.writeFileSync(join(dest, "a.txt"), "edited");
  await refuses("git_dest_changed", clone(), /files changed/);
  git(dest, "commit", "--quiet", "--all", "-m", "mine");
  await refuses("git_dest_changed", clone(), /commits made/);
  assert.equal(fs.readFileSync(join(dest, "a.txt"), "utf8"), "edited");
});

test("settings planted in a clone run nothing: the clone is refused before git reads them", async () => {
  const dest = join(home, "dest/repo");
  await clone();
  const canary = join(home, "pwned");
  fs.writeFileSync(join(home, "evil.sh"), `#!/bin/sh\ntouch ${canary}\n`, { mode: 0o755 });
  git(dest, "config", "core.fsmonitor", join(home, "evil.sh"));
  commit(source, "b.txt", "two");
  await refuses("git_dest_changed", clone(), /git settings changed/);
  assert.equal(fs.existsSync(canary), false);
});

test("nothing in the source runs: hooks, filters, submodules, fsmonitor, links out of the clone", async () => {
  const canary = join(home, "pwned");
  fs.writeFileSync(join(home, "evil.sh"), `#!/bin/sh\ntouch ${canary}\ncat\n`, { mode: 0o755 });
  const evil = join(home, "evil.sh");
  for (const hook of ["post-checkout", "pre-push", "post-merge", "reference-transaction", "post-update"]) {
    fs.copyFileSync(evil, join(source, ".git/hooks", hook));
  }
  for (const name of [
    "core.fsmonitor",
    "uploadpack.packObjectsHook",
    "filter.x.smudge",
    "core.sshCommand",
    "core.alternateRefsCommand",
  ]) {
    git(source, "config", name, evil);
  }
  fs.writeFileSync(join(source, ".gitattributes"), "* filter=x diff=x\n");
  fs.writeFileSync(
    join(source, ".gitmodules"),
    `[submodule "m"]\n\tpath = m\n\turl = ext::${evil}\n\tupdate = !${evil}\n`,
  );
  fs.symlinkSync("/etc/passwd", join(source, "passwd"));
  git(source, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "filter.x.smudge=", "add", ".");
  const fake = `160000,${git(source, "-c", "core.fsmonitor=false", "rev-parse", "HEAD")},m`;
  git(source, "-c", "core.fsmonitor=false", "update-index", "--add", "--cacheinfo", fake);
  git(source, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "evil");
  fs.rmSync(canary, { force: true });
  await clone();
  await clone({ repo: `http://127.0.0.1:${port()}/src/.git`, dest: "~/dest/http" });
  commitQuietly();
  await clone();
  assert.equal(fs.existsSync(canary), false);
  const files = openGrantedFiles(["filesystem:read:~/dest/**"], { home });
  const read = files.read("~/dest/repo/passwd", { max_bytes: 10_000, signal: new AbortController().signal });
  await refuses("path_not_granted", read);

  function commitQuietly(): void {
    fs.writeFileSync(join(source, "c.txt"), "more");
    git(source, "-c", "core.fsmonitor=false", "add", "c.txt");
    git(source, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "more");
    fs.rmSync(canary, { force: true });
  }
});

test("a source that borrows from outside the grant is refused: a .git file, a .git link, alternates", async () => {
  const secret = join(home, "secret");
  fs.rmSync(secret, { recursive: true, force: true });
  fs.mkdirSync(secret);
  git(secret, "init", "--quiet");
  commit(secret, "s.txt", "secret");
  fs.mkdirSync(join(source, "pointer"));
  fs.writeFileSync(join(source, "pointer/.git"), `gitdir: ${secret}/.git\n`);
  await refuses("path_not_granted", clone({ repo: "~/src/pointer" }), /secret/);
  fs.mkdirSync(join(source, "link"));
  fs.symlinkSync(join(secret, ".git"), join(source, "link/.git"));
  await refuses("path_not_granted", clone({ repo: "~/src/link" }));
  fs.writeFileSync(join(source, ".git/objects/info/alternates"), `${secret}/.git/objects\n`);
  await refuses("path_not_granted", clone(), /secret/);
  fs.rmSync(join(source, ".git/objects/info/alternates"));
  assert.equal((await clone()).updated, true);
});

test("a repository of another user is cloned where the owner granted its folder", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can give a repository to another user");
  execFileSync("chown", ["-R", "12345:12345", source]);
  assert.equal((await clone()).updated, true);
});

test("an update that was interrupted is made again from the start", async () => {
  const { commit: first } = await clone();
  const marker = join(home, "dest/repo/.git/openagents-clone.json");
  fs.writeFileSync(marker, fs.readFileSync(marker, "utf8").replace('"ready"', '"updating"'));
  fs.writeFileSync(join(home, "dest/repo/.git/index.lock"), "");
  fs.writeFileSync(join(home, "dest/repo/a.txt"), "half");
  assert.deepEqual(await clone(), { path: "~/dest/repo", commit: first, branch: "trunk", updated: true });
  assert.equal(fs.readFileSync(join(home, "dest/repo/a.txt"), "utf8"), "one");
  nothingLeft();
});

test("a cancellation stops git and leaves nothing half-made", async () => {
  const abort = new AbortController();
  const running = gitClone({ repo: "~/src", dest: "~/dest/repo" }, context(undefined, abort.signal));
  await assert.rejects(gitClone({ repo: "~/src", dest: "~/dest/repo" }, context()), (error: Fault) => error.retryable);
  setTimeout(() => abort.abort(), 15);
  await refuses("canceled", running);
  assert.equal(fs.existsSync(join(home, "dest/repo")), false);
  nothingLeft();
});

test("a release's clone of another repository is replaced by another release of the same install alone", async () => {
  const of = (install_id: string | null, params: Partial<GitCloneParams> = {}) =>
    gitClone({ repo: "~/src", dest: "~/dest/repo", ...params }, { ...context(), install_id });
  const elsewhere = { repo: `http://127.0.0.1:${port()}/src/.git` };
  await of("install_1");
  await of("install_1", elsewhere); // the new release
  await of("install_1", { update: false }); // the old one, after a rollback
  assert.equal(fs.readFileSync(join(home, "dest/repo/a.txt"), "utf8"), fs.readFileSync(join(source, "a.txt"), "utf8"));
  await refuses("git_dest_foreign", of("install_2", elsewhere), /holds a clone of/);
  await refuses("git_dest_foreign", of(null, elsewhere), /holds a clone of/);
  nothingLeft();
});

test("what somebody put into a clone is never replaced, not even by the install that made it", async () => {
  const of = (params: Partial<GitCloneParams> = {}) =>
    gitClone({ repo: "~/src", dest: "~/dest/repo", ...params }, { ...context(), install_id: "install_1" });
  const elsewhere = { repo: `http://127.0.0.1:${port()}/src/.git` };
  await of();
  fs.writeFileSync(join(home, "dest/repo/mine.txt"), "mine");
  await refuses("git_dest_changed", of(elsewhere), /put into it/);
  fs.rmSync(join(home, "dest/repo/mine.txt"));
  fs.writeFileSync(join(home, "dest/repo/a.txt"), "changed");
  await refuses("git_dest_changed", of(elsewhere), /files changed/);
  assert.equal(fs.readFileSync(join(home, "dest/repo/a.txt"), "utf8"), "changed");
});
