import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { relaysOf, SIGNER_OPTION } from "./author-options.ts";
import { type Command, defineCommand } from "./command.ts";
import { keyText } from "./key-text.ts";

export const command: Command = defineCommand({
  words: ["key", "revoke"],
  summary: "Give your author key up for good: workers that see it start nothing that it signed any more",
  options: {
    signer: SIGNER_OPTION,
    reason: { type: "text", value: "TEXT", summary: "Why, for those who installed something of yours", default: "" },
    relay: {
      type: "text",
      value: "URL",
      summary: "A relay to tell; the worker's own where none is given",
      repeat: true,
    },
    yes: { type: "flag", summary: "Do not ask: what is signed cannot be taken back" },
  },
  examples: ["oa key revoke --relay wss://relay.example.com --reason 'the laptop was stolen'"],
  run: async ({ options, print, confirm, ...context }) => {
    const { data_dir, env, style } = context;
    const [{ openSigner }, { toRevocation }, { readConfig }, { relayLines, sendStatement, toldAnybody }] =
      await Promise.all([
        import("./author-signer.ts"),
        import("@oa/shared/nostr/03164-key-rotation.ts"),
        import("../config.ts"),
        import("./key-statement.ts"),
      ]);
    const { reason } = options;
    if (reason.length > 500) return reject("usage", "--reason has more than 500 characters");
    const config = await readConfig(data_dir, env);
    const relays = relaysOf(options.relay, config);
    if (isRejection(relays)) return relays;
    const signer = await openSigner(options.signer, config, context);
    if (isRejection(signer)) return signer;
    try {
      const { public_key } = signer;
      const npub = keyText(public_key, { full: true });
      if (!options.yes) {
        const agreed = await confirm(`Everything by ${npub} stops wherever this is heard. Revoke the key?`);
        if (agreed === undefined) return reject("consent_needed", "this cannot be taken back: add --yes");
        if (!agreed) return reject("canceled", "nothing was signed");
      }
      const revocation = await signer.sign(toRevocation({ created_at: Math.floor(Date.now() / 1000), reason }));
      const answers = await sendStatement(revocation, relays, context, config);
      if (isRejection(answers)) return answers;
      print({ public_key, revocation_event_id: revocation.id, relays: answers }, () =>
        [`${npub} is revoked`, ...relayLines(answers, style)].join("\n"),
      );
      return toldAnybody(answers);
    } finally {
      signer.close();
    }
  },
});
