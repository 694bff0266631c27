import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { matchesFilter, parseFilter } from "@oa/shared/nostr/filter.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { TriggerCommand } from "@oa/shared/trigger/decider.ts";
import type { Clock } from "../adapters/clock.ts";

/**
 * Takes the Nostr events of one trigger. What a relay sends is held against the filter here too; what is older than the
 * trigger, dated ahead, or signed by this worker starts nothing. Over `LIMITS.trigger_events_per_minute`, events are
 * passed over, and counted, as long as a run is to come anyway, which will have seen them all.
 */
export function acceptEvents(options: {
  readonly ports: { readonly clock: Clock; readonly worker: string };
  readonly filter: Readonly<Record<string, unknown>>;
  readonly from_s: number;
  readonly trigger: number;
  readonly pending: () => boolean;
  /** Whether the log has it already. */
  readonly counted: (event_id: string) => boolean;
  readonly passOver: (event_id: string) => void;
  readonly append: (command: TriggerCommand) => Promise<number>;
  readonly wake: () => void;
}): (event: VerifiedEvent, relay: string) => Promise<void> {
  const { ports, trigger, from_s } = options;
  const filter = parseFilter(options.filter);
  let minute = { number: 0, events: 0 };
  const isFlood = (now_ms: number): boolean => {
    const number = Math.floor(now_ms / 60_000);
    minute = { number, events: number === minute.number ? minute.events + 1 : 1 };
    return minute.events > LIMITS.trigger_events_per_minute;
  };
  return async (event, relay) => {
    const now_ms = ports.clock.now_ms();
    if (isRejection(filter) || !matchesFilter(filter, event)) return;
    if (event.created_at < from_s || event.created_at > now_ms / 1_000 + LIMITS.nostr_ahead_s) return;
    const cause = { kind: "nostr_event", event_id: event.id, relay: relay.slice(0, 2_000) } as const;
    if (event.pubkey === ports.worker) {
      await options.append({ type: "settle", now_ms, trigger, reason: "own_event", cause });
      return;
    }
    if (options.counted(event.id)) return;
    if (isFlood(now_ms) && options.pending()) {
      options.passOver(event.id);
      return;
    }
    if ((await options.append({ type: "note", now_ms, trigger, cause })) > 0) options.wake();
  };
}
