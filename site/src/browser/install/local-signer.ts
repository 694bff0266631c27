import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { openEncryptedKey } from "@oa/shared/nostr/encrypted-key.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { decrypt, getConversationKey } from "nostr-tools/nip44";
import { encrypt } from "nostr-tools/nip49";
import { random } from "./random.ts";
import { asAsked, type Signer } from "./signer.ts";

/** A key as it is kept: encrypted under its owner's passphrase (NIP-49). */
export interface EncryptedKey {
  readonly ncryptsec: string;
  readonly public_key: string;
}

/** Encrypts a key. Fault: usage, for a passphrase that is hardly one. */
export function encryptKey(secret_key: Uint8Array, passphrase: string): EncryptedKey {
  if ([...passphrase].length < 8) throw new Fault("usage", "a passphrase has at least 8 characters");
  // 0x01: the key was never handled in the clear outside this program.
  const ncryptsec = encrypt(secret_key, passphrase, LIMITS.coordinator_scrypt_log_n, 0x01);
  return { ncryptsec, public_key: publicKeyOf(secret_key) };
}

/** Opens a key. Faults: key_invalid, passphrase_wrong. */
export async function decryptKey(ncryptsec: string, passphrase: string): Promise<Uint8Array> {
  const opened = await openEncryptedKey(ncryptsec, async () => passphrase);
  if (isRejection(opened)) throw new Fault(opened.code, opened.message);
  return opened;
}

/** Signs with a key that is open in this page, until it is closed: then the key's bytes are overwritten. */
export function localSigner(secret_key: Uint8Array): Signer {
  const public_key = publicKeyOf(secret_key);
  let open = true;
  const requireOpen = (): void => {
    if (!open) throw new Fault("signer_refused", "the key is locked: unlock it first");
  };
  return {
    kind: "local",
    public_key,
    sign: async (template) => {
      requireOpen();
      return asAsked(signEvent(template, secret_key, random(32)), template, public_key);
    },
    decrypt: async (from, payload) => {
      requireOpen();
      try {
        return decrypt(payload, getConversationKey(secret_key, from));
      } catch {
        return null; // a payload that was not made for this key is an answer here
      }
    },
    close: () => {
      open = false;
      secret_key.fill(0);
    },
  };
}
