import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["installs", "try"],
  summary: "Start the release that is on trial now, instead of at the next start",
  arguments: { install: { summary: INSTALL_NAME } },
  examples: ["oa installs try nightly-index"],
  run: async ({ api, args, print }) => {
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const started = await client.post<{ readonly run_id: string }>(`/v1/installs/${install.install_id}/trial`, {});
    if (isRejection(started)) return started;
    print(started, () => `The trial was started: oa runs ${started.run_id}`);
    return 0;
  },
});
