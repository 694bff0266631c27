import { createECDH } from "node:crypto";

/**
 * The x-only public key of a secret key, in hex (BIP-340), by Node's own curve: the first one that plain JavaScript
 * computes costs a process 45 ms, and every command needs one. Throws for what is not on the curve.
 */
export function nativePublicKeyOf(secret_key: Uint8Array): string {
  const curve = createECDH("secp256k1");
  curve.setPrivateKey(secret_key);
  return curve.getPublicKey("hex", "compressed").slice(2);
}
