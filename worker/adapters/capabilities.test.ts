import assert from "node:assert/strict";
import { test } from "node:test";
import { type CapabilitySource, measureCapabilities } from "./capabilities.ts";

const signal = new AbortController().signal;
const measure = (source: Partial<CapabilitySource>) =>
  measureCapabilities(
    {
      platform: "linux",
      arch: "x64",
      sandbox: "none",
      ask: async () => null,
      list: async () => [],
      disk_free_mb: async () => 1_000,
      ...source,
    },
    signal,
  );

test("programs that are not there are null, and git's version is only the version", async () => {
  assert.deepEqual((await measure({})).tools, { git: null });
  const { tools } = await measure({ ask: async (program) => (program === "git" ? "git version 2.39.5" : null) });
  assert.deepEqual(tools, { git: "2.39.5" });
});

test("a GPU is said to be there only where that is certain", async () => {
  const gpu = async (source: Partial<CapabilitySource>) => (await measure(source)).gpu.present;
  const devices = (names: Readonly<Record<string, readonly string[]>>) => async (path: string) => names[path] ?? null;
  assert.equal(await gpu({ platform: "darwin", arch: "arm64" }), true);
  assert.equal(await gpu({ platform: "darwin", arch: "x64" }), null);
  assert.equal(await gpu({ list: devices({ "/dev": ["nvidia0", "null"] }) }), true);
  assert.equal(await gpu({ list: devices({ "/dev": ["kfd"] }) }), true);
  assert.equal(
    await gpu({ list: devices({ "/dev": ["dri", "nvidiactl"], "/dev/dri": ["card0", "renderD128"] }) }),
    null,
  );
  assert.equal(await gpu({ list: async () => null }), null);
});

test("the sandbox is the one that works, and null where there is none", async () => {
  assert.equal((await measure({})).sandbox, null);
  assert.equal((await measure({ sandbox: "bubblewrap" })).sandbox, "bubblewrap");
});

test("macOS is called by the name that manifests use", async () => {
  assert.equal((await measure({ platform: "darwin" })).platform, "macos");
  assert.equal((await measure({ platform: "freebsd" })).platform, "freebsd");
});
