import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { LicenceView } from "@oa/shared/license/views.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

interface Added {
  readonly verdict: "valid" | "unproven";
  /** What nobody has vouched for. */
  readonly open: readonly string[];
  /** Whether it is made out to this worker, or to a key that is paired with it. */
  readonly ours: boolean;
  readonly licence: LicenceView;
}

export const command: Command = defineCommand({
  words: ["receipt", "add"],
  summary: "Hold a licence receipt, so that the upgrade it pays for may run",
  arguments: { file: { summary: "Receipt, manifest, invoice and preimage as one JSON file; - reads stdin" } },
  options: {
    online: {
      type: "flag",
      summary:
        "Claim the payment at the edge of the settings, which then vouches for it; invoice and preimage are sent there",
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

function addedLines({ verdict, open, ours, licence }: Added, held: string): readonly string[] {
  const { listing, version, expires_at, model, quantity, runs_used, added_ms, proved_ms } = licence;
  const slug = plain(listing.split(":")[2] ?? "");
  const until = expires_at === null ? "for good" : `until ${new Date(expires_at * 1_000).toISOString()}`;
  const runs = model === "per-run" ? `, for ${quantity - runs_used} more runs` : "";
  const first = `${held}: ${slug} ${plain(version)}, ${until}${runs}.`;
  const buyer = hexToNpub(licence.buyer);
  const strange = `It is made out to ${buyer}, which is neither this worker's key nor paired with it: it counts for nothing here until that key is (oa pair add --key ${buyer}).`;
  const whose = ours ? [] : [strange];
  if (verdict === "valid") return [first, ...whose];
  const grace = new Date(Math.max(added_ms, proved_ms ?? 0) + LIMITS.licence_grace_ms).toISOString();
  const why = open.map((one) => `  ? ${plain(one)}`);
  return [
    first,
    ...whose,
    `No edge has vouched for it now, so it counts until ${grace}; adding it again with --online renews that:`,
    ...why,
  ];
}
