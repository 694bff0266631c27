import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Mailbox } from "../adapters/mailbox.ts";
import type { RelayPool } from "../adapters/relay-pool.ts";
import { type OwnGate, publishOwn } from "../engine/own-publish.ts";
import type { CapabilityReportsOptions } from "../loops/capability-reports.ts";

/** The doors by which paired keys are told something: the same that their orders come in by. */
export interface Doors extends OwnGate {
  readonly mailbox: Mailbox | null;
  readonly pool: Pick<RelayPool, "publish">;
  readonly relays: readonly string[];
}

/**
 * Sends gift wraps to relays, and where none takes one into the mailbox, where the policy lets it; that the owner chose
 * to tell the key is what approves it. Faults: those of `publishOwn`, relay_unreachable, unreachable.
 */
export function sealedSend(doors: Doors): CapabilityReportsOptions["send"] {
  const { mailbox, relays } = doors;
  return async (event, recipient, signal) => {
    const answers = await publishOwn(event, relays, "setting/pairing", doors, signal);
    if (isRejection(answers)) throw new Fault(answers.code, answers.message, { retryable: true });
    if (answers.some(({ accepted }) => accepted)) return;
    if (mailbox !== null) return mailbox.deposit(recipient, event, signal);
    const said = answers.map(({ relay, message }) => `${relay}: ${message}`).join("; ");
    throw new Fault("relay_unreachable", `no relay took what is told to ${recipient}: ${said || "there is none"}`);
  };
}
