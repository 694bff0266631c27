import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["pair", "share"],
  summary: "Tell a paired key, and nobody else, what this machine has, so that it can say what would run here",
  arguments: { pairing: { summary: "The pairing's id, from oa pair list" } },
  options: {
    results: { type: "flag", summary: "Not what this machine has, but what becomes of what that key orders" },
    off: { type: "flag", summary: "Tell it no longer" },
  },
  examples: ["oa pair share pair_01JZ…", "oa pair share pair_01JZ… --results", "oa pair share pair_01JZ… --off"],
  run: async ({ api, args, options, print }) => {
    const path = `/v1/pairings/${encodeURIComponent(args.pairing)}/share`;
    const pairing = await (await api()).post<PairingView>(path, {
      [options.results ? "results" : "capabilities"]: !options.off,
    });
    if (isRejection(pairing)) return pairing;
    const what = options.results ? "what becomes of what it orders" : "what this machine has";
    const said = options.off ? `is no longer told ${what}` : `is told ${what}, sealed to its key`;
    print(pairing, () => plain(`${pairing.label} ${said}.`));
    return 0;
  },
});
