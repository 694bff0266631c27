import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { TextOption } from "./command.ts";

/** `--signer` of every command that signs as an author. */
export const SIGNER_OPTION = {
  type: "text",
  value: "SIGNER",
  summary: "What signs: local, a key file (nsec, hex, ncryptsec) or bunker://…; by default the worker's setting",
} as const satisfies TextOption;

/** The relays that were named, each once, else those of the settings. Refusal: usage. */
export function relaysOf(
  named: readonly string[],
  config: { readonly relays: readonly string[] },
): readonly string[] | Rejection {
  const relays = named.length > 0 ? [...new Set(named)] : config.relays;
  const wrong = relays.find((relay) => !/^wss?:\/\/[^\s/]/.test(relay));
  if (wrong !== undefined) {
    return reject("usage", `${wrong} is not the address of a relay: it begins with ws:// or wss://`);
  }
  return relays.length > 0 ? relays : reject("usage", "name a relay with --relay, or in the worker's settings");
}
