import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { InstallConfig } from "@oa/shared/generated/types.ts";
import { toEvent as configEvent, seal } from "@oa/shared/nostr/24051-install-config.ts";
import { toEvent as claimEvent } from "@oa/shared/nostr/24052-pairing-claim.ts";
import { wrap } from "@oa/shared/nostr/gift-wrap.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { Invitation } from "@oa/shared/pairing/invitation.ts";
import type { KnownWorker } from "./kept.ts";
import { openMailboxes } from "./mailbox.ts";
import { nowSeconds, random } from "./random.ts";
import type { Relays } from "./relays.ts";
import type { Signer } from "./signer.ts";

/** Fresh keys and nonces for one gift wrap. */
function freshWrap() {
  return { one_time_key: random(32), nonce: random(32), aux_random: random(32), created_at: nowSeconds() };
}

/** Shows a worker its one-time secret, sealed to it. Faults: pairing_expired, relay_refused, those of the signer. */
export async function sendClaim(invitation: Invitation, signer: Signer, relays: Relays): Promise<void> {
  if (invitation.expires_at <= nowSeconds()) {
    throw new Fault(
      "pairing_expired",
      "this pairing code has expired: make a new one with `oa pair add` on the worker",
    );
  }
  const claim = await signer.sign(claimEvent(invitation, { created_at: nowSeconds() }));
  await toRelays(wrap(claim, invitation.worker, freshWrap()), invitation.relays, relays);
}

/** A signed order on its way. */
export interface SentOrder {
  readonly event_id: string;
  readonly way: "relay" | "mailbox";
}

/**
 * Signs an order, seals it to its worker and sends it: to the worker's relays, and where none takes it into its mailbox
 * at an edge, by which the worker may then answer. Faults: too_large, relay_refused, those of the signer.
 */
export async function sendOrder(
  config: InstallConfig,
  worker: KnownWorker,
  by: { readonly signer: Signer; readonly relays: Relays; readonly known: readonly KnownWorker[] },
): Promise<SentOrder> {
  const { public_key, edge_url } = worker;
  const signed = await by.signer.sign(configEvent(config));
  const sealed = seal(signed, public_key, freshWrap());
  if (isRejection(sealed)) throw new Fault(sealed.code, sealed.message);
  try {
    await toRelays(sealed, worker.relays, by.relays);
    return { event_id: signed.id, way: "relay" };
  } catch (error) {
    if (edge_url === null || !(error instanceof Fault)) throw error;
    const mailboxes = openMailboxes(edge_url, by.signer);
    try {
      // First, so that an order which arrived is never taken for one that was not sent.
      await mailboxes.setWorkers(by.known.flatMap((one) => (one.edge_url === edge_url ? one.public_key : [])));
      await mailboxes.leave(sealed, public_key);
    } catch (late) {
      if (!(late instanceof Fault) || late.code !== "unreachable") throw late;
      throw new Fault("relay_refused", `nothing was sent: ${error.message}; and ${late.message}`);
    }
    return { event_id: signed.id, way: "mailbox" };
  }
}

/** Whether an order with its events would be too large to send. */
export function fits(config: InstallConfig): boolean {
  return !isRejection(seal({ ...EMPTY, ...configEvent(config) }, config.worker, freshWrap()));
}

const EMPTY = { id: "0".repeat(64), pubkey: "0".repeat(64), sig: "0".repeat(128) };

/** Sends a public event in the coordinator's own name. Faults: relay_refused. */
export async function publish(event: NostrEvent, to: readonly string[], relays: Relays): Promise<void> {
  await toRelays(event, to, relays);
}

async function toRelays(event: NostrEvent, to: readonly string[], relays: Relays): Promise<void> {
  const answers = await Promise.all(to.map((url) => relays.at(url).publish(event)));
  if (answers.some(({ accepted }) => accepted)) return;
  const why = answers.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
  throw new Fault("relay_refused", `no relay took it: ${why === "" ? "there is none" : why}`);
}
