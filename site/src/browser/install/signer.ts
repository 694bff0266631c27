import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { checkSigned } from "@oa/shared/nostr/signed.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";

/** Whoever holds the coordinator's key: this page, an extension, or a signer elsewhere. */
export interface Signer {
  readonly kind: "local" | "extension" | "remote";
  readonly public_key: string;
  /** Faults: signer_refused, signer_answer_wrong, timeout. */
  readonly sign: (template: EventTemplate) => Promise<VerifiedEvent>;
  /** What a NIP-44 payload from a key says; null where it is not for this key. */
  readonly decrypt: (from: string, payload: string) => Promise<string | null>;
  /** Forgets the key, or ends the connection to it. */
  readonly close: () => void;
}

/** What came back, if it is what was asked for: a signer elsewhere could sign anything. Fault: signer_answer_wrong. */
export function asAsked(raw: unknown, template: EventTemplate, public_key: string): VerifiedEvent {
  const event = checkSigned(raw, template, public_key, pureSchnorr);
  if (isRejection(event)) throw new Fault(event.code, event.message);
  return event;
}
