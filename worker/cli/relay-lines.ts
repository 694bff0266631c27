import type { PublishedOwn } from "@oa/shared/api/published.ts";
import type { CommandContext } from "./command.ts";
import { plain } from "./terminal.ts";

/** What each relay said of an event, a line each. */
export function relayLines(relays: PublishedOwn["relays"], style: CommandContext["style"]): readonly string[] {
  return relays.map(({ relay, accepted, message }) =>
    accepted ? `  ${style("green", "accepted")} by ${relay}` : plain(`  not accepted by ${relay}: ${message}`),
  );
}
