import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { LicenceView } from "@oa/shared/license/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

interface Added {
  readonly verdict: "valid" | "unproven";
  readonly licence: LicenceView;
}

export const command: Command = defineCommand({
  words: ["receipt", "add"],
  summary: "Hold a licence receipt, so that the upgrade it pays for may run",
  arguments: { file: { summary: "Receipt, manifest, invoice and preimage as one JSON file; - reads stdin" } },
  options: {
    online: {
      type: "flag",
      summary: "Ask the edge of the settings to vouch for it; invoice and preimage are sent to it",
    },
    trust: { type: "text", value: "KEY", repeat: true, summary: "An edge whose proof in the file counts" },
  },
  examples: ["oa receipt add receipt.json", "oa receipt add receipt.json --online"],
  run: async ({ api, args, cwd, options, print, style }) => {
    const [{ readJsonInput }, { readBundle }, { trustedKeys }] = await Promise.all([
      import("./json-input.ts"),
      import("../admin/receipts.ts"),
      import("./trusted-keys.ts"),
    ]);
    const trusted_edges = trustedKeys(options.trust);
    if (isRejection(trusted_edges)) return trusted_edges;
    const input = await readJsonInput(args.file, cwd);
    const bundle = isRejection(input) ? input : readBundle(input.value);
    if (isRejection(bundle)) return bundle;
    const client = await api();
    const added = await client.post<Added>("/v1/receipts", { bundle, online: options.online, trusted_edges });
    if (isRejection(added)) return added;
    print(added, () => addedLines(added, style("green", "Held")).join("\n"));
    return 0;
  },
});

function addedLines({ verdict, licence }: Added, held: string): readonly string[] {
  const { listing, version, expires_at, model, quantity, runs_used, added_ms } = licence;
  const slug = plain(listing.split(":")[2] ?? "");
  const until = expires_at === null ? "for good" : `until ${new Date(expires_at * 1_000).toISOString()}`;
  const runs = model === "per-run" ? `, for ${quantity - runs_used} more runs` : "";
  const first = `${held}: ${slug} ${plain(version)}, ${until}${runs}.`;
  if (verdict === "valid") return [first];
  const grace = new Date(added_ms + LIMITS.licence_grace_ms).toISOString();
  return [first, `No edge has vouched for it, so it counts until ${grace}; adding it again with --online renews that.`];
}
