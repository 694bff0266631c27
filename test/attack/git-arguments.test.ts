import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { GitCloneParams } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { gitClone } from "@oa/worker/ops/git-clone.ts";
import { attackClass } from "./attack.ts";
import { cloneContext } from "./clone-context.ts";

const home = realpathSync(mkdtempSync(join(tmpdir(), "oa-git-args-")));
after(() => rmSync(home, { recursive: true, force: true }));
const source = join(home, "src");
const canary = join(home, "canary");
mkdirSync(source);
writeFileSync(join(home, "evil.sh"), `#!/bin/sh\ntouch ${canary}\n`, { mode: 0o755 });
const git = (...args: readonly string[]) =>
  execFileSync("git", ["-C", source, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
    stdio: "pipe",
  });
git("init", "-q", "-b", "main");
writeFileSync(join(source, "a.txt"), "one");
git("add", ".");
git("commit", "-qm", "one");

const grant = ["filesystem:read:~/src/**", "filesystem:write:~/dest/**", "network:egress:github.com"];
const context = cloneContext(grant, home);
let count = 0;
const clone = (params: Partial<GitCloneParams>) => {
  count += 1;
  return gitClone({ repo: "~/src", dest: `~/dest/${count}`, ...params }, context);
};
/** As the engine does: what the schema refuses never reaches the op. */
const asked = async (params: object): Promise<unknown> => {
  if (!validators.isGitCloneParams({ dest: "~/dest/x", ...params }))
    return { rejected: true, code: "params_invalid", message: "schema" };
  return clone(params);
};
const REFUSED = [
  "git_source_invalid",
  "git_source_missing",
  "path_invalid",
  "path_not_granted",
  "params_invalid",
  "egress_denied",
  "egress_private_address",
  "egress_invalid",
  "git_failed",
];

const evil = join(home, "evil.sh");
const REPOS: readonly string[] = [
  ...[
    `--upload-pack=${evil}`,
    `-u${evil}`,
    "--help",
    "-",
    "--",
    "--config=core.fsmonitor=x",
    `--template=${home}`,
    "-c",
    "--bare",
  ],
  ...[
    `ext::${evil}`,
    `ext::sh -c ${evil}`,
    `EXT::${evil}`,
    "fd::17",

    "file:///etc",
    "git://github.com/x/y",
  ],
  ...[
    "ssh://-oProxyCommand=touch/x",
    `ssh://-oProxyCommand=${evil}/x`,
    "ssh://github.com/x/y",
    "-oProxyCommand=x:y",
    "git@github.com:x/y",
  ],
  ...[
    "git@-oProxyCommand=x:y",
    "http://github.com/x/y",
    "https://user:pass@github.com/x/y",
    "https://github.com@evil.example/x",
  ],
  ...[
    "https://evil.example/x",
    "https://localhost/x",
    "https://127.0.0.1/x",
    "https://[::1]/x",
    `\n--upload-pack=${evil}`,
    "../src",
    "src",
  ],
  ...[
    "~/src/../src",
    "/etc",
    "/",
    "~",
    "",
    " ",
    "~/src\0",
    "https://github.com/x\n--upload-pack=x",
    "transport::address",
    "persistent-https::x",
  ],
];
const REFS: readonly string[] = [
  ...[
    `--upload-pack=${evil}`,
    "-f",
    "--",
    "-",
    "--detach",
    "@{-1}",
    "main..evil",
    "main^",
    "main~1",
    ":/one",
    "HEAD:",
    "a b",
    "a\nb",
  ],
  ...[
    "refs/../../x",
    "x.lock",
    "x/",
    "/x",
    "x//y",
    ".x",
    "x/.y",
    "a\\b",
    "a*",
    "a?",
    "a[",
    "main:evil",
    "+main",
    "main:refs/heads/x",
    "$(x)",
    "`x`",
    "x;y",
  ],
];

attackClass("argument injection into git", ({ fails, harmless, works }) => {
  for (const repo of REPOS) fails(`repo ${JSON.stringify(repo.replaceAll(home, "~"))}`, REFUSED, () => asked({ repo }));
  for (const ref of REFS)
    fails(`ref ${JSON.stringify(ref.replaceAll(home, "~"))}`, REFUSED, () => asked({ repo: "~/src", ref }));
  for (const dest of [
    "--upload-pack=x",
    "-x",
    "~/dest/../src",
    "~/src/x",
    "/tmp/x",
    "~/dest/x/.git",
    "~/dest/.GIT/hooks",
    "~/dest/\0",
  ]) {
    fails(`dest ${JSON.stringify(dest)}`, REFUSED, () => asked({ repo: "~/src", dest }));
  }
  for (const depth of [0, -1, 1.5, "1", "--x", 10_000_000]) {
    fails(`depth ${JSON.stringify(depth)}`, "params_invalid", () => asked({ repo: "~/src", depth }));
  }
  harmless("and nothing was started", () => assert.equal(existsSync(canary), false));

  works("a repository, a branch and a tag whose names have dashes, dots and slashes", async () => {
    for (const name of ["feature/x-1", "v1.0.0-rc.1", "a_b.c"]) git("branch", name);
    for (const ref of ["main", "feature/x-1", "v1.0.0-rc.1", "a_b.c"]) {
      const { path } = await clone({ ref });
      assert.equal(readFileSync(join(path.replace("~", home), "a.txt"), "utf8"), "one");
    }
  });
  works("a destination whose name begins with a dash", async () => {
    assert.equal((await clone({ dest: "~/dest/--upload-pack=x" })).updated, true);
  });
});
