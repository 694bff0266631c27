import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { EventTemplate } from "./template.ts";
import { type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/**
 * What a signer gave back, if it is what it was asked to sign: valid, by that key, and the same kind, time, tags and
 * content. A signer elsewhere could sign anything. Refusal: signer_answer_wrong.
 */
export function checkSigned(
  raw: unknown,
  template: EventTemplate,
  author: string,
  schnorr: SchnorrVerify,
): VerifiedEvent | Rejection {
  const event = verifyEvent(raw, schnorr);
  if (isRejection(event)) return reject("signer_answer_wrong", `the signer gave no valid event: ${event.message}`);
  if (event.pubkey !== author) {
    return reject("signer_answer_wrong", `the signer signed as ${event.pubkey}, not as ${author}`);
  }
  const changed = (["kind", "created_at", "content"] as const).find((field) => event[field] !== template[field]);
  const different = changed ?? (sameTags(event.tags, template.tags) ? undefined : "tags");
  if (different === undefined) return event;
  return reject("signer_answer_wrong", `the signer signed another event than it was asked to: its ${different} differ`);
}

function sameTags(left: EventTemplate["tags"], right: EventTemplate["tags"]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
