import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { PinnedArtifact } from "@oa/shared/upgrade/artifact.ts";
import type { Egress } from "./egress.ts";
import { fileFault } from "./file-faults.ts";
import { makeFolder } from "./make-folder.ts";
import { checkNotarized } from "./notarization.ts";
import type { Processes } from "./process.ts";
import { fetchArtifact } from "./upgrade-artifact.ts";

/** Programs that upgrades bring with them: fetched once, kept by their hash for reading alone, hashed again at each use. */
export interface CodePackages {
  /**
   * Where the program lies. Faults: artifact_mismatch (what came, or what lies here, is not what the author signed for),
   * code_not_notarized, too_large, disk_full, http_status, those of `Egress`.
   */
  readonly open: (
    program: PinnedArtifact,
    options: { readonly native: boolean; readonly egress: Pick<Egress, "fetch">; readonly signal: AbortSignal },
  ) => Promise<string>;
}

/** Keeps them in `code/` of the data folder. */
export function openCodePackages(data_dir: string, processes: Processes): CodePackages {
  const folder = join(data_dir, "code");
  return {
    open: async (program, { native, egress, signal }) => {
      const path = join(folder, `${program.sha256}${native ? "" : ".wasm"}`);
      const there = await readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw fileFault(error, "read", path);
      });
      if (there === null) await keep(folder, path, await fetchArtifact(program, egress, signal), native);
      else refuseChanged(path, there, program);
      utimesSync(path, new Date(), statSync(path).mtime);
      if (native) await checkNotarized(path, processes, signal);
      return path;
    },
  };
}

/** What lies here was the right program when it was kept: somebody changed it. It is removed and not run. */
function refuseChanged(path: string, bytes: Uint8Array, { sha256 }: PinnedArtifact): void {
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found === sha256) return;
  rmSync(path, { force: true });
  throw new Fault("artifact_mismatch", `the kept program ${path} was changed to ${found} and has been removed`);
}

async function keep(folder: string, path: string, bytes: Uint8Array, native: boolean): Promise<void> {
  await makeFolder(folder);
  makeRoom(folder, bytes.length);
  const temporary = join(folder, `.new-${randomBytes(8).toString("hex")}`);
  try {
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    chmodSync(temporary, native ? 0o500 : 0o400);
    await rename(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileFault(error, "write", path);
  }
}

/** Those that were used longest ago make room. */
function makeRoom(folder: string, bytes: number): void {
  const kept = readdirSync(folder)
    .map((name) => ({ path: join(folder, name), stat: statSync(join(folder, name)) }))
    .sort((a, b) => b.stat.atimeMs - a.stat.atimeMs);
  let total = bytes;
  for (const { path, stat } of kept) {
    total += stat.size;
    if (total > LIMITS.code_store_bytes) rmSync(path, { force: true });
  }
}
