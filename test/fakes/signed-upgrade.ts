import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { type Publication, signPublication } from "@oa/shared/upgrade/publication.ts";
import { manifestOf, random } from "./runs.ts";

/** A secret key for tests. */
export const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
export const AUTHOR = key(1);

/** A small manifest by an author: one request to one host. */
export function manifestBy(author: Uint8Array, change: Partial<UpgradeManifest> = {}): UpgradeManifest {
  const pipeline: UpgradeManifest["pipeline"] = [{ op: "http.request", id: "fetch", url: "https://api.example/" }];
  const base = manifestOf(pipeline, { network: ["api.example"], tools: ["http.request"] });
  return { ...base, author: { npub: hexToNpub(publicKeyOf(author)) }, ...change };
}

/** Its two signed events. */
export function publish(manifest: UpgradeManifest, secret_key = AUTHOR): Publication {
  const options = { secret_key, notes: "", channel: "main", created_at: 1_750_000_000, random } as const;
  const signed = signPublication(manifest, options);
  if (isRejection(signed)) throw new Error(signed.message);
  return signed;
}
