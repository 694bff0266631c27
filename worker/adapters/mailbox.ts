import { sha256Hex } from "@oa/shared/core/hash.ts";
import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { MailboxPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { Clock } from "./clock.ts";
import type { Egress } from "./egress.ts";
import { nativePublicKeyOf } from "./public-key.ts";

/** This worker's mailbox at an edge. Every request is signed with the worker's key (NIP-98), each once. */
export interface Mailbox {
  /** Deposits after `after`, oldest first, with where to go on. Faults: unreachable, those of egress. */
  readonly list: (after: number, signal: AbortSignal) => Promise<MailboxPage>;
  /** Takes a deposit out of the mailbox; one that is already gone is fine. */
  readonly acknowledge: (deposit_id: string, signal: AbortSignal) => Promise<void>;
  /** Leaves a sealed event in the mailbox of another worker, which must have named this one as a signer. */
  readonly deposit: (worker: string, event: NostrEvent, signal: AbortSignal) => Promise<void>;
  /** Names the keys whose deposits the mailbox takes; replaces the list. */
  readonly setSigners: (signers: readonly string[], signal: AbortSignal) => Promise<void>;
}

export function openMailbox(options: {
  readonly edge_url: string;
  readonly secret_key: Uint8Array;
  readonly egress: Pick<Egress, "fetch">;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
}): Mailbox {
  const { edge_url, secret_key, egress, clock, random } = options;
  const own = nativePublicKeyOf(secret_key);

  const send = async (method: string, path: string, signal: AbortSignal, value?: object, worker = own) => {
    const url = `${edge_url}/v1/workers/${worker}${path}`;
    const body = value === undefined ? {} : { body: JSON.stringify(value) };
    const template = httpAuthTemplate(
      { url, method, ...body },
      Math.floor(clock.now_ms() / 1_000),
      sha256Hex(random(32)),
    );
    const authorization = httpAuthHeader(signEvent(template, secret_key, random(32)));
    return egress.fetch({
      ...{ url, method, ...body, signal },
      headers: { accept: "application/json", "content-type": "application/json", authorization },
      timeout_ms: LIMITS.edge_timeout_ms,
      max_bytes: LIMITS.edge_answer_bytes,
    });
  };
  const refuseUnless = (ok: boolean, what: string, status: number): void => {
    if (!ok) throw new Fault("unreachable", `${edge_url} answered ${status} when ${what}`, { retryable: true });
  };

  return {
    list: async (after, signal) => {
      const { status, body } = await send("GET", `/installs?after=${after}`, signal);
      const page = parseStrict(new TextDecoder().decode(body), { bytes: LIMITS.edge_answer_bytes });
      const valid = status === 200 && !isRejection(page) && validators.isMailboxPage(page.value);
      refuseUnless(valid, "asked for the mailbox", status);
      return (page as { readonly value: unknown }).value as MailboxPage;
    },
    acknowledge: async (deposit_id, signal) => {
      const { status } = await send("DELETE", `/installs/${deposit_id}`, signal);
      refuseUnless(status === 200 || status === 404, "a deposit was acknowledged", status);
    },
    deposit: async (worker, event, signal) => {
      const { status } = await send("POST", "/installs", signal, { event }, worker);
      refuseUnless(status === 201 || status === 200, `something was left for worker ${worker}`, status);
    },
    setSigners: async (signers, signal) => {
      const { status } = await send("PUT", "/signers", signal, { signers });
      refuseUnless(status === 200, "told which signers are paired", status);
    },
  };
}
