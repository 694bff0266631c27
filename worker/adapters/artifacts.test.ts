import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
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
});
