import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Mailbox } from "../adapters/mailbox.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import { type CapabilityReportsOptions, openCapabilityReports } from "../loops/capability-reports.ts";

/** What this worker tells paired keys goes through the same doors that their orders come in by: relays and the mailbox. */
export function capabilityReports(
  options: Omit<CapabilityReportsOptions, "send"> & {
    readonly mailbox: Mailbox | null;
    readonly pool: Pick<RelayPool, "publish">;
    readonly relays: readonly string[];
  },
): ReturnType<typeof openCapabilityReports> {
  const { mailbox, pool, relays } = options;
  return openCapabilityReports({
    ...options,
    send: async (event, recipient, signal) => {
      const timeout_ms = LIMITS.publish_timeout_ms;
      const answers = relays.length === 0 ? [] : await pool.publish(event, relays, { timeout_ms, signal });
      if (answers.some(({ accepted }) => accepted)) return;
      if (mailbox !== null) return mailbox.deposit(recipient, event, signal);
      const said = answers.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
      throw new Fault(
        "relay_unreachable",
        `no relay took what this machine has, for ${recipient}: ${said || "there is none"}`,
      );
    },
  });
}
