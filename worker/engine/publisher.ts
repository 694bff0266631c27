import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, permits } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { EventPublisher } from "../ops/op.ts";

/**
 * Signs events with the worker's key and publishes them. `grant` null: on the worker's own account (a completion note).
 * Else only kinds the grant names, and only to relays the owner chose: a step may name some of them, so that it cannot
 * reach other hosts this way. Without relays of its own, an event goes to all of them. Fault: not_permitted.
 */
export function eventPublisher(
  options: {
    readonly secret_key: Uint8Array;
    readonly pool: Pick<RelayPool, "publish">;
    readonly relays: readonly string[];
    readonly random: (count: number) => Uint8Array;
  },
  grant: readonly Permission[] | null,
): EventPublisher {
  return {
    publish: async ({ kind, content, tags }, { relays = options.relays, created_at, signal }) => {
      if (grant !== null && !permits(grant, `event:publish:${kind}`)) {
        throw new Fault("not_permitted", `the install grants no event:publish:${kind}`);
      }
      const foreign = grant === null ? undefined : relays.find((relay) => !options.relays.includes(relay));
      if (foreign !== undefined) {
        throw new Fault("not_permitted", `${foreign} is not one of the relays this worker's owner chose`);
      }
      const event = signEvent({ kind, content, tags, created_at }, options.secret_key, options.random(32));
      const timeout_ms = LIMITS.publish_timeout_ms;
      const answers = relays.length === 0 ? [] : await options.pool.publish(event, relays, { timeout_ms, signal });
      return {
        event_id: event.id,
        accepted: answers.filter(({ accepted }) => accepted).map(({ relay }) => relay),
        refused: answers.filter(({ accepted }) => !accepted).map(({ relay, message }) => `${relay}: ${message}`),
      };
    },
  };
}
