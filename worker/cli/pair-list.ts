import { isRejection } from "@oa/shared/core/refusal.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { FULL_OPTION, keyRows, keyText } from "./key-text.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["pair", "list"],
  summary: "List coordinators and what they may order",
  options: { full: FULL_OPTION },
  examples: ["oa pair list", "oa pair list --full", "oa pair list --json"],
  run: async ({ api, options, print }) => {
    const answer = await (await api()).get<{ readonly pairings: readonly PairingView[] }>("/v1/pairings");
    if (isRejection(answer)) return answer;
    const rows = answer.pairings.map(({ pairing_id, label, status, pubkey, ceiling, shares, results }) => [
      pairing_id,
      label,
      status,
      // What waits to be confirmed is compared with what the coordinator shows.
      pubkey === null ? "" : keyText(pubkey, { full: options.full || status === "claimed" }),
      ceiling.length === 0 ? "asks for everything" : ceiling.join(", "),
      [...(shares ? ["machine"] : []), ...(results ? ["results"] : [])].join(", "),
    ]);
    const keys = keyRows(answer.pairings.flatMap(({ pubkey }) => (pubkey === null ? [] : [pubkey])));
    print({ ...answer, keys }, () =>
      rows.length === 0
        ? "No coordinator is paired. `oa pair add` pairs one."
        : table(["PAIRING", "LABEL", "STATUS", "KEY", "MAY ORDER", "IS TOLD"], rows),
    );
    return 0;
  },
});
