import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { type Measured, type PinnedArtifact, refuseOther } from "@oa/shared/upgrade/artifact.ts";
import type { Egress } from "./egress.ts";

/**
 * An artifact's bytes, once they are known to be those its author signed for. Nothing is given before all of it was
 * checked. Faults: too_large, artifact_mismatch, http_status, those of `Egress`.
 */
export async function fetchArtifact(
  artifact: PinnedArtifact,
  egress: Pick<Egress, "fetch">,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { url, bytes } = artifact;
  refuseLarge(url, bytes);
  const { status, body } = await egress.fetch({
    ...{ url, method: "GET", headers: {}, signal },
    timeout_ms: LIMITS.egress_timeout_ms,
    // One more than is expected shows that there is more, without taking it all.
    max_bytes: bytes + 1,
  });
  if (status !== 200) throw new Fault("http_status", `${url} answered ${status}; expected 200`);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const wrong = refuseOther(artifact, { sha256, bytes: body.length });
  if (wrong !== null) throw new Fault(wrong.code, wrong.message);
  return body;
}

/** What a file holds, as numbers; null where there is none. Faults: too_large, internal. */
export async function measureFile(path: string): Promise<Measured | null> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Fault("internal", `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Fault("path_not_regular", `${path} is not a regular file`);
    refuseLarge(path, stat.size);
    const content = await file.readFile();
    return { sha256: createHash("sha256").update(content).digest("hex"), bytes: content.length };
  } finally {
    await file.close();
  }
}

function refuseLarge(what: string, bytes: number): void {
  if (bytes <= LIMITS.artifact_bytes) return;
  throw new Fault("too_large", `${what} has ${bytes} bytes; an artifact has at most ${LIMITS.artifact_bytes}`);
}
