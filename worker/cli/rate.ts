import type { PublishedOwn } from "@oa/shared/api/published.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { RatingEvidence } from "@oa/shared/nostr/30054-rating.ts";
import { type Command, defineCommand } from "./command.ts";
import { LISTING_NAME } from "./find-install.ts";
import { relayLines } from "./relay-lines.ts";

export const command: Command = defineCommand({
  words: ["rate"],
  summary: "Rate a listing in your own name; rating again replaces it",
  arguments: { listing: { summary: LISTING_NAME } },
  options: {
    stars: { type: "integer", value: "N", summary: "1 to 5", min: 1, max: 5, required: true },
    text: { type: "text", value: "TEXT", summary: "A review, for everybody to read", default: "" },
    relay: { type: "text", value: "URL", summary: "A relay to send to; your own where none is given", repeat: true },
  },
  examples: ["oa rate 30051:7f3…:openagents.upgrade.nightly-index --stars 5 --text 'Ready every morning.'"],
  run: async ({ api, args, options, print, progress, signal, style }) => {
    progress("sending the rating …");
    const path = `/v1/reputation/${encodeURIComponent(args.listing)}/rating`;
    const body = { stars: options.stars, review: options.text, relays: options.relay };
    const done = await (await api()).post<Rated>(path, body, signal);
    if (isRejection(done)) return done;
    print(done, () =>
      [
        `${done.listing} has ${done.stars} of 5 stars from you`,
        done.evidence === null
          ? "  without proof of use: it is shown apart and not in the score (see the guide on reputation)"
          : `  with ${done.evidence.kind === "receipt" ? "your licence receipt" : "an attested run"} as proof of use`,
        ...relayLines(done.relays, style),
      ].join("\n"),
    );
    return 0;
  },
});

interface Rated extends PublishedOwn {
  readonly listing: string;
  readonly stars: number;
  readonly evidence: RatingEvidence | null;
}
