import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["market", "show"],
  summary: "Show one listing of the catalog",
  arguments: { address: { summary: "30051:<key>:<name> or naddr1…" } },
  examples: ["oa market show naddr1qq…", "oa market show 30051:7f3…:openagents.upgrade.nightly-index --json"],
  run: async ({ api, args, print, progress, signal }) => {
    progress("asking the catalog …");
    const client = await api();
    const listing = await client.get<Readonly<Record<string, unknown>>>(
      `/v1/market/listings/${encodeURIComponent(args.address)}`,
      signal,
    );
    if (isRejection(listing)) return listing;
    print(listing, () =>
      Object.entries(listing)
        .map(([name, value]) =>
          plain(`${name.padEnd(18)} ${typeof value === "string" ? value : JSON.stringify(value)}`),
        )
        .join("\n"),
    );
    return 0;
  },
});
