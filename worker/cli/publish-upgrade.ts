import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { Channel } from "@oa/shared/nostr/30052-release.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { signPublication } from "@oa/shared/upgrade/publication.ts";
import { decode, naddrEncode } from "nostr-tools/nip19";
import { loadOrCreateKey } from "../adapters/keys.ts";
import { openRelayPool } from "../adapters/relay-pool.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";

export interface PublishedUpgrade {
  readonly address: string;
  readonly naddr: string;
  readonly author: string;
  readonly manifest_event_id: string;
  readonly release_event_id: string;
  readonly manifest_sha256: string;
  /** Accepted: both events were acknowledged. */
  readonly relays: readonly { readonly relay: string; readonly accepted: boolean; readonly message: string }[];
}

/** Signs a valid manifest and its release and sends both, the manifest first. Refusal: author_mismatch. */
export async function publishUpgrade(
  manifest: UpgradeManifest,
  options: {
    readonly secret_key: Uint8Array;
    readonly author_from_key: boolean;
    readonly relays: readonly string[];
    readonly notes: string;
    readonly channel: Channel;
    readonly signal: AbortSignal;
  },
): Promise<PublishedUpgrade | Rejection> {
  const { secret_key, relays, notes, channel, signal } = options;
  const author = publicKeyOf(secret_key);
  const signed = signPublication(
    options.author_from_key ? { ...manifest, author: { ...manifest.author, npub: hexToNpub(author) } } : manifest,
    { secret_key, notes, channel, created_at: Math.floor(Date.now() / 1000), random: (bytes) => randomBytes(bytes) },
  );
  if (isRejection(signed)) return signed;
  const pool = openRelayPool({ schnorr: await loadSchnorr() });
  try {
    const deadline = { timeout_ms: LIMITS.publish_timeout_ms, signal };
    const first = await pool.publish(signed.manifest_event, relays, deadline);
    const second = await pool.publish(signed.release_event, relays, deadline);
    return {
      address: signed.address,
      naddr: naddrEncode({ kind: KINDS.manifest.kind, pubkey: author, identifier: manifest.id, relays: [...relays] }),
      author,
      manifest_event_id: signed.manifest_event.id,
      release_event_id: signed.release_event.id,
      manifest_sha256: signed.manifest_sha256,
      relays: relays.map((relay) => {
        const answers = [first, second].map((all) => all.find((answer) => answer.relay === relay));
        const refusal = answers.find((answer) => answer?.accepted !== true);
        return {
          relay,
          accepted: answers.every((answer) => answer?.accepted === true),
          message: refusal?.message ?? "",
        };
      }),
    };
  } finally {
    pool.close();
  }
}

/** The author's key: from a file that holds it as nsec or hex, else this machine's own, made on first use. */
export async function readAuthorKey(data_dir: string, key_file: string | null): Promise<Uint8Array | Rejection> {
  if (key_file === null) return (await loadOrCreateKey(data_dir, "author")).secret_key;
  let text: string;
  try {
    text = (await readFile(key_file, "utf8")).trim();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? reject("not_found", `there is no file ${key_file}`) : reject("internal", message);
  }
  if (/^[0-9a-f]{64}$/i.test(text)) return new Uint8Array(Buffer.from(text, "hex"));
  try {
    const decoded = decode(text);
    if (decoded.type === "nsec") return decoded.data;
  } catch {
    // falls through: the sentence below must not repeat what might be a secret
  }
  return reject("key_invalid", `${key_file} does not hold a secret key as nsec or 64 hex digits`);
}
