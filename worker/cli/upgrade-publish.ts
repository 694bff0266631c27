import { resolve } from "node:path";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { Channel } from "@oa/shared/nostr/30052-release.ts";
import { type Command, defineCommand } from "./command.ts";

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
    "key-file": {
      type: "text",
      value: "FILE",
      summary: "The author's secret key, nsec or hex; this machine's author key",
    },
    "author-from-key": { type: "flag", summary: "Sign as the key's owner, whoever the manifest names as author" },
    notes: { type: "text", value: "TEXT", summary: "What changed in this release", default: "" },
    channel: {
      type: "text",
      value: "NAME",
      summary: "The release's channel",
      choices: CHANNELS,
      default: "main",
    },
  },
  examples: [
    "oa upgrade publish upgrade.json --relay wss://relay.example.com",
    "oa upgrade publish upgrade.json --relay ws://127.0.0.1:6768/ --author-from-key --notes 'First release'",
  ],
  run: async ({ args, options, cwd, data_dir, env, signal, fail, print, progress, style }) => {
    const { errorLines, reportOn } = await import("./manifest-file.ts");
    const { publishUpgrade, readAuthorKey } = await import("./publish-upgrade.ts");
    const report = await reportOn(resolve(cwd, args.file));
    if (isRejection(report)) return fail(report);
    if (report.manifest === null) {
      const lines = errorLines(report.errors).map((line) => line.trim());
      const code = report.errors[0]?.code ?? "schema_invalid";
      return fail(reject(code, `${args.file} is not valid: ${lines.join("; ")}`), { errors: report.errors });
    }
    const { readConfig } = await import("../config.ts");
    const { assessManifest, refuseDenied } = await import("@oa/shared/policy/aup/assess.ts");
    const config = await readConfig(data_dir, env);
    const denied = refuseDenied(assessManifest(report.manifest, { mode: config.aup }));
    if (denied !== null) return fail(denied, { reasons: denied.details?.reasons });
    const relays = options.relay.length > 0 ? [...new Set(options.relay)] : config.relays;
    const wrong = relays.find((relay) => !/^wss?:\/\/[^\s/]/.test(relay));
    if (wrong !== undefined)
      return fail(reject("usage", `${wrong} is not the address of a relay: it begins with ws:// or wss://`));
    if (relays.length === 0) return fail(reject("usage", "name a relay with --relay, or in the worker's settings"));

    const key_file = options["key-file"];
    const secret_key = await readAuthorKey(data_dir, key_file === undefined ? null : resolve(cwd, key_file));
    if (isRejection(secret_key)) return fail(secret_key);
    progress(`Sending to ${relays.join(", ")}`);
    const answer = await publishUpgrade(report.manifest, {
      secret_key,
      author_from_key: options["author-from-key"],
      relays,
      notes: options.notes,
      channel: CHANNELS.find((name) => name === options.channel) ?? "main",
      signal,
    });
    if (isRejection(answer)) return fail(answer);
    print(answer, () =>
      [
        `${report.manifest?.title} ${report.manifest?.version} is signed: ${answer.address}`,
        `  manifest ${answer.manifest_event_id}, release ${answer.release_event_id}, sha256 ${answer.manifest_sha256}`,
        `  ${answer.naddr}`,
        ...answer.relays.map(({ relay, accepted, message }) =>
          accepted
            ? `  ${style("green", "accepted")} by ${relay}`
            : `  ${style("red", "not accepted")} by ${relay}: ${message}`,
        ),
      ].join("\n"),
    );
    return answer.relays.some(({ accepted }) => accepted) ? 0 : 1;
  },
});
