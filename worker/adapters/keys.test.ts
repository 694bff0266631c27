import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import type { Fault } from "@oa/shared/core/refusal.ts";
import { keychain } from "./keychain.ts";
import { loadOrCreateKey } from "./keys.ts";
import type { Processes, ProcessResult } from "./process.ts";

const root = fs.mkdtempSync(join(tmpdir(), "oa-keys-"));
let data = "";
let count = 0;
beforeEach(() => {
  count += 1;
  data = join(root, `data${count}`);
});
after(() => fs.rmSync(root, { recursive: true, force: true }));
const load = (name = "worker") => loadOrCreateKey(data, name, null);
const refuses = (code: string, action: Promise<unknown>, pattern: RegExp) =>
  assert.rejects(action, (error: Fault) => {
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });

test("a key is made on first use, for its owner alone, and is the same from then on", async () => {
  const key = await load();
  assert.equal(key.secret_key.length, 32);
  assert.match(key.public_key, /^[0-9a-f]{64}$/);
  assert.equal(fs.statSync(join(data, "keys")).mode & 0o777, 0o700);
  assert.equal(fs.statSync(join(data, "keys/worker.key")).mode & 0o777, 0o600);
  assert.deepEqual(await load(), key);
  assert.notEqual((await load("author")).public_key, key.public_key);
  assert.deepEqual(fs.readdirSync(join(data, "keys")).sort(), ["author.key", "worker.key"]);
});

test("two processes that start at once agree on one key", async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => load()));
  assert.equal(new Set(keys.map(({ public_key }) => public_key)).size, 1);
});

test("the known public key of a known secret", async () => {
  fs.mkdirSync(join(data, "keys"), { recursive: true, mode: 0o700 });
  fs.writeFileSync(join(data, "keys/worker.key"), `${"0".repeat(63)}1\n`, { mode: 0o600 });
  assert.equal((await load()).public_key, "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
});

test("a key that others can read is refused with the command that closes it", async () => {
  await load();
  const file = join(data, "keys/worker.key");
  fs.chmodSync(file, 0o640);
  await refuses("key_file_permissions", load(), new RegExp(`chmod 600 '${file}'`));
  fs.chmodSync(file, 0o600);
  fs.chmodSync(join(data, "keys"), 0o755);
  await refuses("key_file_permissions", load(), /chmod 700 '/);
});

test("what is no key is refused, and never quoted", async () => {
  fs.mkdirSync(join(data, "keys"), { recursive: true, mode: 0o700 });
  const file = join(data, "keys/worker.key");
  for (const text of ["", "secret-canary", "0".repeat(64), "f".repeat(64), "1".repeat(63)]) {
    fs.writeFileSync(file, text, { mode: 0o600 });
    await assert.rejects(load(), (error: Fault) => {
      assert.equal(error.code, "key_invalid");
      assert.ok(!error.message.includes("canary"));
      return true;
    });
  }
  fs.rmSync(file);
  fs.symlinkSync("/dev/zero", file);
  await refuses("key_invalid", load(), /cannot be opened/);
  fs.rmSync(file);
  fs.mkdirSync(file);
  await refuses("key_invalid", load(), /not a regular file/);
  for (const name of ["../worker", "", "a/b", "A"]) await refuses("key_invalid", load(name), /not a key's name/);
});

/** Recorded exit statuses and output of macOS's `security`, replayed: no Keychain is involved. */
function recorded(answers: readonly ProcessResult[]): { readonly processes: Processes; readonly calls: unknown[][] } {
  const calls: unknown[][] = [];
  const left = [...answers];
  const run: Processes["run"] = async (command, args, { stdin }) => {
    calls.push([command, args, stdin]);
    const answer = left.shift();
    assert.ok(answer, "one more call than was recorded");
    return answer;
  };
  return { processes: { run }, calls };
}
const NOT_FOUND = {
  code: 44,
  stdout: "",
  stderr: "security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.\n",
};
const SECRET = `${"0".repeat(63)}3`;
const FOUND = { code: 0, stdout: `${SECRET}\n`, stderr: "" };

test("the Keychain gives the key it has", async () => {
  const { processes, calls } = recorded([FOUND]);
  const key = await loadOrCreateKey(data, "worker", keychain(processes, data));
  assert.equal(Buffer.from(key.secret_key).toString("hex"), SECRET);
  assert.deepEqual(calls, [
    ["/usr/bin/security", ["find-generic-password", "-s", `openagents:${data}`, "-a", "worker", "-w"], ""],
  ]);
  assert.equal(fs.existsSync(join(data, "keys")), false);
});

test("a new key enters the Keychain by stdin, never as an argument", async () => {
  const { processes, calls } = recorded([NOT_FOUND, { code: 0, stdout: "", stderr: "" }, FOUND]);
  await loadOrCreateKey(data, "worker", keychain(processes, `${data} "x"`));
  assert.deepEqual(calls[1]?.slice(0, 2), ["/usr/bin/security", ["-i"]]);
  assert.match(String(calls[1]?.[2]), /^add-generic-password -s ".* \\"x\\"" -a "worker" -w "[0-9a-f]{64}"\n$/);
});

test("a Keychain that is locked is an error, and no other key is made in its place", async () => {
  const stderr = "security: SecKeychainSearchCopyNext: User interaction is not allowed.\n";
  const { processes } = recorded([{ code: 36, stdout: "", stderr }]);
  const loading = loadOrCreateKey(data, "worker", keychain(processes, data));
  await refuses("key_store", loading, /User interaction is not allowed.*unlock-keychain/);
  assert.equal(fs.existsSync(join(data, "keys")), false);
});

test("a key file that is there is used before the Keychain", async () => {
  const key = await load();
  const { processes, calls } = recorded([]);
  assert.deepEqual(await loadOrCreateKey(data, "worker", keychain(processes, data)), key);
  assert.deepEqual(calls, []);
});
