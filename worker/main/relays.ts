import { Fault } from "@oa/shared/core/refusal.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import { NO_RELAYS } from "../adapters/no-relays.ts";
import { openRandom } from "../adapters/random.ts";
import { relayAddresses } from "../adapters/relay-addresses.ts";
import { openRelayPool, type RelayPool } from "../adapters/relay-pool.ts";
import { ownRelays } from "../admin/reputation.ts";
import type { Config } from "../config.ts";

/**
 * The worker's connections to relays, under its own key; none at all where it is kept to this machine. What they do not
 * answer is reported: an owner must learn that nothing is heard.
 */
export function workerRelays(
  { local_only, relays, edge_url, completion_note_relays, private_allow }: Config,
  {
    schnorr,
    secret_key,
    report,
  }: {
    readonly schnorr: SchnorrVerify;
    readonly secret_key: Uint8Array;
    readonly report: (error: unknown) => void;
  },
): RelayPool {
  if (local_only) return NO_RELAYS;
  const random = openRandom();
  return openRelayPool({
    schnorr,
    addresses: relayAddresses([...ownRelays(relays, edge_url), ...completion_note_relays], private_allow),
    log: (message) => report(new Fault("relay_unreachable", message)),
    signAuth: (template) => signEvent(template, secret_key, random(32)),
  });
}
