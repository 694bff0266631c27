import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { keyText } from "./key-text.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["pair", "confirm"],
  summary: "Confirm the key that showed a pairing's secret",
  arguments: { pairing: { summary: "The pairing's id, from oa pair list" } },
  options: {
    key: { type: "text", value: "KEY", summary: "The key you compared (npub or hex); refused if it is another" },
  },
  examples: ["oa pair confirm pair_01JZ…", "oa pair confirm pair_01JZ… --key npub1… --json"],
  run: async ({ api, args, options, print }) => {
    const path = `/v1/pairings/${encodeURIComponent(args.pairing)}/confirm`;
    const { key } = options;
    const pubkey = key?.startsWith("npub1") ? npubToHex(key) : key;
    if (pubkey === null || (pubkey !== undefined && !isHex32(pubkey))) {
      return reject("usage", `--key must be an npub or 64 hex digits, not ${key}`);
    }
    const body = pubkey === undefined ? {} : { pubkey };
    const pairing = await (await api()).post<PairingView>(path, body);
    if (isRejection(pairing)) return pairing;
    print(pairing, () =>
      plain(`${pairing.label} (${keyText(pairing.pubkey, { full: true })}) may now order installs.`),
    );
    return 0;
  },
});
