import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { stars } from "@oa/shared/reputation/explain.ts";
import type { ReputationVerification } from "../admin/reputation-verify.ts";
import { type Command, defineCommand } from "./command.ts";
import { LISTING_NAME } from "./find-install.ts";
import { keyText } from "./key-text.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["reputation", "verify"],
  summary: "Reckon a published score again from its signed events, and say what differs",
  arguments: { listing: { summary: LISTING_NAME } },
  options: {
    indexer: { type: "text", value: "KEY", summary: "Whose roll-up, as hex; whoever's is newest" },
    relay: { type: "text", value: "URL", summary: "A relay to read from; your own where none is given", repeat: true },
  },
  examples: [
    "oa reputation verify 30051:7f3…:openagents.upgrade.nightly-index",
    "oa reputation verify naddr1qq… --relay wss://relay.example.com --json",
  ],
  run: async ({ api, args, fail, options, print, progress, signal, style }) => {
    progress("fetching the events …");
    const { indexer, relay } = options;
    const path = `/v1/reputation/${encodeURIComponent(args.listing)}/verify`;
    const body = { ...(indexer === undefined ? {} : { indexer }), relays: relay };
    const found = await (await api()).post<ReputationVerification>(path, body, signal);
    if (isRejection(found)) return found;
    const { verdict, claimed, differences, missing, unreadable, left_out } = found;
    if (verdict === "same") {
      print(found, () =>
        [
          `${style("green", "same")}: ${stars(claimed.score.stars_milli)} stars is what formula ${found.formula} gives for ${found.events} signed events`,
          `  roll-up ${found.event_id} by ${keyText(found.indexer, { full: true })}, as of ${new Date(found.as_of * 1_000).toISOString()}`,
        ].join("\n"),
      );
      return 0;
    }
    const lines = [
      ...differences.map(
        ({ field, claimed: said, computed }) => `${field}: claimed ${show(said)}, computed ${show(computed)}`,
      ),
      ...missing.map((id) => `no relay has its input ${id}`),
      ...unreadable.map((id) => `its input ${id} says nothing that counts`),
      ...left_out.map((id) => `it leaves out the rating ${id}`),
    ];
    const what = verdict === "unproven" ? "cannot be checked: inputs are missing" : "is not what its events give";
    return fail(reject("reputation_differs", plain(`the published score ${what}; ${lines.join("; ")}`)), {
      ...found,
    });
  },
});

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
