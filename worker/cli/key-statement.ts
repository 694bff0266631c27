import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openRelayPool, type RelayAnswer } from "../adapters/relay-pool.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";
import type { Config } from "../config.ts";
import { publishOwn } from "../engine/own-publish.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { ownGate } from "./live-policy.ts";

/** Sends an author's event to relays and gives each one's answer. Refusals: those of `publishOwn` and `ownGate`. */
export async function sendStatement(
  event: NostrEvent,
  relays: readonly string[],
  context: Pick<CommandContext, "data_dir" | "api" | "signal">,
  config: Config,
): Promise<readonly RelayAnswer[] | Rejection> {
  const gate = await ownGate(context, config);
  if (isRejection(gate)) return gate;
  const pool = openRelayPool({ schnorr: await loadSchnorr() });
  try {
    return await publishOwn(event, relays, "command/key", { ...gate, pool }, context.signal);
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
