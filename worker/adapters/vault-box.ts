import { scrypt } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";

/** What a vault's key is worked out from: a passphrase, or 32 random bytes that the Keychain keeps. */
export type VaultSource = { readonly passphrase: string } | { readonly key: Uint8Array };

/** How the key is worked out, as the file says it in the clear; all of it is authenticated with the content. */
type Derivation =
  | { readonly name: "scrypt"; readonly log_n: number; readonly r: 8; readonly p: 1; readonly salt: string }
  | { readonly name: "keychain" };

/** A key with the header of the file it encrypts. */
export interface Sealer {
  readonly key: Uint8Array;
  readonly header: { readonly v: 1; readonly kdf: Derivation; readonly check: string };
}

interface Box {
  readonly v: 1;
  readonly kdf: Derivation;
  /** Tells a wrong key from a changed file: the hash of 32 bytes derived beside the key. */
  readonly check: string;
  readonly nonce: string;
  readonly box: string;
}

const R = 8;
const SALT = /^[A-Za-z0-9_-]{22}$/;

/** A key for a new vault. `log_n`: what working it out from a passphrase costs. */
export async function newSealer(source: VaultSource, random: RandomBytes, log_n: number): Promise<Sealer> {
  const kdf: Derivation =
    "key" in source
      ? { name: "keychain" }
      : { name: "scrypt", log_n, r: R, p: 1, salt: Buffer.from(random(16)).toString("base64url") };
  const { key, check } = await derive(source, kdf);
  return { key, header: { v: 1, kdf, check } };
}

/** The file's text: the content under XChaCha20-Poly1305 with a new nonce, its header in the clear. */
export function seal(content: string, { key, header }: Sealer, random: RandomBytes): string {
  const nonce = random(24);
  const box = xchacha20poly1305(key, nonce, bound(header)).encrypt(Buffer.from(content, "utf8"));
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  return `${JSON.stringify({ ...header, nonce: text(nonce), box: text(box) })}\n`;
}

/** The content and the key it was under. Faults: vault_passphrase_wrong, vault_damaged. */
export async function unseal(
  text: string,
  source: VaultSource,
  path: string,
): Promise<{ readonly content: string; readonly sealer: Sealer }> {
  const damaged = (why: string): Fault =>
    new Fault(
      "vault_damaged",
      `the vault ${path} ${why}: put a backup of it in its place, or delete it and set your secrets again`,
    );
  const box = parsed(text);
  if (box === null) throw damaged("is not what this version writes");
  if ("key" in source !== (box.kdf.name === "keychain")) {
    const made = box.kdf.name === "keychain" ? "a key in a Keychain" : "a passphrase";
    throw damaged(`was made with ${made}, which this machine does not use`);
  }
  const { key, check } = await derive(source, box.kdf);
  if (check !== box.check) {
    if ("key" in source) throw damaged("belongs to another Keychain entry");
    throw new Fault(
      "vault_passphrase_wrong",
      `this is not the passphrase of the vault ${path}, or its header was changed`,
    );
  }
  const header = { v: box.v, kdf: box.kdf, check };
  try {
    const bytes = (part: string): Uint8Array => Buffer.from(part, "base64url");
    const content = xchacha20poly1305(key, bytes(box.nonce), bound(header)).decrypt(bytes(box.box));
    return { content: Buffer.from(content).toString("utf8"), sealer: { key, header } };
  } catch {
    throw damaged("was changed since it was written"); // the cause says no more
  }
}

function bound(header: Sealer["header"]): Uint8Array {
  return Buffer.from(canonicalize(header), "utf8");
}

/** Null for anything that could not have been written by `seal`, or that would cost too much to open. */
function parsed(text: string): Box | null {
  let value: Box;
  try {
    value = JSON.parse(text) as Box; // every field is looked at below
  } catch {
    return null;
  }
  const { v, kdf, check, nonce, box } = value ?? {};
  const scrypted =
    kdf?.name === "scrypt" &&
    Number.isInteger(kdf.log_n) &&
    kdf.log_n >= 10 &&
    kdf.log_n <= LIMITS.vault_log_n_max &&
    kdf.r === R &&
    kdf.p === 1 &&
    SALT.test(kdf.salt);
  if (v !== 1 || !(scrypted || kdf?.name === "keychain")) return null;
  const isText = [check, nonce, box].every((part) => typeof part === "string");
  return isText && /^[A-Za-z0-9_-]{32}$/.test(nonce) ? { v, kdf, check, nonce, box } : null;
}

async function derive(
  source: VaultSource,
  kdf: Derivation,
): Promise<{ readonly key: Uint8Array; readonly check: string }> {
  const bytes =
    "key" in source
      ? Buffer.concat([source.key, source.key])
      : await scrypted(source.passphrase, kdf.name === "scrypt" ? kdf : null);
  const key = Uint8Array.from(bytes.subarray(0, 32));
  return { key, check: sha256Hex(Buffer.concat([Buffer.from("oa vault check\0"), bytes.subarray(32)])).slice(0, 32) };
}

function scrypted(passphrase: string, kdf: Extract<Derivation, { name: "scrypt" }> | null): Promise<Buffer> {
  if (kdf === null) return Promise.reject(new Error("assertion failed: a passphrase goes with scrypt"));
  const N = 2 ** kdf.log_n;
  return new Promise((resolve, reject) => {
    const options = { N, r: R, p: 1, maxmem: 256 * N * R };
    scrypt(passphrase.normalize("NFKC"), Buffer.from(kdf.salt, "base64url"), 64, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
