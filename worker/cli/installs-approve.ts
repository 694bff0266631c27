import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { type Command, defineCommand } from "./command.ts";
import { diffLines } from "./diff-lines.ts";
import { findInstall } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "approve"],
  summary: "Approve an install that waits for you, after showing what it may do",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  options: { yes: { type: "flag", summary: "Approve without asking" } },
  examples: ["oa installs approve nightly-index", "oa installs approve install_01JZ… --yes --json"],
  run: async ({ api, args, confirm, fail, note, options, print }) => {
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const { pending } = install;
    if (pending === null) return reject("not_found", `nothing waits for approval in ${install.install_id}`);
    note(plain(`${pending.title} ${pending.upgrade_version} by ${pending.author_pubkey} may:`));
    for (const permission of pending.permissions) note(plain(`  ${sentenceOf(permission)}`));
    const diff = await client.get<UpgradeDiff>(`/v1/installs/${install.install_id}/diff`);
    if (!isRejection(diff)) for (const line of diffLines(diff)) note(line);
    if (!options.yes) {
      const yes = await confirm("Allow this?");
      if (yes !== true) {
        const message = yes === undefined ? "there is no terminal to ask on; add --yes to approve" : "not approved";
        return fail(reject("consent_needed", message), { pending });
      }
    }
    const body = { permission_hash: pending.permission_hash };
    const changed = await client.post<InstallView>(`/v1/installs/${install.install_id}/approve`, body);
    if (isRejection(changed)) return changed;
    print(changed, () => plain(`${pending.title} is ${changed.status}.`));
    return 0;
  },
});
