import { LIMITS } from "../core/limits.ts";
import type { SchnorrVerify } from "./verify.ts";

/** The WebAssembly build of libsecp256k1 that nostr-wasm ships names its imports and exports by single letters. */
export interface Secp256k1Exports {
  /** memory */ readonly g: { readonly buffer: ArrayBuffer };
  /** constructors */ readonly h: () => void;
  /** malloc */ readonly i: (bytes: number) => number;
  /** secp256k1_context_create */ readonly o: (flags: number) => number;
  /** secp256k1_xonly_pubkey_parse */ readonly p: (context: number, key: number, input32: number) => number;
  /** secp256k1_schnorrsig_verify */
  readonly u: (context: number, signature64: number, message: number, bytes: number, key: number) => number;
}

const VERIFY = 257; // SECP256K1_CONTEXT_VERIFY

/** The imports of the module: `exports` gives its exports once it is instantiated. It needs a heap copy, no files. */
export function secp256k1Imports(exports: () => Secp256k1Exports) {
  const fail = (): never => {
    throw new Error("libsecp256k1 stopped: it ran out of memory or broke an assumption of its own");
  };
  return {
    a: {
      a: fail,
      b: fail,
      c: fail,
      d: fail,
      e: fail,
      f: (target: number, source: number, bytes: number) => {
        new Uint8Array(exports().g.buffer).copyWithin(target, source, source + bytes);
        return target;
      },
    },
  };
}

/**
 * BIP-340 verification by an instantiated module. It writes only to memory it allocated here, once. Reading a key is a
 * square root, a fourteenth of the whole check: the last `keys_max` keys are kept as read, since authors come in bursts.
 */
export function secp256k1Schnorr(exports: Secp256k1Exports, keys_max: number = LIMITS.schnorr_keys): SchnorrVerify {
  exports.h();
  const context = exports.o(VERIFY);
  const signature_at = exports.i(64);
  const message_at = exports.i(32);
  const input_at = exports.i(32);
  const key_at = exports.i(64);
  const heap = new Uint8Array(exports.g.buffer);
  const keys = new Map<string, Uint8Array>();

  const readKey = (public_key: Uint8Array): boolean => {
    const name = keys_max === 0 ? "" : String.fromCharCode(...public_key);
    const read = keys.get(name);
    if (read !== undefined) {
      heap.set(read, key_at);
      return true;
    }
    heap.set(public_key, input_at);
    if (exports.p(context, key_at, input_at) !== 1) return false;
    if (keys_max === 0) return true;
    const [oldest] = keys.keys();
    if (keys.size >= keys_max && oldest !== undefined) keys.delete(oldest);
    keys.set(name, heap.slice(key_at, key_at + 64));
    return true;
  };

  return (signature, message, public_key) => {
    if (signature.length !== 64 || message.length !== 32 || public_key.length !== 32) return false;
    if (!readKey(public_key)) return false;
    heap.set(signature, signature_at);
    heap.set(message, message_at);
    return exports.u(context, signature_at, message_at, 32, key_at) === 1;
  };
}
