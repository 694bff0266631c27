import type { WhyAnswer } from "@oa/shared/api/why.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall } from "./find-install.ts";
import { plain } from "./terminal.ts";
import { readLocalTime } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["why"],
  summary: "Say why an install did or did not run: its schedule, its triggers, its owner",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  options: {
    at: {
      type: "text",
      value: "TIME",
      summary: 'Of this machine, e.g. 02:00 or "2026-03-08 02:00"; without it, the last',
    },
  },
  examples: [
    "oa why nightly-index",
    "oa why nightly-index --at 02:00",
    "oa why nightly-index --at 2026-03-08T08:00:00Z --json",
  ],
  run: async ({ api, args, options, print, signal }) => {
    const at_ms = options.at === undefined ? null : readLocalTime("--at", options.at, Date.now());
    if (isRejection(at_ms)) return at_ms;
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const query = at_ms === null ? "" : `?at=${encodeURIComponent(new Date(at_ms).toISOString())}`;
    const why = await client.get<WhyAnswer>(
      `/v1/schedule/${encodeURIComponent(install.install_id)}/why${query}`,
      signal,
    );
    if (isRejection(why)) return why;
    print(why, () => why.sentences.map(plain).join("\n"));
    return 0;
  },
});
