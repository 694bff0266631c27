import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type Secp256k1Exports, secp256k1Imports, secp256k1Schnorr } from "@oa/shared/nostr/secp256k1.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
// nostr-wasm's own loader compiles from bytes, which workerd refuses; the bundler gives the compiled module.
import secp256k1 from "../node_modules/nostr-wasm/public/out/secp256k1.wasm";

let loaded: SchnorrVerify | undefined;

/** BIP-340 verification by libsecp256k1 as WebAssembly, or in plain JavaScript where it cannot be instantiated. */
export function edgeSchnorr(): SchnorrVerify {
  loaded ??= load();
  return loaded;
}

function load(): SchnorrVerify {
  try {
    return instantiate();
  } catch (error) {
    console.error("libsecp256k1 could not be loaded; signatures are checked in plain JavaScript", error);
    return pureSchnorr;
  }
}

/** libsecp256k1 in a fresh instance, remembering at most `keys_max` keys. Throws where it cannot be instantiated. */
export function instantiate(keys_max?: number): SchnorrVerify {
  const instance = new WebAssembly.Instance(
    secp256k1,
    secp256k1Imports(() => exports),
  );
  const exports = instance.exports as unknown as Secp256k1Exports;
  return secp256k1Schnorr(exports, keys_max);
}
