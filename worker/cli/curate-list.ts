import type { OwnListView } from "@oa/shared/api/moderation.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlCurate } from "@oa/shared/generated/types.ts";
import type { ExitCode } from "./command.ts";
import { moderating, type SignedContext } from "./own-moderation.ts";
import { relayLines } from "./relay-lines.ts";
import { plain } from "./terminal.ts";

export const LIST = {
  list: { summary: "A list's name; curators, moderators, trusted-authors and blocklist are lists of keys" },
} as const;
export const RELAY = {
  type: "text",
  value: "URL",
  summary: "A relay to send to; your own where none is given",
  repeat: true,
} as const;

/** Changes a list of the owner's, or of the signer's that was named, and shows what it holds now. */
export async function curate(
  { options, ...context }: SignedContext,
  request: ControlCurate,
): Promise<ExitCode | Rejection> {
  const { print, progress, signal, style } = context;
  progress("signing and sending the list …");
  const done = await moderating(options.signer, context, (moderation) => moderation.curate(request, signal));
  if (isRejection(done)) return done;
  print(done, () => [...listLines(done), ...relayLines(done.relays, style)].join("\n"));
  return 0;
}

/** A list in lines: its title, then what it holds. */
export function listLines({ kind, name, title, description, listings, people }: OwnListView): readonly string[] {
  const count = kind === "listings" ? listings.length : people.length;
  return [
    `${title === name ? name : `${title} (${name})`}: ${count} ${kind === "listings" ? "listings" : "keys"}`,
    ...(description === "" ? [] : [`  ${description}`]),
    ...listings.map((listing) => `  ${listing}`),
    ...people.map(
      (one) =>
        `  ${one.npub}${one.name === "" ? "" : `  ${one.name}`}${one.roles.length === 0 ? "" : `  ${one.roles.join(", ")}`}`,
    ),
  ].map(plain);
}
