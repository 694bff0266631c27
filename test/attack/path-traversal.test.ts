import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { manifestOf } from "../fakes/runs.ts";
import { attackClass } from "./attack.ts";

const home = realpathSync(mkdtempSync(join(tmpdir(), "oa-traversal-")));
after(() => rmSync(home, { recursive: true, force: true }));
mkdirSync(join(home, "in/deep"), { recursive: true });
mkdirSync(join(home, "in.evil"));
mkdirSync(join(home, "out"));
for (const name of ["in/a.txt", "in/deep/b.txt", "in/..hidden", "in/a..b", "out/secret.txt", "in.evil/secret.txt"]) {
  writeFileSync(join(home, name), name);
}
const signal = new AbortController().signal;
const files = openGrantedFiles(["filesystem:read:~/in/**", "filesystem:write:~/in/**"], { home });
const everything = openGrantedFiles(["filesystem:read:/**"], { home, hidden: join(home, "data") });

/** Ways to name a file outside `~/in`. */
const PATHS: readonly string[] = [
  ...[
    "~/in/../out/secret.txt",
    "~/in/deep/../../out/secret.txt",
    "~/in/./../out/secret.txt",
    "~/in//..//out/secret.txt",
  ],
  ...["~/in/..", "~/in/deep/../..", "~/..", "~/../../etc/passwd", "../out/secret.txt", "in/a.txt", "./in/a.txt", ""],
  ...["~/out/secret.txt", `${home}/out/secret.txt`, `${home}/in/../out/secret.txt`, `//${home}/out/secret.txt`],
  ...["~/in.evil/secret.txt", "~/in", "~", "/", "/etc/passwd", "/etc/shadow", "//etc/passwd", "/./etc/passwd"],
  ...[
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd",
    "/proc/self/mem",
    "/dev/stdin",
    "/dev/fd/0",
  ],
  ...[`/proc/self/root${home}/out/secret.txt`, "/dev/zero", "/sys/kernel/profiling"],
  ...["~root/.ssh/id_rsa", "~root", "~/in/a.txt\0", "~/in/\0/../../out/secret.txt", "\0", "~/in/a.txt\0.png"],
  ...["file:///etc/passwd", `file://${home}/in/a.txt`, "\\etc\\passwd", "C:\\Windows\\win.ini", "C:/Windows/win.ini"],
  ...[" /etc/passwd", "$HOME/out/secret.txt", "${HOME}/out/secret.txt", "`cat /etc/passwd`", "%2e%2e/out/secret.txt"],
];
/** Names that only look like it: they are files below `~/in`, which are not there. */
const NAMES: readonly string[] = [
  ...[
    "~/in/%2e%2e/out/secret.txt",
    "~/in/..%2fout%2fsecret.txt",
    "~/in/..\\out\\secret.txt",
    "~/in/....//out/secret.txt",
  ],
  ...["~/in/.../secret.txt", "~/in/‥/out/secret.txt", "~/in/\uff0e\uff0e/out/secret.txt", "~/in/..;/out/secret.txt"],
  ...[
    "~/in/..\u2215out/secret.txt",
    "~/in/\u2024\u2024/out/secret.txt",
    "~/in/.. /out/secret.txt",
    "~/in/..\u200b/out/secret.txt",
  ],
  ...[
    "~/in/\u202e../out/secret.txt",
    "~/in/*/../x".replace("/../", "/..a/"),
    "~/in/{a,../out}/secret.txt".replace("../", ".._/"),
  ],
];
const REFUSED = ["path_invalid", "path_not_granted", "path_not_regular", "not_found", "path_linked"];

attackClass("path traversal", ({ fails, works }) => {
  for (const path of PATHS) {
    const shown = JSON.stringify(path);
    fails(`reading ${shown}`, REFUSED, () => files.read(path, { max_bytes: 1_000, signal }));
    fails(`writing ${shown}`, REFUSED, () => files.write(path, Buffer.from("evil"), { signal }));
    if (!path.endsWith("/in") && path !== "~/in") {
      fails(`listing ${shown}`, REFUSED, async () => {
        for await (const file of (await files.tree(path)).list(signal)) return file.path;
        return "listed";
      });
    }
    if (path !== "~/in") fails(`resolving ${shown} for a program`, REFUSED, () => files.resolve(path, "write"));
  }
  // Not files, and nowhere but on Linux: the worker's environment, memory, descriptors and folder, whatever of the disk was granted.
  for (const path of ["self/environ", "self/cmdline", "self/maps", "thread-self/environ", `${process.ppid}/environ`]) {
    const read = () => everything.read(`/proc/${path}`, { max_bytes: 1_000_000, signal });
    fails(`reading /proc/${path} with a grant of everything`, ["path_not_granted", "not_found"], read);
  }
  for (const path of ["/proc", "/proc/self", "/"]) {
    const lend = () => everything.folder(path, "read");
    fails(`lending ${path} to a program with a grant of everything`, ["path_not_granted", "not_found"], lend);
  }
  const list = () => everything.tree("/proc/self");
  fails("listing /proc/self with a grant of everything", ["path_not_granted", "not_found"], list);
  for (const path of NAMES)
    fails(`reading ${JSON.stringify(path)}`, "not_found", () => files.read(path, { max_bytes: 1_000, signal }));
  for (const name of [
    "../out/secret.txt",
    "/etc/passwd",
    "deep/../../out/secret.txt",
    "",
    ".",
    "..",
    "deep/\0",
    "./a.txt",
  ]) {
    fails(`reading ${JSON.stringify(name)} in a tree`, [...REFUSED, "path_not_granted"], async () => {
      const bytes = await (await files.tree("~/in")).read(name, 1_000);
      return bytes === null ? { rejected: true, code: "not_found", message: "nothing" } : Buffer.from(bytes).toString();
    });
  }
  for (const path of ["~/in/../out/**", "../**", "~root/**", "/a/../../etc/**", "~/in/\0", "a/b", "~/in/\n"]) {
    const ask = manifestOf([{ op: "fs.read", path: "~/in/a.txt" }], { filesystem: [path], tools: ["fs.read"] });
    fails(`asking for ${JSON.stringify(path)}`, "path_unsafe", () => first(ask));
    const step = manifestOf([{ op: "fs.read", path }], { tools: ["fs.read"] });
    fails(`a step that reads ${JSON.stringify(path)}`, "path_unsafe", () => first(step));
    const input = {
      ...manifestOf([{ op: "fs.read", path: "${inputs.p}" }]),
      inputs: { p: { type: "path" } },
    } as UpgradeManifest;
    fails(`an input of ${JSON.stringify(path)}`, ["path_unsafe", "input_invalid"], () =>
      planOf(input, { p: path }, { home }),
    );
    const mixed = {
      ...manifestOf([{ op: "fs.read", path: "~/in/${inputs.p}" }]),
      inputs: { p: { type: "string" } },
    } as UpgradeManifest;
    if (path.includes(".."))
      fails(`an input of ${JSON.stringify(path)} in a path`, "path_unsafe", () => planOf(mixed, { p: path }, { home }));
  }

  works("what is granted is read, written and listed", async () => {
    for (const path of ["~/in/a.txt", "~/in/./deep//b.txt", `${home}/in/..hidden`, "~/in/a..b"]) {
      const text = Buffer.from(await files.read(path, { max_bytes: 1_000, signal })).toString();
      assert.ok(path.endsWith(text.slice(text.lastIndexOf("/") + 1)));
    }
    await files.write("~/in/deep/new.txt", Buffer.from("new"), { signal });
    assert.equal(readFileSync(join(home, "in/deep/new.txt"), "utf8"), "new");
    const listed: string[] = [];
    for await (const file of (await files.tree("~/in")).list(signal)) listed.push(file.path);
    assert.ok(listed.includes("deep/new.txt"));
  });
  works("and what is outside is as it was", () => {
    assert.equal(readFileSync(join(home, "out/secret.txt"), "utf8"), "out/secret.txt");
    assert.equal(readFileSync(join(home, "in.evil/secret.txt"), "utf8"), "in.evil/secret.txt");
  });
  works("a path with dots in its names is planned", () => {
    const manifest = manifestOf([{ op: "fs.read", path: "~/in/a..b" }], {
      filesystem: ["~/in/**"],
      tools: ["fs.read"],
    });
    assert.ok(!isRejection(planOf(manifest, {}, { home })));
  });
});

/** The first error of a manifest as a refusal. */
function first(manifest: UpgradeManifest): unknown {
  const npub = "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul";
  const [error] = validateManifest({ ...manifest, author: { npub } }).errors;
  return error === undefined ? "valid" : { rejected: true, ...error };
}
