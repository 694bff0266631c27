import type { InstallUse } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "unused"],
  summary: "Show which permissions the runs of an install never used",
  arguments: { install: { summary: INSTALL_NAME } },
  examples: ["oa installs unused nightly-index", "oa installs unused me.watch --json"],
  run: async ({ api, args, print }) => {
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const use = await client.get<InstallUse>(`/v1/installs/${install.install_id}/use`);
    if (isRejection(use)) return use;
    print(use, () => useLines(use, args.install).map(plain).join("\n"));
    return 0;
  },
});

function useLines({ runs, wanted_runs, offered, used, unused, revoked }: InstallUse, name: string): readonly string[] {
  const line = ({ permission, sentence }: { permission: string; sentence: string }): string =>
    `  ${permission}  ${sentence}`;
  const take = unused.map(({ permission }) => `--revoke '${permission}'`).join(" ");
  return [
    `${runs} runs that ended well were looked at.`,
    ...(used.length === 0 ? [] : ["Used:", ...used.map(line)]),
    ...(unused.length === 0 ? ["Every permission was used."] : ["Never used:", ...unused.map(line)]),
    ...(offered ? [`Take them away: oa installs narrow ${name} ${take}`] : []),
    ...(unused.length > 0 && !offered ? [`After ${wanted_runs} runs this is worth acting on.`] : []),
    ...(revoked.length === 0 ? [] : ["You took away:", ...revoked.map(line)]),
  ];
}
