import { schnorr } from "@noble/curves/secp256k1.js";
import type { SchnorrVerify } from "./verify.ts";

/** BIP-340 verification in plain JavaScript: several times slower than WebAssembly, and it runs anywhere. */
export const pureSchnorr: SchnorrVerify = (signature, message, public_key) =>
  signature.length === 64 && public_key.length === 32 && schnorr.verify(signature, message, public_key);
