import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { keyText } from "./key-text.ts";
import { qrLines } from "./qr-code.ts";
import { plain } from "./terminal.ts";

interface PairingOffer extends PairingView {
  readonly worker: string;
  readonly secret?: string;
  readonly invitation?: string | null;
}

export const command: Command = defineCommand({
  words: ["pair", "add"],
  summary: "Let a coordinator order installs, up to a ceiling",
  options: {
    label: { type: "text", value: "TEXT", summary: "What you will recognise it by", default: "coordinator" },
    key: { type: "text", value: "KEY", summary: "Its public key (npub or hex); without it, a one-time secret is made" },
    allow: {
      type: "text",
      value: "PERMISSION",
      summary: "A permission its orders get without asking you; anything above waits for you",
      repeat: true,
    },
    results: { type: "flag", summary: "Tell it, sealed to its key, what becomes of what it orders" },
    minutes: {
      type: "integer",
      value: "N",
      summary: "How long the secret can be used",
      min: 1,
      max: 1440,
      default: 10,
    },
  },
  examples: [
    "oa pair add --label phone --results",
    "oa pair add --key npub1… --allow network:egress:github.com --allow 'filesystem:read:~/Projects/**'",
  ],
  run: async ({ api, options, print, style }) => {
    const { key, label, allow, minutes, results } = options;
    const pubkey = key?.startsWith("npub1") ? npubToHex(key) : key;
    if (pubkey === null || (pubkey !== undefined && !/^[0-9a-f]{64}$/.test(pubkey))) {
      return reject("usage", `--key must be an npub or 64 hex digits, not ${key}`);
    }
    const body = {
      label,
      ceiling: allow,
      results,
      ...(pubkey === undefined ? { expires_in_ms: minutes * 60_000 } : { pubkey }),
    };
    const client = await api();
    const pairing = await client.post<PairingOffer>("/v1/pairings", body);
    if (isRejection(pairing)) return pairing;
    const colored = style("bold", "") !== "";
    print(pairing, () =>
      pairing.secret === undefined
        ? plain(`Paired ${pairing.label}: ${keyText(pairing.pubkey, { full: true })}`)
        : [...codeLines(pairing.invitation, colored), ...secretLines(pairing, minutes)].join("\n"),
    );
    return 0;
  },
});

/** For a camera, then for a keyboard. */
function codeLines(invitation: string | null | undefined, colored: boolean): readonly string[] {
  if (invitation == null) {
    return ["This worker listens to no relay, so no coordinator can reach it; name one with --relay at `oa up`.", ""];
  }
  return [...qrLines(invitation, colored), "", "Point the phone's camera at it, or open or paste:", invitation, ""];
}

function secretLines({ worker, secret, pairing_id }: PairingOffer, minutes: number): readonly string[] {
  return [
    `Worker  ${worker}`,
    `Secret  ${secret}`,
    `The secret works once, within ${minutes} minutes.`,
    `Then compare the key that the coordinator shows and confirm: oa pair confirm ${pairing_id}`,
  ];
}
