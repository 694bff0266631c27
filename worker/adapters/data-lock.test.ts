import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { takeDataLock } from "./data-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-lock-"));
after(() => rmSync(folder, { recursive: true }));

test("a folder has one owner at a time, within a process too", async () => {
  const data_dir = join(folder, "one");
  const lock = await takeDataLock(data_dir);
  assert.ok(lock);
  assert.equal(await takeDataLock(data_dir), null);
  lock.release();
  const again = await takeDataLock(data_dir);
  assert.ok(again);
  again.release();
});

test("the folder is made for its owner alone", async () => {
  const data_dir = join(folder, "private");
  (await takeDataLock(data_dir))?.release();
  assert.equal(statSync(data_dir).mode & 0o777, 0o700);
  assert.equal(statSync(join(data_dir, "lock.sqlite")).mode & 0o777, 0o600);
});

test("a process that is killed leaves no lock behind", async () => {
  const data_dir = join(folder, "killed");
  const module = new URL("./data-lock.ts", import.meta.url).href;
  const script = `import { takeDataLock } from ${JSON.stringify(module)};
    globalThis.lock = await takeDataLock(${JSON.stringify(data_dir)});
    console.log(globalThis.lock !== null);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await once(child.stdout, "data");
  assert.equal(String(text).trim(), "true");
  assert.equal(await takeDataLock(data_dir), null);
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await takeDataLock(data_dir);
  assert.ok(lock);
  lock.release();
});
