import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { attackClass } from "./attack.ts";

const home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-links-")));
after(() => fs.rmSync(home, { recursive: true, force: true }));
const at = (path: string): string => join(home, path);
for (const folder of ["in/real", "in/deep/er", "out/folder"]) fs.mkdirSync(at(folder), { recursive: true });
fs.writeFileSync(at("in/real/a.txt"), "inside");
fs.writeFileSync(at("out/secret.txt"), "outside");
fs.writeFileSync(at("out/folder/a.txt"), "outside");
const files = openGrantedFiles(["filesystem:read:~/in/**", "filesystem:write:~/in/**"], { home });
const signal = new AbortController().signal;
const read = async (path: string) => Buffer.from(await files.read(path, { max_bytes: 1_000, signal })).toString();
const write = (path: string) => files.write(path, Buffer.from("evil"), { signal });
const REFUSED = ["path_not_granted", "path_linked", "path_not_regular", "not_found", "file_access"];

/** Links that lead out of what is granted, by the name they have inside. */
const LINKS: Readonly<Record<string, string>> = {
  "in/file": "../out/secret.txt",
  "in/absolute": at("out/secret.txt"),
  "in/folder": "../out",
  "in/real/chain1": "chain2",
  "in/real/chain2": "../../out/secret.txt",
  "in/deep/er/up": "../../../out",
  "in/home": home,
  "in/root": "/",
  "in/dangling": "../out/none.txt",
  "in/loop": "loop",
  "in/proc": "/proc/self/cwd",
  "in/passwd": "/etc/passwd",
  "in/through": "real/../../out/secret.txt",
};

attackClass("symlink and hard-link swap", ({ fails, harmless, works }) => {
  for (const [name, target] of Object.entries(LINKS)) fs.symlinkSync(target, at(name));
  for (const [name, target] of Object.entries(LINKS)) {
    fails(`reading ${name} -> ${target}`, REFUSED, () => read(at(name)));
    fails(`writing ${name} -> ${target}`, REFUSED, () => write(at(name)));
    fails(`reading below ${name}`, REFUSED, () => read(`${at(name)}/secret.txt`));
    fails(`writing below ${name}`, REFUSED, () => write(`${at(name)}/secret.txt`));
    fails(`making a new file below ${name}`, REFUSED, () => write(`${at(name)}/new-file.txt`));
    fails(`handing ${name} to a program`, REFUSED, () => files.resolve(`${at(name)}/secret.txt`, "write"));
  }
  fs.linkSync(at("out/secret.txt"), at("in/hard.txt"));
  fails("reading a second name of a file outside", "path_linked", () => read("~/in/hard.txt"));
  fails("writing through a second name of a file outside", "path_linked", () => write("~/in/hard.txt"));

  harmless("a link that is swapped in and out while files are read and written", async () => {
    fs.mkdirSync(at("in/swap-a"), { recursive: true });
    fs.writeFileSync(at("in/swap-a/a.txt"), "inside");
    // Another process swaps the folder for a link outside, as fast as it can.
    const script = `const fs=require("fs");const[i,o]=process.argv.slice(1);
      for(;;){try{fs.renameSync(i+"/swap-a",i+"/swap-b");fs.symlinkSync(o,i+"/swap-a");fs.unlinkSync(i+"/swap-a");fs.renameSync(i+"/swap-b",i+"/swap-a");}catch(e){}}`;
    const swapper = spawn(process.execPath, ["-e", script, at("in"), at("out/folder")], { stdio: "ignore" });
    let [inside, refusals] = [0, 0];
    try {
      for (const until = Date.now() + 2_500; Date.now() < until; ) {
        try {
          assert.equal(await read("~/in/swap-a/a.txt"), "inside");
          await files.write("~/in/swap-a/a.txt", Buffer.from("inside"), { signal });
          inside += 1;
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          refusals += 1;
        }
      }
    } finally {
      swapper.kill("SIGKILL");
      await once(swapper, "exit");
    }
    assert.ok(inside + refusals > 100, `tried ${inside + refusals} times`);
  });
  harmless("and nothing outside was changed or made", () => {
    assert.equal(fs.readFileSync(at("out/secret.txt"), "utf8"), "outside");
    assert.equal(fs.readFileSync(at("out/folder/a.txt"), "utf8"), "outside");
    assert.deepEqual(fs.readdirSync(at("out")).sort(), ["folder", "secret.txt"]);
    assert.deepEqual(fs.readdirSync(at("out/folder")), ["a.txt"]);
  });
  harmless("a folder is listed without following the links in it", async () => {
    for await (const { path } of (await files.tree("~/in")).list(signal)) {
      assert.ok(!/secret|passwd|hard/.test(path), path);
    }
  });

  works("a link that stays inside is followed", async () => {
    fs.symlinkSync("real/a.txt", at("in/inside"));
    fs.symlinkSync("real", at("in/inside-folder"));
    assert.equal(await read("~/in/inside"), "inside");
    assert.equal(await read("~/in/inside-folder/a.txt"), "inside");
  });
  works("a plain file is read and replaced", async () => {
    await files.write("~/in/real/a.txt", Buffer.from("new"), { signal });
    assert.equal(await read("~/in/real/a.txt"), "new");
  });
});
