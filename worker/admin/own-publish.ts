import type { PublishedOwn } from "@oa/shared/api/ports.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { type EventTemplate, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { refuseOwnPublish } from "@oa/shared/policy/own-publish.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import { type OwnGate, publishOwn } from "../engine/own-publish.ts";

export interface OwnPublishOptions extends OwnGate {
  readonly pool: Pick<RelayPool, "publish" | "query">;
  /** Where the owner's own events go, and where what others say is read from. */
  readonly relays: readonly string[];
  /** What the owner says is signed by the owner, never by the worker. */
  readonly owner_key: Uint8Array;
  readonly random: (count: number) => Uint8Array;
}

/** The relays that were named, each once, else the owner's. Refusal: usage. */
export function relaysFor(
  options: OwnPublishOptions,
  named: readonly string[] | undefined,
): readonly string[] | Rejection {
  const relays = named === undefined || named.length === 0 ? options.relays : named;
  if (relays.length > 0) return [...new Set(relays)];
  return reject("usage", "no relay is known: name one, or set relays or edge_url in config.json");
}

/**
 * Signs in the owner's name, through the policy, since it cannot be taken back: the owner's command, `approval_id`,
 * approves exactly it. Refusals: those of `refuseOwnPublish`.
 */
export function signOwn(
  template: EventTemplate,
  approval_id: string,
  options: Omit<OwnPublishOptions, "pool" | "relays">,
): NostrEvent | Rejection {
  const context = { kill_switch: options.kill_switch.isOn(), aup: options.aup, now_ms: options.now_ms() };
  const refused = refuseOwnPublish(template.kind, approval_id, context);
  return refused ?? signEvent(template, options.owner_key, options.random(32));
}

/** Sends an event that was signed. Refusals: those of `publishOwn`, relay_refused, where no relay took it. */
export async function sendOwn(
  event: NostrEvent,
  relays: readonly string[],
  options: Omit<OwnPublishOptions, "owner_key" | "relays" | "random">,
  signal: AbortSignal,
): Promise<PublishedOwn | Rejection> {
  const answers = await publishOwn(event, relays, "owner/send", options, signal);
  if (isRejection(answers)) return answers;
  if (!answers.some(({ accepted }) => accepted)) {
    const said = answers.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
    return reject("relay_refused", `no relay took it: ${said}`);
  }
  return { event_id: event.id, by: event.pubkey, relays: answers };
}
