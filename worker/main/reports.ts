import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Mailbox } from "../adapters/mailbox.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import type { CapabilityReportsOptions } from "../loops/capability-reports.ts";

/** The doors by which paired keys are told something: the same that their orders come in by. */
export interface Doors {
  readonly mailbox: Mailbox | null;
  readonly pool: Pick<RelayPool, "publish">;
  readonly relays: readonly string[];
}

/** Sends gift wraps to relays, and where none takes one into the mailbox. Faults: relay_unreachable, unreachable. */
export function sealedSend({ mailbox, pool, relays }: Doors): CapabilityReportsOptions["send"] {
  return async (event, recipient, signal) => {
    const timeout_ms = LIMITS.publish_timeout_ms;
    const answers = relays.length === 0 ? [] : await pool.publish(event, relays, { timeout_ms, signal });
    if (answers.some(({ accepted }) => accepted)) return;
    if (mailbox !== null) return mailbox.deposit(recipient, event, signal);
    const said = answers.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
    throw new Fault("relay_unreachable", `no relay took what is told to ${recipient}: ${said || "there is none"}`);
  };
}
