import { bytesToHex } from "@noble/hashes/utils.js";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { messageIn } from "./catalog.ts";
import { nowSeconds, random } from "./random.ts";
import type { Signer } from "./signer.ts";

/**
 * Mailboxes at an edge: the way that is left where no relay takes an order, and by which its worker then answers. Every
 * request is signed by the coordinator's key (NIP-98). Faults: unreachable, those of the signer.
 */
export function openMailboxes(edge_url: string, signer: Signer) {
  const send = async (method: "GET" | "PUT" | "POST" | "DELETE", path: string, value?: object): Promise<Response> => {
    const url = `${edge_url}/v1/workers/${path}`;
    const body = value === undefined ? {} : { body: JSON.stringify(value) };
    const template = httpAuthTemplate({ url, method, ...body }, nowSeconds(), bytesToHex(random(32)));
    const authorization = httpAuthHeader(await signer.sign(template));
    const answer = await fetch(url, {
      ...{ method, ...body, headers: { "content-type": "application/json", authorization } },
      signal: AbortSignal.timeout(LIMITS.coordinator_answer_ms),
    }).catch(() => null);
    if (answer === null) throw new Fault("unreachable", `the mailbox at ${edge_url} cannot be reached`);
    if (answer.ok) return answer;
    const why = messageIn(await answer.json().catch(() => null)) ?? `it answered ${answer.status}`;
    throw new Fault("unreachable", `the mailbox at ${edge_url} does not take it: ${why}`);
  };
  return {
    /** Leaves a sealed event for a worker, which must have named this key. */
    leave: async (event: NostrEvent, worker: string): Promise<void> => {
      await send("POST", `${worker}/installs`, { event });
    },
    /** Names the workers that may leave something for this key; replaces those named before. */
    setWorkers: async (workers: readonly string[]): Promise<void> => {
      await send("PUT", `${signer.public_key}/signers`, { signers: workers });
    },
    /** Reads what was left for this key, oldest first, and takes each out once `read` is done with it. */
    empty: async (read: (wrap: VerifiedEvent) => Promise<void>): Promise<void> => {
      for (let after: number | null = 0; after !== null; ) {
        const page: unknown = await (await send("GET", `${signer.public_key}/installs?after=${after}`)).json();
        if (!validators.isMailboxPage(page)) {
          throw new Fault("unreachable", `the mailbox at ${edge_url} gave something that is no list`);
        }
        for (const { deposit_id, event } of page.installs) {
          const wrap = verifyEvent(event, pureSchnorr);
          if (!isRejection(wrap)) await read(wrap);
          await send("DELETE", `${signer.public_key}/installs/${deposit_id}`);
        }
        after = page.next_after;
      }
    },
  };
}
