import { LIMITS } from "@oa/shared/core/limits.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openRelayPool, type RelayAnswer } from "../adapters/relay-pool.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";
import type { CommandContext, ExitCode } from "./command.ts";

/** Sends an event to relays and gives each one's answer. */
export async function sendStatement(
  event: NostrEvent,
  relays: readonly string[],
  signal: AbortSignal,
): Promise<readonly RelayAnswer[]> {
  const pool = openRelayPool({ schnorr: await loadSchnorr() });
  try {
    return await pool.publish(event, relays, { timeout_ms: LIMITS.publish_timeout_ms, signal });
  } finally {
    pool.close();
  }
}

/** One line for each relay. */
export function relayLines(answers: readonly RelayAnswer[], style: CommandContext["style"]): readonly string[] {
  return answers.map(({ relay, accepted, message }) =>
    accepted ? `  ${style("green", "told")} ${relay}` : `  ${style("red", "not told")} ${relay}: ${message}`,
  );
}

/** Done where at least one relay knows. */
export function toldAnybody(answers: readonly RelayAnswer[]): ExitCode {
  return answers.some(({ accepted }) => accepted) ? 0 : 1;
}
