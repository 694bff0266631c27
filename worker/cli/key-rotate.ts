import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { relaysOf, SIGNER_OPTION } from "./author-options.ts";
import { type Command, defineCommand } from "./command.ts";
import { keyText } from "./key-text.ts";

export const command: Command = defineCommand({
  words: ["key", "rotate"],
  summary: "Hand over from your author key to another: both sign, and owners are asked before they follow",
  options: {
    to: {
      type: "text",
      value: "SIGNER",
      summary: "The new key: a key file (nsec, hex, ncryptsec) or bunker://…",
      required: true,
    },
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
  examples: ["oa key rotate --to new.ncryptsec --relay wss://relay.example.com --reason 'a new machine'"],
  run: async ({ options, print, confirm, ...context }) => {
    const { data_dir, env, style } = context;
    const [{ openSigner }, { toAcceptance, toRotation }, { readConfig }] = await Promise.all([
      import("./author-signer.ts"),
      import("@oa/shared/nostr/03164-key-rotation.ts"),
      import("../config.ts"),
    ]);
    const { relayLines, sendStatement, toldAnybody } = await import("./key-statement.ts");
    const { reason } = options;
    if (reason.length > 500) return reject("usage", "--reason has more than 500 characters");
    const config = await readConfig(data_dir, env);
    const relays = relaysOf(options.relay, config);
    if (isRejection(relays)) return relays;
    const old = await openSigner(options.signer, config, context);
    if (isRejection(old)) return old;
    const next = await openSigner(options.to, config, context);
    if (isRejection(next)) {
      old.close();
      return next;
    }
    try {
      const [from, to] = [old.public_key, next.public_key];
      const [by, successor] = [keyText(from, { full: true }), keyText(to, { full: true })];
      if (from === to) return reject("usage", `both signers sign as ${by}: there is nothing to hand over`);
      if (!options.yes) {
        const agreed = await confirm(`Nothing new by ${by} will be taken once it names ${successor}. Hand over?`);
        if (agreed === undefined) return reject("consent_needed", "this cannot be taken back: add --yes");
        if (!agreed) return reject("canceled", "nothing was signed");
      }
      const created_at = Math.floor(Date.now() / 1000);
      const acceptance = await next.sign(toAcceptance(from, { created_at }));
      const rotation = await old.sign(toRotation(acceptance, { created_at, reason }));
      const answers = await sendStatement(rotation, relays, context, config);
      if (isRejection(answers)) return answers;
      print({ from, to, rotation_event_id: rotation.id, relays: answers }, () =>
        [`${by} hands over to ${successor}`, ...relayLines(answers, style)].join("\n"),
      );
      return toldAnybody(answers);
    } finally {
      old.close();
      next.close();
    }
  },
});
