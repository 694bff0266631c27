import { assert, Fault } from "@oa/shared/core/refusal.ts";
import type { NostrPublishParams, NostrPublishResult } from "@oa/shared/generated/types.ts";
import type { OpContext } from "./op.ts";

/**
 * Publishes one event. Its `created_at` is the run's own start, so every attempt of the step signs the same event id and
 * relays see one event. Faults: relay_refused where no relay took it, not_permitted.
 */
export async function nostrPublish(params: NostrPublishParams, context: OpContext): Promise<NostrPublishResult> {
  const { kind, content, tags = [], relays } = params;
  const { event_id, accepted, refused } = await context.events.publish(
    { kind, content, tags: tags as readonly (readonly string[])[] },
    {
      ...(relays === undefined ? {} : { relays }),
      created_at: Math.floor(startOf(context.run_id) / 1_000),
      signal: context.signal,
    },
  );
  if (accepted.length === 0) {
    const why = refused.length === 0 ? "the owner has chosen no relay" : refused.join("; ");
    throw new Fault("relay_refused", `no relay took the event: ${why}`, { retryable: refused.length > 0 });
  }
  return { event_id, accepted: [...accepted], refused: [...refused] };
}

/** The Unix milliseconds in a ULID, which are when the run was created. */
function startOf(run_id: string): number {
  const time = /^run_([0-7][0-9A-HJKMNP-TV-Z]{9})[0-9A-HJKMNP-TV-Z]{16}$/.exec(run_id)?.[1];
  assert(time !== undefined, `${run_id} is not a run's id`);
  let milliseconds = 0;
  for (const digit of time) milliseconds = milliseconds * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(digit);
  return milliseconds;
}
