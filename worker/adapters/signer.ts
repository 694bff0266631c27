import { randomBytes } from "node:crypto";
import { type EventTemplate, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { nativePublicKeyOf } from "./public-key.ts";

/** Signs as one author, wherever the key is. */
export interface Signer {
  /** The key it signs as, in hex. */
  readonly public_key: string;
  /**
   * The event as it was asked for, signed by `public_key`. Faults: signer_refused, signer_answer_wrong, timeout,
   * relay_unreachable, canceled.
   */
  readonly sign: (template: EventTemplate) => Promise<NostrEvent>;
  readonly close: () => void;
}

/** A key at hand. */
export function localSigner(secret_key: Uint8Array): Signer {
  return {
    public_key: nativePublicKeyOf(secret_key),
    sign: async (template) => signEvent(template, secret_key, randomBytes(32)),
    close: () => undefined,
  };
}
