import type { PublishedOwn } from "@oa/shared/api/published.ts";
import { REPORT_REASONS } from "@oa/shared/core/moderation-words.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { LISTING_NAME } from "./find-install.ts";
import { relayLines } from "./relay-lines.ts";

export const command: Command = defineCommand({
  words: ["report"],
  summary: "Report a listing to moderators, in your own name and in public",
  arguments: { listing: { summary: LISTING_NAME } },
  options: {
    reason: { type: "text", value: "WORD", summary: "What is wrong with it", choices: REPORT_REASONS, required: true },
    text: { type: "text", value: "TEXT", summary: "What you saw", default: "" },
    relay: { type: "text", value: "URL", summary: "A relay to send to; your own where none is given", repeat: true },
  },
  examples: ["oa report 30051:7f3…:me.watch --reason malware --text 'It sends the index to another host.'"],
  run: async ({ api, args, options, print, progress, signal, style }) => {
    progress("sending the report …");
    const path = `/v1/reputation/${encodeURIComponent(args.listing)}/report`;
    const body = { reason: options.reason, text: options.text, relays: options.relay };
    const done = await (await api()).post<PublishedOwn & { readonly listing: string }>(path, body, signal);
    if (isRejection(done)) return done;
    print(done, () => [`${done.listing} is reported: ${options.reason}`, ...relayLines(done.relays, style)].join("\n"));
    return 0;
  },
});
