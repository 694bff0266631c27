import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["pair", "remove"],
  summary: "Stop taking orders from a coordinator; what it installed stays",
  arguments: { pairing: { summary: "The pairing's id, from oa pair list" } },
  examples: ["oa pair remove pair_01JZ…"],
  run: async ({ api, args, print }) => {
    const path = `/v1/pairings/${encodeURIComponent(args.pairing)}/remove`;
    const pairing = await (await api()).post<PairingView>(path, {});
    if (isRejection(pairing)) return pairing;
    print(pairing, () => plain(`${pairing.label} is removed.`));
    return 0;
  },
});
