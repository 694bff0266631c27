import type { PublishedOwn } from "@oa/shared/api/published.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { ownEvent, refuseOwn } from "@oa/shared/policy/own-publish.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { Signer } from "../adapters/signer.ts";
import { type OwnGate, publishOwn, refuseSecrets } from "../engine/own-publish.ts";

export interface OwnPublishOptions extends OwnGate {
  readonly pool: Pick<RelayPool, "publish" | "query">;
  /** Where the owner's own events go, and where what others say is read from. */
  readonly relays: readonly string[];
  /** What the owner says is signed by the owner, never by the worker; wherever that key is. */
  readonly signer: Pick<Signer, "public_key" | "sign">;
}

/** The relays that were named, each once, else the owner's. Refusal: usage. */
export function relaysFor(
  options: Pick<OwnPublishOptions, "relays">,
  named: readonly string[] | undefined,
): readonly string[] | Rejection {
  const relays = named === undefined || named.length === 0 ? options.relays : named;
  if (relays.length > 0) return [...new Set(relays)];
  return reject(
    "usage",
    "no relay is known: name one, or set relays or edge_url in config.json (with local_only none is used)",
  );
}

/**
 * Signs in the owner's name what the policy would let leave, since a signature cannot be taken back: the owner's command,
 * `approval_id`, approves exactly it. Refusals: those of `refuseOwn`, secret_leak. Faults: those of the signer.
 */
export async function signOwn(
  template: EventTemplate,
  approval_id: string,
  { signer, aup, kill_switch, now_ms }: Omit<OwnPublishOptions, "pool" | "relays">,
): Promise<NostrEvent | Rejection> {
  const context = { kill_switch: kill_switch.isOn(), aup, now_ms: now_ms() };
  const refused = refuseOwn(ownEvent(template.kind, approval_id), context) ?? refuseSecrets(template);
  return refused ?? signer.sign(template);
}

/** Sends an event that was signed. Refusals: those of `publishOwn`, relay_refused, where no relay took it. */
export async function sendOwn(
  event: NostrEvent,
  relays: readonly string[],
  approval_id: string,
  options: Omit<OwnPublishOptions, "signer" | "relays">,
  signal: AbortSignal,
): Promise<PublishedOwn | Rejection> {
  const answers = await publishOwn(event, relays, approval_id, options, signal);
  if (isRejection(answers)) return answers;
  if (!answers.some(({ accepted }) => accepted)) {
    const said = answers.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
    return reject("relay_refused", `no relay took it: ${said}`);
  }
  return { event_id: event.id, by: event.pubkey, relays: answers };
}
