import { resolve } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { Channel } from "@oa/shared/nostr/30052-release.ts";
import { SIGNER_OPTION } from "./author-options.ts";
import { type Command, defineCommand } from "./command.ts";
import { relayLines } from "./relay-lines.ts";
import { plain } from "./terminal.ts";

const CHANNELS: readonly Channel[] = ["main", "beta", "nightly", "dev"];

export const command: Command = defineCommand({
  words: ["upgrade", "publish"],
  summary: "Sign a manifest and its release and send them to relays",
  arguments: { file: { summary: "The manifest, a JSON file" } },
  options: {
    relay: {
      type: "text",
      value: "URL",
      summary: "A relay to send to; the worker's own where none is given",
      repeat: true,
    },
    signer: SIGNER_OPTION,
    "author-from-key": { type: "flag", summary: "Sign as the key's owner, whoever the manifest names as author" },
    notes: { type: "text", value: "TEXT", summary: "What changed in this release", default: "" },
    channel: {
      type: "text",
      value: "NAME",
      summary: "Who gets it: followers of this channel and of less steady ones",
      choices: CHANNELS,
      default: "main",
    },
    artifacts: { type: "text", value: "DIR", summary: "Where its artifacts are: their checksums and sizes go in" },
  },
  examples: [
    "oa upgrade publish upgrade.json --relay wss://relay.example.com",
    "oa upgrade publish upgrade.json --relay ws://127.0.0.1:6768/ --author-from-key --notes 'First release'",
    "oa upgrade publish upgrade.json --signer author.ncryptsec --channel beta",
  ],
  run: async ({ args, options, fail, print, ...context }) => {
    const { cwd, data_dir, env, signal, progress, note, style } = context;
    const { invalidManifest, reportOn } = await import("./manifest-file.ts");
    const report = await reportOn(resolve(cwd, args.file));
    if (isRejection(report)) return fail(report);
    if (report.manifest === null) return invalidManifest(args.file, report, fail);
    const { readConfig } = await import("../config.ts");
    const { pinArtifacts } = await import("./upgrade-artifacts.ts");
    const config = await readConfig(data_dir, env);
    const folder = options.artifacts;
    const manifest = folder === undefined ? report.manifest : await pinArtifacts(report.manifest, resolve(cwd, folder));
    if (isRejection(manifest)) return fail(manifest);
    const { relaysOf } = await import("./author-options.ts");
    const relays = relaysOf(options.relay, config);
    if (isRejection(relays)) return fail(relays);
    const [{ openSigner }, { publishUpgrade }, { configuredCompliance, ownGate }] = await Promise.all([
      import("./author-signer.ts"),
      import("./publish-upgrade.ts"),
      import("./live-policy.ts"),
    ]);
    const gate = await ownGate(context, config);
    if (isRejection(gate)) return fail(gate);
    const compliance = await configuredCompliance(config);
    progress(`Sending to ${relays.join(", ")}`);
    const answer = await publishUpgrade(manifest, {
      signer: () => openSigner(options.signer, config, context),
      ...{ compliance, relays, gate, signal, notes: options.notes },
      author_from_key: options["author-from-key"],
      channel: CHANNELS.find((name) => name === options.channel) ?? "main",
    });
    const { over_ask, under_ask } = report;
    if (isRejection(answer)) return fail(answer, { over_ask, under_ask, ...answer.details });
    for (const ask of over_ask) note(`oa: it asks for ${ask}, which nothing in its pipeline needs`);
    print(answer, () =>
      [
        plain(`${manifest.title} ${manifest.version} is signed: ${answer.address}`),
        `  manifest ${answer.manifest_event_id}, release ${answer.release_event_id}, sha256 ${answer.manifest_sha256}`,
        `  ${answer.naddr}`,
        ...(answer.listed ? [] : [`  for followers of ${answer.channel}; the listing goes on showing a steadier one`]),
        ...relayLines(answer.relays, style),
      ].join("\n"),
    );
    return answer.relays.some(({ accepted }) => accepted) ? 0 : 1;
  },
});
