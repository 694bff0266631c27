import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
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

test("a damaged lock is named, and what helps", async () => {
  const data_dir = join(folder, "damaged");
  (await takeDataLock(data_dir))?.release();
  writeFileSync(join(data_dir, "lock.sqlite"), "no database\n".repeat(500));
  await assert.rejects(takeDataLock(data_dir), {
    code: "file_access",
    message: `${join(data_dir, "lock.sqlite")} is damaged: delete it, since nothing is kept in it`,
  });
});

test("a full disk is named as what it is", (t) => {
  mkdirSync(join(folder, "full"));
  const script = `
    import { writeFileSync } from "node:fs";
    import { takeDataLock } from ${JSON.stringify(join(import.meta.dirname, "data-lock.ts"))};
    (await takeDataLock("${folder}/full/data")).release();
    try { writeFileSync("${folder}/full/rest", new Uint8Array(200_000)); } catch {}
    const error = await takeDataLock("${folder}/full/data").catch((thrown) => thrown);
    console.log(JSON.stringify([error.code, error.message]));`;
  writeFileSync(join(folder, "full.mts"), script);
  const mount = `mount -t tmpfs -o size=64k none "$1/full" && exec "$0" "$1/full.mts"`;
  const args = ["--user", "--map-root-user", "--mount", "sh", "-c", mount, process.execPath, folder];
  const result = spawnSync("unshare", args, { encoding: "utf8" });
  if (result.status !== 0) return t.skip(`a small file system cannot be mounted here: ${result.stderr}`);
  const sentence = `the disk with the data folder ${folder}/full/data is full: free some space`;
  assert.deepEqual(JSON.parse(result.stdout), ["disk_full", sentence]);
});
