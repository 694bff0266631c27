import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44";
import { parseStrict } from "../core/json.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { KINDS } from "./kinds.ts";
import { signEvent } from "./template.ts";
import { type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/** What a gift wrap is made with: `nonce` and `aux_random` are 32 fresh random bytes each. */
export interface WrapOptions {
  readonly one_time_key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aux_random: Uint8Array;
  readonly created_at: number;
}

/** Seals a signed event to one key: a gift wrap (NIP-59, kind 1059) by a one-time key, NIP-44 inside. */
export function wrap(inner: NostrEvent, recipient: string, options: WrapOptions): NostrEvent {
  const { one_time_key, nonce, aux_random, created_at } = options;
  const content = encrypt(JSON.stringify(inner), getConversationKey(one_time_key, recipient), nonce);
  return signEvent(
    { kind: KINDS.gift_wrap.kind, created_at, tags: [["p", recipient]], content },
    one_time_key,
    aux_random,
  );
}

/**
 * The signed event inside a gift wrap (NIP-59), verified. Refusals: config_unreadable (not for this key, or no event),
 * those of `verifyEvent`.
 */
export function unwrap(
  wrap: VerifiedEvent,
  options: { readonly secret_key: Uint8Array; readonly schnorr: SchnorrVerify },
): VerifiedEvent | Rejection {
  return innerOf(wrap, decrypted(wrap, options.secret_key), options.schnorr);
}

/**
 * The same where the key is elsewhere: `text` is what its holder decrypted the wrap's content to, null where it could
 * not. Refusals: config_unreadable, those of `verifyEvent`.
 */
export function innerOf(wrap: VerifiedEvent, text: string | null, schnorr: SchnorrVerify): VerifiedEvent | Rejection {
  const parsed = text === null ? null : parseStrict(text);
  if (parsed === null || isRejection(parsed)) {
    return reject("config_unreadable", `event ${wrap.id} cannot be decrypted to an event by this key`);
  }
  return verifyEvent(parsed.value, schnorr);
}

function decrypted(wrap: VerifiedEvent, secret_key: Uint8Array): string | null {
  try {
    return decrypt(wrap.content, getConversationKey(secret_key, wrap.pubkey));
  } catch {
    return null; // a payload that was not made for this key is an answer here
  }
}
