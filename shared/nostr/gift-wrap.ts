import { decrypt, getConversationKey } from "nostr-tools/nip44";
import { parseStrict } from "../core/json.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/**
 * The signed event inside a gift wrap (NIP-59), verified. Refusals: config_unreadable (not for this key, or no event),
 * those of `verifyEvent`.
 */
export function unwrap(
  wrap: VerifiedEvent,
  options: { readonly secret_key: Uint8Array; readonly schnorr: SchnorrVerify },
): VerifiedEvent | Rejection {
  const text = decrypted(wrap, options.secret_key);
  const parsed = text === null ? null : parseStrict(text);
  if (parsed === null || isRejection(parsed)) {
    return reject("config_unreadable", `event ${wrap.id} cannot be decrypted to an event by this worker's key`);
  }
  return verifyEvent(parsed.value, options.schnorr);
}

function decrypted(wrap: VerifiedEvent, secret_key: Uint8Array): string | null {
  try {
    return decrypt(wrap.content, getConversationKey(secret_key, wrap.pubkey));
  } catch {
    return null; // a payload that was not made for this key is an answer here
  }
}
