import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { type GrantedFiles, openGrantedFiles } from "./granted-files.ts";

let home = "";
const signal = new AbortController().signal;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = async (files: GrantedFiles, path: string, max_bytes = 1_000): Promise<string> =>
  text(await files.read(path, { max_bytes, signal }));
const write = (files: GrantedFiles, path: string, value: string) => files.write(path, bytes(value), { signal });
const refuses = (code: string, action: () => Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });
const listed = async (files: GrantedFiles, path: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const file of (await files.tree(path)).list(signal)) found.push(file.path);
  return found;
};

before(() => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-files-")));
  fs.mkdirSync(join(home, "in/deep/er"), { recursive: true });
  fs.mkdirSync(join(home, "out"));
  fs.writeFileSync(join(home, "in/a.txt"), "alpha");
  fs.writeFileSync(join(home, "in/deep/b.md"), "beta");
  fs.writeFileSync(join(home, "in/deep/er/c.txt"), "gamma");
  fs.writeFileSync(join(home, "out/secret.txt"), "secret");
});
after(() => fs.rmSync(home, { recursive: true, force: true }));

const grant = ["filesystem:read:~/in/**", "filesystem:write:~/in/**"];
const open = (permissions = grant): GrantedFiles => openGrantedFiles(permissions, { home });

test("a file inside the grant is read, by its absolute path and from ~", async () => {
  assert.equal(await read(open(), "~/in/a.txt"), "alpha");
  assert.equal(await read(open(), `${home}/in//deep/./b.md`), "beta");
});

test("a path that climbs, is relative or holds NUL is refused before anything is opened", async () => {
  await refuses("path_invalid", () => read(open(), "~/in/../out/secret.txt"), /climbs/);
  await refuses("path_invalid", () => read(open(), "in/a.txt"), /relative/);
  await refuses("path_invalid", () => read(open(), "~/in/a.txt\0.png"), /NUL/);
  await refuses("path_invalid", () => read(open(), ""), /relative/);
  await refuses("path_invalid", () => write(open(), "~/in/../out/new.txt", "x"), /climbs/);
});

test("a path outside the grant is refused alike whether it exists or not", async () => {
  await refuses("path_not_granted", () => read(open(), "~/out/secret.txt"), /outside what may be read/);
  await refuses("path_not_granted", () => read(open(), "~/out/none.txt"));
  await refuses("path_not_granted", () => read(open(), "/etc/passwd"));
  await refuses("path_not_granted", () => read(open(), "/proc/self/environ"));
  await refuses("path_not_granted", () => read(open(), `${home}/inside/a.txt`));
  await refuses("path_not_granted", () => write(open(), "~/out/new.txt", "x"), /outside what may be written/);
  assert.equal(fs.existsSync(join(home, "out/new.txt")), false);
});

test("reading and writing are granted apart, and no grant opens nothing", async () => {
  await refuses("path_not_granted", () => write(open(["filesystem:read:~/in/**"]), "~/in/a.txt", "x"));
  await refuses("path_not_granted", () => read(open(["filesystem:write:~/in/**"]), "~/in/a.txt"));
  await refuses("path_not_granted", () => read(open([]), "~/in/a.txt"));
  await refuses("path_not_granted", () => read(open(["network:egress:example.com"]), "~/in/a.txt"));
});

test("a glob in the grant limits what is opened and listed", async () => {
  const files = open(["filesystem:read:~/in/**/*.txt"]);
  assert.equal(await read(files, "~/in/deep/er/c.txt"), "gamma");
  await refuses("path_not_granted", () => read(files, "~/in/deep/b.md"));
  assert.deepEqual(await listed(files, "~/in"), ["a.txt", "deep/er/c.txt"]);
  const tree = await files.tree("~/in");
  await refuses("path_not_granted", () => tree.read("deep/b.md", 100));
});

test("a grant of one file opens that file only", async () => {
  const files = open(["filesystem:read:~/in/a.txt"]);
  assert.equal(await read(files, "~/in/a.txt"), "alpha");
  await refuses("path_not_granted", () => read(files, "~/in/deep/b.md"));
  await refuses("path_not_granted", () => files.tree("~/in"));
});

test("a folder whose name has wildcard characters is granted literally", async () => {
  fs.mkdirSync(join(home, "odd[1]*{a,b}"));
  fs.writeFileSync(join(home, "odd[1]*{a,b}/x.txt"), "odd");
  fs.symlinkSync(join(home, "odd[1]*{a,b}"), join(home, "plain"));
  const files = open(["filesystem:read:~/plain/**"]);
  assert.equal(await read(files, "~/plain/x.txt"), "odd");
  assert.deepEqual(await listed(files, "~/plain"), ["x.txt"]);
});

test("a link inside a granted folder that leads outside is refused, for files and folders", async () => {
  fs.symlinkSync(join(home, "out/secret.txt"), join(home, "in/link.txt"));
  fs.symlinkSync(join(home, "out"), join(home, "in/linkdir"));
  fs.symlinkSync("../out/none.txt", join(home, "in/dangling"));
  await refuses("path_not_granted", () => read(open(), "~/in/link.txt"), /leads to/);
  await refuses("path_not_granted", () => read(open(), "~/in/linkdir/secret.txt"), /leads to/);
  await refuses("path_not_granted", () => write(open(), "~/in/linkdir/new.txt", "x"), /leads to/);
  await refuses("path_not_granted", () => write(open(), "~/in/link.txt", "x"), /leads to/);
  await refuses("path_linked", () => write(open(), "~/in/dangling", "x"), /leads nowhere/);
  await refuses("path_not_granted", async () => await open().tree("~/in/linkdir"));
  assert.equal(fs.readFileSync(join(home, "out/secret.txt"), "utf8"), "secret");
  assert.deepEqual(fs.readdirSync(join(home, "out")), ["secret.txt"]);
});

test("a link inside a granted folder that stays inside is followed by its resolved path", async () => {
  fs.symlinkSync("deep/b.md", join(home, "in/near"));
  assert.equal(await read(open(), "~/in/near"), "beta");
});

test("a link the owner chose as the granted folder is resolved once", async () => {
  fs.symlinkSync(join(home, "in"), join(home, "alias"));
  const files = open(["filesystem:read:~/alias/**"]);
  assert.equal(await read(files, "~/alias/a.txt"), "alpha");
  fs.unlinkSync(join(home, "alias"));
  fs.symlinkSync(join(home, "out"), join(home, "alias"));
  await refuses("path_not_granted", () => read(files, "~/alias/secret.txt"), /leads to/);
});

test("a granted folder reached through a link that the same grant can write grants nothing", async () => {
  fs.symlinkSync(join(home, "out"), join(home, "in/planted"));
  const files = open([...grant, "filesystem:read:~/in/planted/**"]);
  await refuses("path_not_granted", () => read(files, "~/in/planted/secret.txt"));
  assert.equal(await read(files, "~/in/a.txt"), "alpha");
});

test("a file with a second hard link is neither read nor replaced", async () => {
  fs.linkSync(join(home, "out/secret.txt"), join(home, "in/hard.txt"));
  await refuses("path_linked", () => read(open(), "~/in/hard.txt"), /2 hard links/);
  await refuses("path_linked", () => write(open(), "~/in/hard.txt", "x"), /2 hard links/);
  const tree = await open().tree("~/in");
  assert.equal(await tree.read("hard.txt", 100), null);
  assert.ok(!(await listed(open(), "~/in")).includes("hard.txt"));
  fs.unlinkSync(join(home, "in/hard.txt"));
  assert.equal(fs.readFileSync(join(home, "out/secret.txt"), "utf8"), "secret");
});

test("a FIFO, a device, a folder and a missing file are each refused with what they are", async () => {
  spawnSync("mkfifo", [join(home, "in/pipe")]);
  await refuses("path_not_regular", () => read(open(), "~/in/pipe"), /not a regular file/);
  await refuses("path_not_regular", () => write(open(), "~/in/pipe", "x"));
  await refuses("path_not_regular", () => read(open(["filesystem:read:/dev/**"]), "/dev/zero"));
  await refuses("path_not_regular", () => read(open(), "~/in/deep"));
  await refuses("path_not_regular", () => write(open(), "~/in/deep", "x"));
  await refuses("not_found", () => read(open(), "~/in/none.txt"), /does not exist/);
  fs.unlinkSync(join(home, "in/pipe"));
});

test("a file over the limit is refused with both numbers", async () => {
  fs.writeFileSync(join(home, "in/large.bin"), Buffer.alloc(5_000));
  await refuses("too_large", () => read(open(), "~/in/large.bin", 4_999), /5000 bytes or more; at most 4999/);
  assert.equal((await read(open(), "~/in/large.bin", 5_000)).length, 5_000);
  // Files of /proc say that they are empty.
  await refuses("too_large", () => read(open(["filesystem:read:/proc/**"]), "/proc/version", 10));
});

test("a file is written whole, into folders made on the way, with its mode kept", async () => {
  const written = await write(open(), "~/in/new/deep/x.json", "{}\n");
  assert.equal(written.bytes, 3);
  assert.equal(written.sha256, "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356");
  assert.equal(fs.readFileSync(join(home, "in/new/deep/x.json"), "utf8"), "{}\n");
  fs.chmodSync(join(home, "in/new/deep/x.json"), 0o640);
  await write(open(), "~/in/new/deep/x.json", "[]\n");
  assert.equal(fs.statSync(join(home, "in/new/deep/x.json")).mode & 0o777, 0o640);
  assert.deepEqual(fs.readdirSync(join(home, "in/new/deep")), ["x.json"]);
});

test("git's own folder is not written to, however its name is spelt", async () => {
  for (const name of [".git", ".GIT", ".Git.", ".g\u200cit", ".git "]) {
    await refuses("path_not_granted", () => write(open(), `~/in/${name}/config`, "x"), /git's own folder/);
  }
  await write(open(), "~/in/.gitignore", "dist\n");
});

test("a canceled write leaves the old content and no temporary file", async () => {
  const abort = new AbortController();
  const pending = open().write("~/in/a.txt", new Uint8Array(40_000_000), { signal: abort.signal });
  abort.abort();
  await refuses("canceled", () => pending);
  assert.equal(fs.readFileSync(join(home, "in/a.txt"), "utf8"), "alpha");
  assert.ok(!fs.readdirSync(join(home, "in")).some((name) => name.startsWith(".oa-tmp-")));
});

test("what a killed process left beside the file is removed by the next write", async () => {
  const dead = spawnSync(process.execPath, ["-e", "process.stdout.write(String(process.pid))"], { encoding: "utf8" });
  fs.writeFileSync(join(home, `in/.oa-tmp-${dead.stdout}-00ff`), "half");
  fs.writeFileSync(join(home, `in/.oa-tmp-${process.pid}-00ff`), "another writer of this process");
  await write(open(), "~/in/sweep.txt", "x");
  const left = fs.readdirSync(join(home, "in")).filter((name) => name.startsWith(".oa-tmp-"));
  assert.deepEqual(left, [`.oa-tmp-${process.pid}-00ff`]);
});

test("a disk that is full leaves the old file and says so", (t) => {
  const script = `
    import { readFileSync, readdirSync, writeFileSync } from "node:fs";
    import { openGrantedFiles } from ${JSON.stringify(join(import.meta.dirname, "granted-files.ts"))};
    const files = openGrantedFiles(["filesystem:write:${home}/full/**"], { home: "/" });
    writeFileSync("${home}/full/x", "old");
    const signal = new AbortController().signal;
    const code = await files.write("${home}/full/x", new Uint8Array(200_000), { signal }).catch((error) => error.code);
    console.log(JSON.stringify([code, readFileSync("${home}/full/x", "utf8"), readdirSync("${home}/full")]));`;
  fs.mkdirSync(join(home, "full"));
  fs.writeFileSync(join(home, "full.mts"), script);
  const mount = `mount -t tmpfs -o size=64k none "$1/full" && exec "$0" "$1/full.mts"`;
  const result = spawnSync(
    "unshare",
    ["--user", "--map-root-user", "--mount", "sh", "-c", mount, process.execPath, home],
    {
      encoding: "utf8",
    },
  );
  if (result.status !== 0) return t.skip(`a small file system cannot be mounted here: ${result.stderr}`);
  assert.deepEqual(JSON.parse(result.stdout), ["disk_full", "old", ["x"]]);
});

test("a tree lists regular files only, in order, follows no link, and counts what it passed over", async () => {
  fs.mkdirSync(join(home, "tree/sub/.git"), { recursive: true });
  for (const name of ["b", "a", "sub/c", "sub/.git/HEAD"]) fs.writeFileSync(join(home, "tree", name), name);
  fs.symlinkSync(join(home, "out"), join(home, "tree/away"));
  fs.symlinkSync("..", join(home, "tree/sub/loop"));
  spawnSync("mkfifo", [join(home, "tree/pipe")]);
  const tree = await open(["filesystem:read:~/tree/**"]).tree("~/tree");
  const found: string[] = [];
  for await (const { path, size_bytes } of tree.list(signal, (folder) => !folder.endsWith(".git"))) {
    found.push(`${path} ${size_bytes}`);
  }
  assert.deepEqual(found, ["a 1", "b 1", "sub/c 5"]);
  assert.deepEqual(tree.skipped(), { links: 2, special: 1, unreadable: 0 });
  assert.equal(text((await tree.read("sub/c", 100)) ?? bytes("")), "sub/c");
});

test("listing one folder of very many files lets others have their turn, and stops when it is canceled", async () => {
  fs.mkdirSync(join(home, "many"));
  for (let name = 0; name < 3 * LIMITS.tree_turn_entries; name += 1)
    fs.writeFileSync(join(home, "many", `${name}`), "");
  const tree = await open(["filesystem:read:~/many/**"]).tree("~/many");
  const cancel = new AbortController();
  setImmediate(() => cancel.abort());
  let files = 0;
  const listing = async (): Promise<void> => {
    for await (const _ of tree.list(cancel.signal)) files += 1;
  };
  await refuses("canceled", listing);
  assert.ok(files > 0 && files <= LIMITS.tree_turn_entries, `${files}`);
});
test("a tree's read stays in the tree", async () => {
  const tree = await open(["filesystem:read:~/tree/**"]).tree("~/tree");
  for (const path of ["../out/secret.txt", "/etc/passwd", "sub/../../out/secret.txt", "", "a\0", "./a"]) {
    await refuses("path_invalid", () => tree.read(path, 100));
  }
  assert.equal(await tree.read("away/secret.txt", 100), null);
  assert.equal(await tree.read("pipe", 100), null);
  assert.equal(await tree.read("none", 100), null);
  assert.equal(await tree.read("a", 0), null);
});

test("a tree that is left early closes its folders", async () => {
  const descriptors = (): number => fs.readdirSync("/proc/self/fd").length;
  const count = process.platform === "linux" ? descriptors() : 0;
  for (let round = 0; round < 20; round += 1) {
    for await (const _ of (await open(["filesystem:read:~/in/**"]).tree("~/in")).list(signal)) break;
    await refuses("canceled", async () => {
      for await (const _ of (await open().tree("~/in")).list(AbortSignal.abort()));
    });
  }
  if (process.platform === "linux") assert.equal(descriptors(), count);
});

test("a link swapped in while files are opened never opens what is outside", async () => {
  const race = join(home, "race");
  fs.mkdirSync(join(race, "real"), { recursive: true });
  fs.writeFileSync(join(race, "real/secret.txt"), "inside");
  // Swaps the folder and a link to the outside, as fast as it can.
  const swapper = spawn(
    process.execPath,
    [
      "-e",
      `const fs = require("fs"), race = process.argv[1];
       const real = race + "/real", parked = race + "/parked";
       process.stdout.write("ready");
       for (;;) {
         try {
           fs.renameSync(real, parked);
           fs.symlinkSync("../out", real);
           fs.unlinkSync(real);
           fs.renameSync(parked, real);
         } catch {
           // A write made the folder anew in between.
           if (fs.existsSync(parked)) fs.rmSync(real, { recursive: true, force: true }), fs.renameSync(parked, real);
         }
       }`,
      race,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise((resolve) => swapper.once("exit", resolve));
  const files = open(["filesystem:read:~/race/**", "filesystem:write:~/race/**"]);
  const tree = await files.tree("~/race");
  const answers = new Map<string, number>();
  const note = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
  try {
    await new Promise((resolve) => swapper.stdout.once("data", resolve));
    for (let round = 0; round < 500; round += 1) {
      note(await read(files, "~/race/real/secret.txt").catch((error: Fault) => error.code));
      note(await tree.read("real/secret.txt", 100).then((found) => (found === null ? "null" : text(found))));
      await write(files, "~/race/real/new.txt", "x").catch((error: Fault) => note(error.code));
    }
  } finally {
    swapper.kill("SIGKILL");
    await ended;
  }
  assert.ok((answers.get("inside") ?? 0) > 0, "the legitimate read succeeds between swaps");
  assert.equal(answers.get("secret"), undefined);
  assert.deepEqual(fs.readdirSync(join(home, "out")), ["secret.txt"]);
});
