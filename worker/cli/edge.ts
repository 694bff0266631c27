import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { reject } from "@oa/shared/core/refusal.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["edge"],
  summary: "Run the edge alone on this machine: relay, catalog and install mailbox",
  options: {
    operator: {
      type: "text",
      value: "KEY",
      summary: "The key in hex whose signed list names the curators (default: the owner of this data folder)",
    },
    port: { type: "integer", value: "N", summary: "Port on 127.0.0.1 (0: any)", min: 0, max: 65_535, default: 8787 },
  },
  examples: ["oa edge", "oa edge --port 8787 --data ./edge-data", "oa edge --port 0 --json"],
  run: async ({ data_dir, note, options, print, progress, signal }) => {
    progress("starting the edge …");
    const [{ startEdge }, { loadOrCreateKey }] = await Promise.all([
      import("../adapters/edge.ts"),
      import("../adapters/keys.ts"),
    ]);
    const { operator = (await loadOrCreateKey(data_dir, "owner")).public_key } = options;
    if (!isHex32(operator)) return reject("usage", `--operator ${operator} is not a key of 64 lower-case hex digits`);
    const bindings = { SITE_PUBLISHERS: (await loadOrCreateKey(data_dir, "worker")).public_key, OPERATOR: operator };
    const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
    const edge = await startEdge({ port: options.port, data_dir: join(data_dir, "edge"), root, log: note, bindings });
    try {
      print(
        { url: edge.url, relay_url: edge.relay_url, data_dir },
        `The edge is up: relay at ${edge.relay_url}, catalog at ${edge.url}/v1/listings (data in ${data_dir})`,
      );
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      await edge.close();
    }
    return 0;
  },
});
