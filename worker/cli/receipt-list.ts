import { isRejection } from "@oa/shared/core/refusal.ts";
import type { LicenceView } from "@oa/shared/license/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { table } from "./table.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["receipt", "list"],
  summary: "List the licences that this worker holds",
  examples: ["oa receipt list", "oa receipt list --json"],
  run: async ({ api, print }) => {
    const client = await api();
    const answer = await client.get<{ readonly licences: readonly LicenceView[] }>("/v1/receipts");
    if (isRejection(answer)) return answer;
    const { licences } = answer;
    print(answer, () => {
      if (licences.length === 0) return "No licence is held. `oa receipt add FILE` adds one.";
      return table(["UPGRADE", "VERSION", "PAYS FOR", "UNTIL", "VOUCHED FOR", "RECEIPT"], licences.map(row));
    });
    return 0;
  },
});

function row(licence: LicenceView): readonly string[] {
  const { listing, version, model, quantity, runs_used, expires_at, proved_ms, withdrawn_ms, receipt_event_id } =
    licence;
  const months = quantity === 1 ? "1 month" : `${quantity} months`;
  return [
    plain(listing.split(":")[2] ?? ""),
    plain(version),
    model === "per-run" ? `${quantity - runs_used} of ${quantity} runs` : months,
    expires_at === null ? "for good" : new Date(expires_at * 1_000).toISOString(),
    withdrawn_ms !== null ? "TAKEN BACK" : proved_ms === null ? "never" : new Date(proved_ms).toISOString(),
    receipt_event_id.slice(0, 12),
  ];
}
