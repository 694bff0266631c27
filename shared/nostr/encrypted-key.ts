import { bech32 } from "@scure/base";
import { decrypt } from "nostr-tools/nip49";
import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";

/**
 * The secret key inside an `ncryptsec` (NIP-49). What it costs to open is read, and bounded, before it is spent; the
 * passphrase is put into Unicode's form NFKC. Refusals: key_invalid, passphrase_wrong; neither repeats a secret.
 */
export async function openEncryptedKey(
  text: string,
  passphrase: () => Promise<string>,
): Promise<Uint8Array | Rejection> {
  const log_n = scryptCost(text);
  if (log_n === null) return reject("key_invalid", "it is not an encrypted key of NIP-49");
  if (log_n > LIMITS.key_scrypt_log_n) {
    return reject(
      "key_invalid",
      `it was encrypted with 2^${log_n} rounds; at most 2^${LIMITS.key_scrypt_log_n} are run`,
    );
  }
  const given = await passphrase();
  try {
    return decrypt(text, given);
  } catch {
    return reject("passphrase_wrong", "the passphrase does not open it"); // the cause could quote a secret
  }
}

/** The exponent of scrypt's rounds; null for anything that is no version 2 `ncryptsec`. */
function scryptCost(text: string): number | null {
  try {
    const { prefix, words } = bech32.decode(text as `${string}1${string}`, 5_000);
    const bytes = bech32.fromWords(words);
    return prefix === "ncryptsec" && bytes.length === 91 && bytes[0] === 2 ? (bytes[1] ?? null) : null;
  } catch {
    return null; // a checksum that fails is an answer here
  }
}
