import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["pair", "share"],
  summary: "Tell a paired key, and nobody else, what this machine has, so that it can say what would run here",
  arguments: { pairing: { summary: "The pairing's id, from oa pair list" } },
  options: { off: { type: "flag", summary: "Tell it no longer" } },
  examples: ["oa pair share pair_01JZ…", "oa pair share pair_01JZ… --off"],
  run: async ({ api, args, options, print }) => {
    const path = `/v1/pairings/${encodeURIComponent(args.pairing)}/share`;
    const pairing = await (await api()).post<PairingView>(path, { capabilities: !options.off });
    if (isRejection(pairing)) return pairing;
    const said = pairing.shares ? "is told what this machine has, sealed to its key" : "is told nothing any more";
    print(pairing, () => plain(`${pairing.label} ${said}.`));
    return 0;
  },
});
