import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44";
import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { RemoteSigningAnswer } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { KINDS } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/** Where a remote signer is reached (NIP-46). */
export interface Bunker {
  /** The signer's own key, which need not be the one it signs with. */
  readonly signer: string;
  readonly relays: readonly string[];
  /** For the first connection only. */
  readonly secret: string | null;
}

const RELAY = /^wss?:\/\/[^\s/?#]/;

/** Reads `bunker://<key>?relay=…&secret=…`. Refusal: usage, with a sentence that does not repeat the secret. */
export function parseBunker(text: string): Bunker | Rejection {
  const wrong = (why: string): Rejection =>
    reject("usage", `the signer's address ${why}: it is bunker://<key>?relay=wss://…`);
  const [, signer, query = ""] = /^bunker:\/\/([0-9a-f]{64})\/?(?:\?(.*))?$/.exec(text) ?? [];
  if (!isHex32(signer)) return wrong("has no key of 64 hex digits");
  const params = query.split("&").flatMap((part): readonly (readonly [string, string])[] => {
    const [name = "", ...value] = part.split("=");
    const decoded = uriDecoded(value.join("="));
    return decoded === null ? [] : [[name, decoded]];
  });
  const relays = [...new Set(params.flatMap(([name, value]) => (name === "relay" ? [value] : [])))];
  if (relays.length === 0) return wrong("names no relay");
  if (relays.length > 8 || relays.some((relay) => !RELAY.test(relay))) return wrong("names what is no relay");
  const secret = params.find(([name]) => name === "secret")?.[1] ?? "";
  return { signer, relays, secret: secret === "" ? null : secret };
}

/** `bunker://…` without the secret, which is good for one connection only. */
export function bunkerAddress({ signer, relays }: Bunker): string {
  return `bunker://${signer}?${relays.map((relay) => `relay=${encodeURIComponent(relay)}`).join("&")}`;
}

/** What a signer is shown so that it connects by itself; it proves to have seen it by giving the secret back. */
export function connectAddress(options: {
  readonly client: string;
  readonly relays: readonly string[];
  readonly secret: string;
  readonly name: string;
  /** What it will be asked to do, so that its owner can be asked once; an author's acts where absent. */
  readonly permissions?: string;
}): string {
  const { client, relays, secret, name, permissions = PERMISSIONS } = options;
  const params = [
    ...relays.map((relay) => ["relay", relay]),
    ["secret", secret],
    ["perms", permissions],
    ["name", name],
  ];
  return `nostrconnect://${client}?${params.map(([key, value = ""]) => `${key}=${encodeURIComponent(value)}`).join("&")}`;
}

/** What an author signs, so that a signer can ask its owner once for all of it. */
export const PERMISSIONS = [KINDS.manifest, KINDS.release, KINDS.deletion, KINDS.label, KINDS.key_rotation]
  .map(({ kind }) => `sign_event:${kind}`)
  .concat("get_public_key")
  .join(",");

/** What a coordinator signs and reads. */
export const COORDINATOR_PERMISSIONS = [
  ...[KINDS.install_config, KINDS.pairing_claim, KINDS.rating, KINDS.report, KINDS.http_auth, KINDS.relay_auth].map(
    ({ kind }) => `sign_event:${kind}`,
  ),
  ...["get_public_key", "nip44_decrypt"],
].join(",");

export interface SigningRequest {
  readonly id: string;
  readonly method: "connect" | "get_public_key" | "sign_event" | "nip44_decrypt";
  readonly params: readonly string[];
}

/** A request to a signer (kind 24133), to be signed by the client's key. `nonce` is 32 fresh random bytes. */
export function toEvent(
  request: SigningRequest,
  options: {
    readonly signer: string;
    readonly client_key: Uint8Array;
    readonly nonce: Uint8Array;
    readonly created_at: number;
  },
): EventTemplate {
  const { signer, client_key, nonce, created_at } = options;
  const content = encrypt(JSON.stringify(request), getConversationKey(client_key, signer), nonce);
  return { kind: KINDS.remote_signing.kind, created_at, tags: [["p", signer]], content };
}

/** A signer's answer. Refusal: signer_answer_wrong (not for this client, or no answer at all). */
export function fromEvent(event: VerifiedEvent, client_key: Uint8Array): RemoteSigningAnswer | Rejection {
  const wrong = reject("signer_answer_wrong", `the signer ${event.pubkey} sent something that is no answer`);
  const text = decrypted(event, client_key);
  const parsed = text === null ? null : parseStrict(text, { bytes: LIMITS.signer_answer_bytes });
  if (parsed === null || isRejection(parsed)) return wrong;
  return validators.isRemoteSigningAnswer(parsed.value) ? parsed.value : wrong;
}

/** Answers to one client, of one signer where it is known. */
export function filter(client: string, signer?: string) {
  return {
    kinds: [KINDS.remote_signing.kind],
    "#p": [client],
    ...(signer === undefined ? {} : { authors: [signer] }),
  };
}

function decrypted(event: VerifiedEvent, client_key: Uint8Array): string | null {
  try {
    return decrypt(event.content, getConversationKey(client_key, event.pubkey));
  } catch {
    return null; // a payload that was not made for this key is an answer here
  }
}

function uriDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll("+", " ")); // as forms are encoded
  } catch {
    return null;
  }
}
