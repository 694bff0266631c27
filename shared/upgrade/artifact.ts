import { type Rejection, reject } from "../core/refusal.ts";
import type { UpgradeArtifact } from "../generated/types.ts";

/** What bytes at hand are: lower-case hex and a count. */
export interface Measured {
  readonly sha256: string;
  readonly bytes: number;
}

/** An artifact that says exactly which bytes it is. The author's signature covers both numbers with the manifest. */
export type PinnedArtifact = UpgradeArtifact & Measured;

/** Refusal: artifact_unpinned, where nothing says which bytes it is: such an artifact is never used. */
export function pinned(artifact: UpgradeArtifact): PinnedArtifact | Rejection {
  const { sha256, bytes } = artifact;
  if (sha256 !== undefined && bytes !== undefined) return { ...artifact, sha256, bytes };
  return reject("artifact_unpinned", `the artifact ${artifact.url} states no sha256 and bytes`);
}

/** Null where the bytes are those that the author signed. Refusal: artifact_mismatch (cut, longer, swapped). */
export function refuseOther(artifact: PinnedArtifact, found: Measured): Rejection | null {
  const { url, sha256, bytes } = artifact;
  if (found.bytes !== bytes) {
    return reject("artifact_mismatch", `${url} has ${found.bytes} bytes, but its author signed for ${bytes}`);
  }
  if (found.sha256 === sha256) return null;
  return reject("artifact_mismatch", `${url} has the sha256 ${found.sha256}, but its author signed for ${sha256}`);
}

/**
 * An artifact with the numbers of its file filled in. Refusal: artifact_mismatch, where the manifest states others.
 */
export function pinTo(artifact: UpgradeArtifact, found: Measured, file: string): PinnedArtifact | Rejection {
  const { sha256 = found.sha256, bytes = found.bytes } = artifact;
  if (sha256 === found.sha256 && bytes === found.bytes) return { ...artifact, sha256, bytes };
  const stated = sha256 === found.sha256 ? `${bytes} bytes` : `sha256 ${sha256}`;
  return reject(
    "artifact_mismatch",
    `the manifest states ${stated} for ${artifact.url}, but ${file} has ${found.bytes} bytes with sha256 ${found.sha256}`,
  );
}
