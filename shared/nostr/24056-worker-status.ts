import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { WorkerStatus } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { KINDS, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import type { VerifiedEvent } from "./verify.ts";

const KIND = KINDS.worker_status.kind;

/** What a worker said where things stand. `said_at` is Unix seconds, by its clock. */
export interface OpenedStatus {
  readonly worker: string;
  readonly status: WorkerStatus;
  readonly said_at: number;
  readonly event_id: string;
}

/** The inner event (kind 24056), which the worker signs and which never travels in the clear. */
export function toEvent(
  status: WorkerStatus,
  { to, created_at }: { readonly to: string; readonly created_at: number },
): EventTemplate {
  return { kind: KIND, created_at, tags: [["p", to]], content: JSON.stringify(status) };
}

/**
 * The status that the inner event of a gift wrap holds. Whether its signer is a worker that the reader ordered from is
 * for the reader. Refusals: foreign_event (something else: dropped without noise), wrong_recipient, event_in_future,
 * schema_invalid.
 */
export function fromInner(
  inner: VerifiedEvent,
  { recipient, now_s }: { readonly recipient: string; readonly now_s: number },
): OpenedStatus | Rejection {
  if (inner.kind !== KIND) return reject("foreign_event", `event ${inner.id} is of kind ${inner.kind}, no status`);
  if (tagValue(inner, "p") !== recipient) {
    return reject("wrong_recipient", `the status ${inner.id} is not for this key`);
  }
  if (inner.created_at > now_s + LIMITS.nostr_ahead_s) {
    return reject("event_in_future", `the status ${inner.id} was made in the future`);
  }
  const content = parseStrict(inner.content, { bytes: LIMITS.worker_status_chars });
  if (isRejection(content)) return content;
  if (!validators.isWorkerStatus(content.value)) {
    return reject("schema_invalid", `the status ${inner.id} does not keep its schema`);
  }
  return { worker: inner.pubkey, status: content.value, said_at: inner.created_at, event_id: inner.id };
}
