import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { WorkerReport } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { unwrap } from "./gift-wrap.ts";
import { KINDS, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import type { SchnorrVerify, VerifiedEvent } from "./verify.ts";

const KIND = KINDS.worker_capabilities.kind;

/** What a paired worker says it measured about itself. `reported_at` is Unix seconds, by its clock. */
export interface OpenedReport {
  readonly worker: string;
  readonly capabilities: WorkerReport;
  readonly reported_at: number;
  readonly event_id: string;
}

/** What is told, as the worker holds it. */
export type Measured = Omit<WorkerReport, "backends"> & {
  readonly backends: readonly WorkerReport["backends"][number][];
};

/** The inner event (kind 24055), which the worker signs and which never travels in the clear. */
export function toEvent(
  capabilities: Measured,
  { to, created_at }: { readonly to: string; readonly created_at: number },
): EventTemplate {
  return { kind: KIND, created_at, tags: [["p", to]], content: JSON.stringify(capabilities) };
}

/**
 * Opens a gift wrap that may hold a report. Whether its signer is paired is for the rules of pairing. Refusals:
 * config_unreadable, foreign_event (something else: dropped without noise), wrong_recipient, event_in_future,
 * schema_invalid, those of `verifyEvent`.
 */
export function open(
  wrap: VerifiedEvent,
  options: {
    readonly secret_key: Uint8Array;
    readonly worker: string;
    readonly schnorr: SchnorrVerify;
    readonly now_s: number;
  },
): OpenedReport | Rejection {
  const inner = unwrap(wrap, options);
  if (isRejection(inner)) return inner;
  if (inner.kind !== KIND) return reject("foreign_event", `event ${wrap.id} holds kind ${inner.kind}, no report`);
  if (tagValue(inner, "p") !== options.worker) {
    return reject("wrong_recipient", `the report ${inner.id} is not for this worker`);
  }
  if (inner.created_at > options.now_s + LIMITS.nostr_ahead_s) {
    return reject("event_in_future", `the report ${inner.id} was made in the future`);
  }
  const content = parseStrict(inner.content, { bytes: LIMITS.capabilities_report_chars });
  if (isRejection(content)) return content;
  if (!validators.isWorkerReport(content.value)) {
    return reject("schema_invalid", `the report ${inner.id} does not keep its schema`);
  }
  return {
    ...{ worker: inner.pubkey, capabilities: content.value, reported_at: inner.created_at, event_id: inner.id },
  };
}
