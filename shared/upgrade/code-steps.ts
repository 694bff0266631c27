import { manifestHash } from "../core/manifest-hash.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { opDefinition } from "./op-definition.ts";
import { type ManifestError, place } from "./schema-errors.ts";

const OP = "code.run";

/** Whether an upgrade brings a program of its own. */
export function bringsCode({ pipeline }: Pick<UpgradeManifest, "pipeline">): boolean {
  return pipeline.some(({ op }) => op === OP);
}

/** How far the programs that an upgrade starts can reach on a worker; null where it starts none. */
export function sandboxSentence(
  { pipeline }: Pick<UpgradeManifest, "pipeline">,
  { name, missing }: { readonly name: string; readonly missing: string | null },
): string | null {
  if (!pipeline.some(({ op }) => opDefinition(op)?.sandboxed === true)) return null;
  if (missing === null) return `The programs it starts see only what is granted here (${name}).`;
  return `The programs it starts run without a sandbox, git alone and with fixed arguments: ${missing}.`;
}

/** Refusal: code_packages_off, where an upgrade brings a program and the owner's settings do not let it. */
export function refuseCode(
  manifest: Pick<UpgradeManifest, "id" | "pipeline">,
  settings: { readonly code_packages: boolean },
): Rejection | null {
  if (settings.code_packages || !bringsCode(manifest)) return null;
  return reject(
    "code_packages_off",
    `${manifest.id} brings a program of its own, and those are off on this worker: its owner can set code_packages to true in config.json`,
  );
}

/**
 * A program must be one of the manifest's artifacts, to the byte: what is published states them, what is reviewed lists
 * them, and no input can put another in its place. Code: artifact_unpinned.
 */
export function checkCodeSteps({ pipeline, artifacts = [] }: UpgradeManifest): readonly ManifestError[] {
  return pipeline.flatMap((step, index) => {
    if (step.op !== OP) return [];
    const { kind = "wasi", url, sha256, bytes } = step as unknown as Readonly<Record<string, unknown>>;
    const listed = artifacts.some(
      (one) => one.type === kind && one.url === url && one.sha256 === sha256 && one.bytes === bytes,
    );
    if (listed) return [];
    const path = `/pipeline/${index}`;
    const message = `${place(path)}: its program must be in artifacts, with the type ${JSON.stringify(kind)} and the same url, sha256 and bytes`;
    return [{ path, code: "artifact_unpinned" as const, message }];
  });
}

/**
 * A program runs only under its author's signature: the manifest came in an event that was verified, and is still, to
 * the byte, the one that was signed and approved. Refusals: unsigned_manifest, manifest_hash_mismatch.
 */
export function refuseUnsignedCode(
  manifest: UpgradeManifest,
  pins: { readonly manifest_event_id: string | null; readonly manifest_sha256: string },
): Rejection | null {
  if (!bringsCode(manifest)) return null;
  if (pins.manifest_event_id === null) {
    return reject("unsigned_manifest", `${manifest.id} brings a program, and nobody signed its manifest`);
  }
  const found = manifestHash(manifest);
  if (found === pins.manifest_sha256) return null;
  return reject(
    "manifest_hash_mismatch",
    `${manifest.id} brings a program, and its manifest is now ${found}, not ${pins.manifest_sha256} as approved`,
  );
}
