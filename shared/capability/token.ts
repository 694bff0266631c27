import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { base64urlnopad, utf8 } from "@scure/base";
import { canonicalize, parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { CapabilityDelegation, CapabilityRoot, CapabilityScope, CapabilityToken } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { beyond, narrowed } from "./scope.ts";

/**
 * Capability tokens: `oat1.<what it says, JSON, base64url>.<signature, base64url>`. The root is signed with the
 * workspace's key, each delegation with the signature before it (HMAC-SHA256 over RFC 8785): whoever holds a token can
 * make a narrower one of it without asking, and nobody can undo what a delegation took away. Also where a delegation
 * names more than its parent has, no more than the parent's is ever left.
 */
const PREFIX = "oat1";
const ROOT_DOMAIN = "openagents capability root v1\n";
const DELEGATION_DOMAIN = "openagents capability delegation v1\n";
const ID_DOMAIN = "openagents capability id v1\n";

/** A token that was verified, as it counts. */
export interface Capability {
  /** `cap_…` of the token and of all that it was made of, the root first. */
  readonly ids: readonly [string, ...string[]];
  readonly depth: number;
  readonly principal: string | null;
  /** What all of the chain allows. */
  readonly scope: CapabilityScope;
  /** The earliest end of the chain, Unix seconds. */
  readonly expires_at: number;
}

export interface MintedToken {
  /** A credential: shown once, never stored. */
  readonly token: string;
  /** `cap_…`: what it is revoked by. */
  readonly id: string;
}

/** Makes a token of a workspace. `key`: 32 secret bytes of the workspace's own. */
export function mintToken(root: CapabilityRoot, key: Uint8Array): MintedToken {
  const signature = rootSignature(root, key);
  return { token: textOf({ root, delegations: [] }, signature), id: idOf(signature) };
}

/**
 * Makes a narrower token of another, which needs no key. Refusals: those of reading a token, capability_too_deep,
 * capability_widened.
 */
export function delegateToken(token: string, delegation: CapabilityDelegation): MintedToken | Rejection {
  const read = readToken(token);
  if (isRejection(read)) return read;
  const { says, signature } = read;
  if (says.delegations.length >= LIMITS.capability_depth) {
    return reject("capability_too_deep", `a token is delegated ${LIMITS.capability_depth} times at most`);
  }
  const { scope, expires_at } = effective(says);
  const wider = beyond(scope, delegation.scope);
  if (wider.length > 0) {
    return reject("capability_widened", `the token it is made of does not allow ${wider.slice(0, 5).join(", ")}`);
  }
  if (delegation.expires_at > expires_at) {
    const end = new Date(expires_at * 1_000).toISOString();
    return reject("capability_widened", `it would outlive the token it is made of, which ends at ${end}`);
  }
  return appendDelegation(says, signature, delegation);
}

/** Appends whatever it is given: what verification must make harmless. */
export function appendDelegation(
  { root, delegations }: CapabilityToken,
  signature: Uint8Array,
  delegation: CapabilityDelegation,
): MintedToken {
  const next = delegationSignature(delegation, signature);
  return { token: textOf({ root, delegations: [...delegations, delegation] }, next), id: idOf(next) };
}

/**
 * What a token allows here and now. Refusals: capability_token_malformed, capability_token_invalid (another key, a
 * changed byte, another workspace), capability_token_expired. Whether it was revoked is for the caller to look up, by
 * every one of `ids`.
 */
export function verifyToken(
  token: string,
  here: { readonly key: Uint8Array; readonly workspace_id: string; readonly now_s: number },
): Capability | Rejection {
  const read = readToken(token);
  if (isRejection(read)) return read;
  const { says, signature } = read;
  const chain = signatures(says, here.key);
  if (!sameBytes(chain.at(-1) ?? chain[0], signature)) {
    return reject("capability_token_invalid", "the token was not made by this workspace, or was changed");
  }
  if (says.root.workspace_id !== here.workspace_id) {
    return reject("capability_token_invalid", "the token is of another workspace");
  }
  const { scope, expires_at } = effective(says);
  if (here.now_s >= expires_at) {
    return reject("capability_token_expired", `the token ended at ${new Date(expires_at * 1_000).toISOString()}`);
  }
  const [first, ...rest] = chain;
  return {
    ids: [idOf(first), ...rest.map(idOf)],
    depth: says.delegations.length,
    principal: says.root.principal ?? null,
    ...{ scope, expires_at },
  };
}

interface ReadToken {
  readonly says: CapabilityToken;
  readonly signature: Uint8Array;
}

/** What a token says, its signature not yet verified. Refusal: capability_token_malformed. */
export function readToken(token: string): ReadToken | Rejection {
  const malformed = reject("capability_token_malformed", `this is no capability token, which begins with ${PREFIX}.`);
  const [prefix, body, tail, ...more] = token.split(".");
  if (token.length > LIMITS.capability_chars || prefix !== PREFIX || body === undefined || more.length > 0) {
    return malformed;
  }
  try {
    const signature = base64urlnopad.decode(tail ?? "");
    const parsed = parseStrict(utf8.encode(base64urlnopad.decode(body)), { bytes: LIMITS.capability_chars });
    if (isRejection(parsed) || signature.length !== 32) return malformed;
    return validators.isCapabilityToken(parsed.value) ? { says: parsed.value, signature } : malformed;
  } catch {
    return malformed; // not base64url, or not UTF-8
  }
}

/** Until when a token says that it works, Unix seconds; its signature is not verified. Refusal: capability_token_malformed. */
export function endOfToken(token: string): number | Rejection {
  const read = readToken(token);
  return isRejection(read) ? read : effective(read.says).expires_at;
}

/** What all of a chain allows, and until when. */
function effective({ root, delegations }: CapabilityToken): {
  readonly scope: CapabilityScope;
  readonly expires_at: number;
} {
  let { scope, expires_at } = root;
  for (const delegation of delegations) {
    scope = narrowed(scope, delegation.scope);
    expires_at = Math.min(expires_at, delegation.expires_at);
  }
  return { scope, expires_at };
}

function rootSignature(root: CapabilityRoot, key: Uint8Array): Uint8Array {
  return hmac(sha256, key, utf8ToBytes(ROOT_DOMAIN + canonicalize(root)));
}

function delegationSignature(delegation: CapabilityDelegation, before: Uint8Array): Uint8Array {
  return hmac(sha256, before, utf8ToBytes(DELEGATION_DOMAIN + canonicalize(delegation)));
}

function signatures({ root, delegations }: CapabilityToken, key: Uint8Array): readonly [Uint8Array, ...Uint8Array[]] {
  let last = rootSignature(root, key);
  const chain: [Uint8Array, ...Uint8Array[]] = [last];
  for (const delegation of delegations) {
    last = delegationSignature(delegation, last);
    chain.push(last);
  }
  return chain;
}

/** Of one signature, which it does not give away. */
function idOf(signature: Uint8Array): string {
  return `cap_${bytesToHex(sha256(new Uint8Array([...utf8ToBytes(ID_DOMAIN), ...signature]))).slice(0, 32)}`;
}

/** Takes the same time wherever they differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}

function textOf(says: CapabilityToken, signature: Uint8Array): string {
  return [PREFIX, base64urlnopad.encode(utf8ToBytes(canonicalize(says))), base64urlnopad.encode(signature)].join(".");
}
