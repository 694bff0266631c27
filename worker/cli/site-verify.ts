import { resolve } from "node:path";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["site", "verify"],
  summary: "Check a mirror's snapshot, whoever serves it: every signature, and the root that its builder signed",
  arguments: { site: { summary: "A site's folder or address" } },
  options: {
    builder: { type: "text", value: "KEY", summary: "The key in hex or npub that must have signed it" },
  },
  examples: ["oa site verify ./public", "oa site verify https://mirror.example --builder npub1…"],
  run: async ({ args, cwd, options, print, progress, signal }) => {
    const [{ partsAt, partsInFolder, verifySnapshot }, { loadSchnorr }, { npubToHex }] = await Promise.all([
      import("../adapters/site-verify.ts"),
      import("../adapters/schnorr.ts"),
      import("@oa/shared/nostr/npub.ts"),
    ]);
    const given = options.builder ?? null;
    const builder = given === null || /^[0-9a-f]{64}$/.test(given) ? given : npubToHex(given);
    if (given !== null && builder === null) {
      return reject("usage", `--builder ${plain(given.slice(0, 80))} is neither 64 hex digits nor an npub`);
    }
    const isAddress = /^https?:\/\//.test(args.site);
    if (isAddress && !URL.canParse(args.site)) return reject("usage", `${args.site} is not an address`);
    progress("reading the snapshot …");
    const read = isAddress ? partsAt(args.site.replace(/\/+$/, ""), signal) : partsInFolder(resolve(cwd, args.site));
    const snapshot = await verifySnapshot(read, await loadSchnorr());
    if (isRejection(snapshot)) return snapshot;
    if (builder !== null && snapshot.builder !== builder) {
      return reject("catalog_invalid", `the snapshot is signed by ${snapshot.builder}, not by ${builder}`);
    }
    const at = new Date(snapshot.created_at * 1_000).toISOString();
    print(
      { valid: true, ...snapshot },
      `${args.site}: whole, ${snapshot.listings} listings in ${snapshot.events} signed events, as of ${at}\n` +
        `  root     ${snapshot.root}\n  signed   by ${snapshot.builder}`,
    );
    return 0;
  },
});
