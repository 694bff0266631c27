import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { RelayAnswer } from "../adapters/relay-pool.ts";
import { relaysOf, SIGNER_OPTION } from "./author-options.ts";
import { type Command, defineCommand } from "./command.ts";
import { keyText } from "./key-text.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["upgrade", "yank"],
  summary: "Take a release back: workers that see it start nothing of it any more",
  arguments: { release: { summary: "NAME@VERSION of your own, or ADDRESS@VERSION, e.g. 30051:7f3…:me.watch@1.0.0" } },
  options: {
    reason: { type: "text", value: "TEXT", summary: "Why, for those who installed it", default: "" },
    relay: {
      type: "text",
      value: "URL",
      summary: "A relay to tell; the worker's own where none is given",
      repeat: true,
    },
    signer: SIGNER_OPTION,
  },
  examples: [
    "oa upgrade yank me.watch@1.0.0 --reason 'leaks the token'",
    "oa upgrade yank 30051:7f3…:me.watch@1.0.0 --reason 'leaks the token' --relay wss://relay.example.com",
  ],
  run: async ({ args, options, print, ...context }) => {
    const { data_dir, env, note, signal, progress, style } = context;
    const [{ parseAddress }, { openSigner }, { toEvents }, { KINDS }, { readConfig }] = await Promise.all([
      import("../admin/upgrade-source.ts"),
      import("./author-signer.ts"),
      import("@oa/shared/nostr/yank.ts"),
      import("@oa/shared/nostr/kinds.ts"),
      import("../config.ts"),
    ]);
    const [, text = "", version = ""] = /^(.+?)@([^@]+)$/.exec(args.release) ?? [];
    if (version === "") return reject("usage", `${args.release} names no version: write ADDRESS@VERSION`);
    const address = /^[a-z0-9_.-]{1,128}$/.test(text) && !text.startsWith("naddr1") ? null : parseAddress(text);
    if (isRejection(address)) return address;
    if (options.reason.length > 500) return reject("usage", "--reason has more than 500 characters");
    const config = await readConfig(data_dir, env);
    const relays = relaysOf(options.relay, config);
    if (isRejection(relays)) return relays;
    const { ownGate } = await import("./live-policy.ts");
    const gate = await ownGate(context, config);
    if (isRejection(gate)) return gate;
    const signer = await openSigner(options.signer, config, context);
    if (isRejection(signer)) return signer;
    const [{ openRelayPool }, { loadSchnorr }, { publishOwn }] = await Promise.all([
      import("../adapters/relay-pool.ts"),
      import("../adapters/schnorr.ts"),
      import("../engine/own-publish.ts"),
    ]);
    const pool = openRelayPool({ schnorr: await loadSchnorr() });
    const { author, slug } = address ?? { author: signer.public_key, slug: text };
    try {
      if (signer.public_key !== author) {
        const [theirs, own] = [keyText(author, { full: true }), keyText(signer.public_key, { full: true })];
        const message = `only ${theirs} can take its releases back, and the key is ${own}`;
        return reject("author_mismatch", message);
      }
      progress(`Telling ${relays.join(", ")}`);
      const deadline = { timeout_ms: LIMITS.publish_timeout_ms, signal };
      const filter = { kinds: [KINDS.release.kind], authors: [author], "#d": [`${slug}@${version}`] };
      const shown = await pool.query(relays, [filter], deadline).catch(() => null);
      const release = shown?.[0];
      // A name with a mistake in it would leave the release that was meant where it is.
      if (shown !== null && release === undefined) {
        note(`none of these relays shows a release ${slug}@${version} of yours: check that it is called that`);
      }
      const templates = toEvents(
        { author, slug, version, event_id: release?.id ?? null },
        { created_at: Math.floor(Date.now() / 1000), reason: options.reason },
      );
      const events: NostrEvent[] = [];
      for (const template of templates) events.push(await signer.sign(template));
      const answers: (readonly RelayAnswer[])[] = [];
      for (const event of events) {
        const said = await publishOwn(event, relays, "command/yank", { ...gate, pool }, signal);
        if (isRejection(said)) return said;
        answers.push(said);
      }
      const told = relays.map((relay) => {
        const all = answers.map((some) => some.find((answer) => answer.relay === relay));
        // Either event is enough for a worker.
        const accepted = all.some((answer) => answer?.accepted === true);
        return { relay, accepted, message: all.find((answer) => answer?.accepted !== true)?.message ?? "" };
      });
      const answer = {
        address: `${KINDS.release.kind}:${author}:${slug}@${version}`,
        release_event_id: release?.id ?? null,
        yank_event_ids: events.map(({ id }) => id),
        relays: told,
      };
      const heard = told.some(({ accepted }) => accepted);
      print(answer, () =>
        [
          heard ? `Took back ${answer.address}` : `Not taken back: no relay was told of ${answer.address}`,
          ...told.map(({ relay, accepted, message }) =>
            accepted ? `  ${style("green", "told")} ${relay}` : plain(`  not told ${relay}: ${message}`),
          ),
        ].join("\n"),
      );
      return heard ? 0 : 1;
    } finally {
      signer.close();
      pool.close();
    }
  },
});
