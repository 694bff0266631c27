import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["pair", "confirm"],
  summary: "Confirm the key that showed a pairing's secret",
  arguments: { pairing: { summary: "The pairing's id, from oa pair list" } },
  options: { key: { type: "text", value: "HEX", summary: "The key you compared; refused if it is another" } },
  examples: ["oa pair confirm pair_01JZ…", "oa pair confirm pair_01JZ… --key 7f3… --json"],
  run: async ({ api, args, options, print }) => {
    const path = `/v1/pairings/${encodeURIComponent(args.pairing)}/confirm`;
    const body = options.key === undefined ? {} : { pubkey: options.key };
    const pairing = await (await api()).post<PairingView>(path, body);
    if (isRejection(pairing)) return pairing;
    print(pairing, () => plain(`${pairing.label} (${pairing.pubkey}) may now order installs.`));
    return 0;
  },
});
