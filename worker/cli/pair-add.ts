import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import type { PairingView } from "@oa/shared/pairing/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

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
    "oa pair add --label phone",
    "oa pair add --key npub1… --allow network:egress:github.com --allow 'filesystem:read:~/Projects/**'",
  ],
  run: async ({ api, options, print }) => {
    const { key, label, allow, minutes } = options;
    const pubkey = key?.startsWith("npub1") ? npubToHex(key) : key;
    if (pubkey === null || (pubkey !== undefined && !/^[0-9a-f]{64}$/.test(pubkey))) {
      return reject("usage", `--key must be an npub or 64 hex digits, not ${key}`);
    }
    const body = {
      label,
      ceiling: allow,
      ...(pubkey === undefined ? { expires_in_ms: minutes * 60_000 } : { pubkey }),
    };
    const client = await api();
    const pairing = await client.post<PairingView & { readonly secret?: string; readonly worker: string }>(
      "/v1/pairings",
      body,
    );
    if (isRejection(pairing)) return pairing;
    print(pairing, () =>
      pairing.secret === undefined
        ? plain(`Paired ${pairing.label}: ${pairing.pubkey}`)
        : [
            `Worker  ${pairing.worker}`,
            `Secret  ${pairing.secret}`,
            `Enter both in the coordinator within ${minutes} minutes; the secret works once.`,
            `Then compare its key and confirm: oa pair confirm ${pairing.pairing_id}`,
          ].join("\n"),
    );
    return 0;
  },
});
