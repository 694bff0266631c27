import type { ScheduleDescription } from "@oa/shared/api/ports.ts";
import type { WhyAnswer } from "@oa/shared/api/why.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import type { ControlClient } from "./control-client.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { plain } from "./terminal.ts";
import { readLocalTime } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["why"],
  summary: "Say why an install did or did not run: its schedule, its triggers, its owner",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    at: {
      type: "text",
      value: "TIME",
      summary: 'In its schedule\'s time zone, e.g. 02:00 or "2026-03-08 02:00"; without it, the last',
    },
  },
  examples: [
    "oa why nightly-index",
    "oa why nightly-index --at 02:00",
    "oa why nightly-index --at 2026-03-08T08:00:00Z --json",
  ],
  run: async ({ api, args, options, print, signal }) => {
    const now_ms = Date.now();
    const here_ms = options.at === undefined ? null : readLocalTime("--at", options.at, now_ms);
    if (isRejection(here_ms)) return here_ms;
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const at_ms = options.at === undefined ? null : await timeOf(client, install.install_id, options.at, now_ms);
    if (isRejection(at_ms)) return at_ms;
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

/** The zone that the answer is in is the zone that the question is in. */
async function timeOf(
  client: ControlClient,
  install_id: string,
  text: string,
  now_ms: number,
): Promise<number | Rejection> {
  const about = await client.get<ScheduleDescription>(`/v1/schedule/${encodeURIComponent(install_id)}?count=1`);
  return isRejection(about) ? about : readLocalTime("--at", text, now_ms, about.timezone);
}
