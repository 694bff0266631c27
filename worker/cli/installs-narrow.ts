import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME, upgradeOf } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "narrow"],
  summary: "Take permissions away from an install, or give them back; it stays so through updates and rollbacks",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    revoke: {
      type: "text",
      value: "PERMISSION",
      summary: "One to take away, as oa installs unused shows it",
      repeat: true,
    },
    restore: { type: "text", value: "PERMISSION", summary: "One to give back", repeat: true },
  },
  examples: [
    "oa installs narrow nightly-index --revoke network:egress:old.example",
    "oa installs narrow nightly-index --restore network:egress:old.example",
  ],
  run: async ({ api, args, options, print }) => {
    const { revoke, restore } = options;
    if (revoke.length + restore.length === 0) {
      return reject("usage", "say what: --revoke PERMISSION or --restore PERMISSION (oa installs unused shows them)");
    }
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const body = {
      ...(revoke.length === 0 ? {} : { revoke }),
      ...(restore.length === 0 ? {} : { restore }),
    };
    const changed = await client.post<InstallView>(`/v1/installs/${install.install_id}/narrow`, body);
    if (isRejection(changed)) return changed;
    print(changed, () =>
      [
        `${upgradeOf(changed)?.title ?? changed.install_id} may from now on:`,
        ...(changed.active?.permissions ?? []).map((permission) => `  ${sentenceOf(permission)}`),
        ...changed.revoked.map(({ permission }) => `  taken away: ${permission}`),
      ]
        .map(plain)
        .join("\n"),
    );
    return 0;
  },
});
