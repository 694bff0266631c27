import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import { needs } from "../../test/needs.ts";
import { confinedWriter } from "./confined-writer.ts";
import { openGrantedFiles } from "./granted-files.ts";
import { thisMachinesSandbox } from "./machine-sandbox.ts";
import { openConfinedProcesses } from "./process.ts";
import type { Sandbox } from "./sandbox.ts";

/** What macOS does for every write, here in the sandbox that this machine has. */
const skip = needs("bwrap");
const sandbox = await thisMachinesSandbox();
let home = "";
before(() => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-writer-")));
  for (const name of ["in", "out"]) fs.mkdirSync(join(home, name));
});
after(() => fs.rmSync(home, { recursive: true, force: true }));

const files = (by: Sandbox = sandbox) =>
  openGrantedFiles(["filesystem:write:~/in/**"], { home, writer: confinedWriter(openConfinedProcesses(by)) });
const write = (path: string, text: string, by?: Sandbox) =>
  files(by).write(path, new TextEncoder().encode(text), { signal: AbortSignal.timeout(20_000) });
const refuses = (code: string, action: Promise<unknown>) =>
  assert.rejects(action, (error) => error instanceof Fault && error.code === code);

test("a file is written whole, with its mode kept and nothing left beside it", { skip }, async () => {
  const written = await write("~/in/a.txt", "one");
  assert.deepEqual([written.path, written.bytes], [join(home, "in/a.txt"), 3]);
  fs.chmodSync(join(home, "in/a.txt"), 0o640);
  await write("~/in/a.txt", "two");
  assert.equal(fs.readFileSync(join(home, "in/a.txt"), "utf8"), "two");
  assert.equal(fs.statSync(join(home, "in/a.txt")).mode & 0o777, 0o640);
  assert.deepEqual(fs.readdirSync(join(home, "in")), ["a.txt"]);
});

test("what is outside the grant, linked, or git's own is refused before anything starts", { skip }, async () => {
  fs.symlinkSync(join(home, "out"), join(home, "in/link"));
  fs.linkSync(join(home, "in/a.txt"), join(home, "in/hard"));
  await refuses("path_not_granted", write("~/out/x", "x"));
  await refuses("path_not_granted", write("~/in/link/x", "x"));
  await refuses("path_linked", write("~/in/hard", "x"));
  await refuses("path_not_granted", write("~/in/.git/config", "x"));
  assert.deepEqual(fs.readdirSync(join(home, "out")), []);
});

test("a folder that is swapped for a link on the way writes nothing outside", { skip }, async () => {
  fs.mkdirSync(join(home, "in/deep"));
  const swapping: Sandbox = {
    ...sandbox,
    confine: async (request) => {
      const confined = await sandbox.confine(request);
      fs.renameSync(join(home, "in/deep"), join(home, "in/parked"));
      fs.symlinkSync(join(home, "out"), join(home, "in/deep"));
      return confined;
    },
  };
  await refuses("path_linked", write("~/in/deep/x", "x", swapping));
  assert.deepEqual(fs.readdirSync(join(home, "out")), []);
});

test("what the system says no to is said as it is", { skip }, async () => {
  await refuses("path_invalid", write(`~/in/${"n".repeat(300)}`, "x"));
  fs.mkdirSync(join(home, "in/folder"));
  await refuses("path_not_regular", write("~/in/folder", "x"));
});
