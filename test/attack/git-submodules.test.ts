import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { GitCloneParams } from "@oa/shared/generated/types.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { refuseLinked } from "@oa/worker/adapters/git-submodules.ts";
import { gitClone } from "@oa/worker/ops/git-clone.ts";
import { manifestOf } from "../fakes/runs.ts";
import { attackClass } from "./attack.ts";
import { cloneContext } from "./clone-context.ts";

const home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-git-modules-")));
after(() => fs.rmSync(home, { recursive: true, force: true }));
const canary = join(home, "canary");
const evil = join(home, "evil.sh");
fs.writeFileSync(evil, `#!/bin/sh\ntouch ${canary}\n`, { mode: 0o755 });

const git = (name: string, ...args: readonly string[]): string =>
  execFileSync("git", ["-C", join(home, name), "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
    ...{ encoding: "utf8", stdio: "pipe" },
    env: { PATH: process.env.PATH ?? "", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
  }).trim();
/** A repository with one file; its commit. */
const repository = (name: string): string => {
  fs.mkdirSync(join(home, name), { recursive: true });
  git(name, "init", "-q", "-b", "main");
  return write(name, "a.txt", name);
};
const write = (name: string, file: string, text: string): string => {
  fs.writeFileSync(join(home, name, file), text);
  git(name, "add", file);
  git(name, "commit", "-qm", file);
  return git(name, "rev-parse", "HEAD");
};
/** Commits a submodule as an attacker would, whatever is at its address. */
const module = (name: string, path: string, url: string, commit: string): string => {
  git(name, "update-index", "--add", "--cacheinfo", `160000,${commit},${path}`);
  const more = `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n\tupdate = !${evil}\n`;
  const file = join(home, name, ".gitmodules");
  return write(name, ".gitmodules", (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "") + more);
};

const grant = ["filesystem:read:~/src/**", "filesystem:write:~/dest/**"];
const context = cloneContext(grant, home);
const clone = (name: string, params: Partial<GitCloneParams> = {}, install_id: string | null = null) =>
  gitClone({ repo: `~/src/${name}`, dest: `~/dest/${name}`, ...params }, { ...context, install_id });
const inClone = (path: string): string => join(home, "dest", path);
const NAMED = (...names: readonly string[]) => ({ submodules: names.map((name) => `~/src/${name}`) });

const lib = repository("src/lib");
repository("src/deep");
repository("secret");
const deep = module("src/deep", "lib", "../lib", lib);

attackClass("submodules of a clone", ({ fails, harmless, works }) => {
  works(
    "those that are named come along, with their own, at the commits that belong there, and are kept up to date",
    async () => {
      repository("src/whole");
      module("src/whole", "parts/deep", "../deep", deep);
      const cloned = await clone("whole", NAMED("lib", "deep"));
      assert.deepEqual(cloned.submodules, [
        { path: "~/dest/whole/parts/deep", repo: join(home, "src/deep"), commit: deep },
        { path: "~/dest/whole/parts/deep/lib", repo: join(home, "src/lib"), commit: lib },
      ]);
      assert.equal(fs.readFileSync(inClone("whole/parts/deep/lib/a.txt"), "utf8"), "src/lib");
      assert.equal((await clone("whole", NAMED("lib", "deep"))).updated, false);
      const later = write("src/deep", "b.txt", "later");
      module("src/whole", "parts/deep", "../deep", later);
      assert.equal((await clone("whole", NAMED("lib", "deep"))).updated, true);
      assert.equal(fs.readFileSync(inClone("whole/parts/deep/b.txt"), "utf8"), "later");
    },
  );
  works("their hosts and folders are permissions of the upgrade, as exactly as the repository's own", () => {
    const step = { op: "git.clone", id: "get", repo: "https://a.example/x", dest: "~/dest/x" };
    const manifest = manifestOf([{ ...step, submodules: ["https://b.example/y", "~/src/lib"] }], {});
    const plan = planOf(manifest, {}, { home });
    assert.ok(!isRejection(plan), JSON.stringify(plan));
    for (const needed of ["network:egress:a.example", "network:egress:b.example", "filesystem:read:~/src/lib/**"]) {
      assert.ok(plan.permissions.includes(needed), plan.permissions.join());
    }
  });
  harmless("a submodule that nobody named stays an empty folder, and nothing of it runs", async () => {
    repository("src/lure");
    for (const [index, url] of [`ext::${evil}`, "../lib", "https://evil.example/x", `-u${evil}`].entries()) {
      module("src/lure", `m${index}`, url, lib);
    }
    await clone("lure");
    await clone("lure", { ...NAMED("lib"), dest: "~/dest/lure2" });
    assert.deepEqual(fs.readdirSync(inClone("lure/m1")), []);
    for (const name of ["m0", "m2", "m3"]) assert.deepEqual(fs.readdirSync(inClone(`lure2/${name}`)), []);
    assert.ok(fs.existsSync(inClone("lure2/m1/a.txt")));
    assert.equal(fs.existsSync(canary), false);
  });
  harmless("a submodule of a submodule that nobody named stays empty too", async () => {
    repository("src/outer");
    module("src/outer", "deep", "../deep", deep);
    await clone("outer", NAMED("deep"));
    assert.deepEqual(fs.readdirSync(inClone("outer/deep/lib")), []);
  });
  harmless("paths in .gitmodules that lead elsewhere, or name nothing that was committed, are not used", async () => {
    repository("src/paths");
    const entry = (path: string) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ../lib\n`;
    module("src/paths", "good", "../lib", lib);
    const file = join(home, "src/paths/.gitmodules");
    const bad = ["../../out", "/etc/x", ".git/hooks", "good/.git", "-rf", "not/there", "a.txt", ":(glob)**"];
    write("src/paths", ".gitmodules", fs.readFileSync(file, "utf8") + bad.map(entry).join(""));
    const { submodules = [] } = await clone("paths", NAMED("lib"));
    assert.deepEqual(
      submodules.map(({ path }) => path),
      ["~/dest/paths/good"],
    );
    assert.equal(fs.existsSync(join(home, "out")), false);
  });
  for (const [what, url, code] of [
    ["a transport that runs a program", `ext::${evil}`, "git_source_invalid"],
    ["a host that was not granted", "https://evil.example/x", "egress_denied"],
    ["a folder outside the grant", "~/secret", "path_not_granted"],
    ["one that the repository does not have", "~/src/deep", "git_source_missing"],
  ] as const) {
    fails(`a name for ${what}`, [code], async () => {
      const name = `named-${code.replaceAll("_", "-")}-${what.length}`;
      repository(`src/${name}`);
      const written = url === "~/src/deep" ? "../lib" : url.replace("~", home);
      module(`src/${name}`, "m", written, lib);
      await clone(name, { submodules: [url] });
    });
  }
  fails("a branch of the submodule that is called like the commit and is another", "git_source_invalid", async () => {
    const first = repository("src/twins");
    const second = write("src/twins", "b.txt", "evil");
    git("src/twins", "update-ref", `refs/heads/${first}`, second);
    repository("src/pinned");
    module("src/pinned", "m", "../twins", first);
    await clone("pinned", NAMED("twins"));
  });
  fails("a chain that goes on and on", "git_source_invalid", async () => {
    let last = repository("src/chain");
    for (let level = 0; level < 6; level += 1) {
      fs.rmSync(join(home, "src/chain/.gitmodules"), { force: true });
      fs.writeFileSync(join(home, "src/chain/level"), String(level));
      git("src/chain", "add", "level");
      last = module("src/chain", "m", `${home}/src/chain`, last);
    }
    await clone("chain", NAMED("chain"));
  });
  fails("a link where the submodule's folder would be", "path_linked", () => {
    fs.mkdirSync(join(home, "linked"), { recursive: true });
    fs.symlinkSync(home, join(home, "linked/parts"));
    refuseLinked(join(home, "linked"), "parts/m");
  });
  fails("another release's clone, over what somebody put into a submodule", "git_dest_changed", async () => {
    repository("src/mine");
    module("src/mine", "m", "../lib", lib);
    await clone("mine", NAMED("lib"), "install_1");
    fs.writeFileSync(inClone("mine/m/mine.txt"), "mine");
    await clone("lib", { dest: "~/dest/mine" }, "install_1");
  });
  works("another release's clone takes the place of one whose submodules are as they were", async () => {
    fs.rmSync(inClone("mine/m/mine.txt"));
    await clone("lib", { dest: "~/dest/mine" }, "install_1");
    assert.equal(fs.readFileSync(inClone("mine/a.txt"), "utf8"), "src/lib");
  });
});
