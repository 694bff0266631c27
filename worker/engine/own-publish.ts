import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { findSecrets } from "@oa/shared/core/secrets.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { AupMode } from "@oa/shared/policy/aup/assess.ts";
import { refuseOwnPublish } from "@oa/shared/policy/own-publish.ts";
import type { RelayAnswer, RelayPool } from "../adapters/relay-pool.ts";

/** What is asked before anything is published outside of runs. */
export interface OwnGate {
  readonly aup: AupMode;
  readonly kill_switch: { readonly isOn: () => boolean };
  readonly now_ms: () => number;
}

/**
 * Sends an event that was signed in the worker's, its owner's or an author's name, outside of any run: the one way to
 * relays beside the publisher of runs. `approval_id` names the owner's command or setting that approves it. Gives each
 * relay's answer. Refusals: those of `refuseOwnPublish`, secret_leak.
 */
export async function publishOwn(
  event: NostrEvent,
  relays: readonly string[],
  approval_id: string,
  { pool, aup, kill_switch, now_ms }: OwnGate & { readonly pool: Pick<RelayPool, "publish"> },
  signal: AbortSignal,
): Promise<readonly RelayAnswer[] | Rejection> {
  const refused = refuseOwnPublish(event.kind, approval_id, { kill_switch: kill_switch.isOn(), aup, now_ms: now_ms() });
  if (refused !== null) return refused;
  const [found] = findSecrets(`${event.content}\n${JSON.stringify(event.tags)}`);
  if (found !== undefined) {
    return reject("secret_leak", `the event of kind ${event.kind} holds ${found.name}, so it was not published`);
  }
  if (relays.length === 0) return [];
  return pool.publish(event, relays, { timeout_ms: LIMITS.publish_timeout_ms, signal });
}
