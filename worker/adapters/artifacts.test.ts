import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openArtifacts } from "./artifacts.ts";

const HELLO = new TextEncoder().encode("hello");
const SHA = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const code = (expected: string) => (error: unknown) => error instanceof Fault && error.code === expected;

describe("artifacts", () => {
  let folder = "";
  const stored = () => readdir(join(folder, "artifacts"));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "oa-artifacts-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("are kept by content, once, and read back", async () => {
    const artifacts = await openArtifacts(folder);
    assert.deepEqual(await artifacts.put(HELLO), { sha256: SHA, bytes: 5 });
    await Promise.all([artifacts.put(HELLO), artifacts.put(HELLO)]);
    assert.deepEqual(await stored(), [SHA]);
    assert.deepEqual(new Uint8Array(await artifacts.get(SHA)), HELLO);
    assert.equal((await stat(join(folder, "artifacts", SHA))).mode & 0o777, 0o600);
  });
  it("leave nothing of what a crash cut short", async () => {
    await openArtifacts(folder);
    await writeFile(join(folder, "artifacts", ".part-1"), "hel");
    await openArtifacts(folder);
    assert.deepEqual(await stored(), []);
  });
  it("that were changed on disk are not given out, and are mended by the next write", async () => {
    const artifacts = await openArtifacts(folder);
    await artifacts.put(HELLO);
    await writeFile(join(folder, "artifacts", SHA), "HELLO, changed");
    await assert.rejects(artifacts.get(SHA), code("file_access"));
    await artifacts.put(HELLO);
    assert.deepEqual(new Uint8Array(await artifacts.get(SHA)), HELLO);
  });
  it("that are not there, or are asked for by what is no hash, are not found", async () => {
    const artifacts = await openArtifacts(folder);
    await assert.rejects(artifacts.get("0".repeat(64)), code("not_found"));
    await assert.rejects(artifacts.get("../worker.sqlite"), code("not_found"));
  });
  it("over the limit are refused whole", async () => {
    const artifacts = await openArtifacts(folder);
    await assert.rejects(artifacts.put(new Uint8Array(LIMITS.artifact_bytes + 1)), code("too_large"));
    assert.deepEqual(await stored(), []);
  });
  it("over the quota make room by what is oldest, but not by what is of today", async () => {
    const kib = (byte: number): Uint8Array => new Uint8Array(1_024).fill(byte);
    const artifacts = await openArtifacts(folder, 3_000);
    const [first, second] = [await artifacts.put(kib(1)), await artifacts.put(kib(2))];
    await assert.rejects(artifacts.put(kib(3)), code("disk_quota"));
    const long_ago = new Date(Date.now() - LIMITS.artifact_kept_ms - 60_000);
    await utimes(join(folder, "artifacts", second.sha256), long_ago, long_ago);
    const third = await artifacts.put(kib(3));
    assert.deepEqual((await stored()).sort(), [first.sha256, third.sha256].sort());
    await assert.rejects(artifacts.get(second.sha256), code("not_found"));
    await artifacts.put(kib(3)); // what is there needs no room
    const again = await openArtifacts(folder, 3_000);
    await assert.rejects(again.put(kib(4)), code("disk_quota"), "what was there before counts");
    assert.equal((await stored()).length, 2, "nothing half-written is left");
  });
  it("fill the quota to its last byte, and keep what is old where the new one has no room even without it", async () => {
    const artifacts = await openArtifacts(folder, 2_048);
    const old = await artifacts.put(new Uint8Array(1_024).fill(1));
    const long_ago = new Date(Date.now() - LIMITS.artifact_kept_ms - 60_000);
    await utimes(join(folder, "artifacts", old.sha256), long_ago, long_ago);
    await assert.rejects(artifacts.put(new Uint8Array(2_049)), {
      code: "disk_quota",
      message: /2049 bytes is over the quota: outputs of the last day take 0 of 2048/,
    });
    assert.equal((await artifacts.get(old.sha256)).length, 1_024);
    await artifacts.put(new Uint8Array(1_024).fill(2));
    assert.equal((await artifacts.get(old.sha256)).length, 1_024);
    const whole = await artifacts.put(new Uint8Array(1_024).fill(3));
    assert.equal((await stored()).length, 2);
    assert.equal((await artifacts.get(whole.sha256)).length, 1_024);
  });
});
