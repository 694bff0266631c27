import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";
import { inspectInstall } from "./inspect-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "approve"],
  summary: "Approve an install that waits for you, after showing what it may do",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    staged: { type: "flag", summary: "Run an update on trial first: what runs now stays until it ran through" },
    disabled: { type: "flag", summary: "Approve a first install without enabling it" },
    yes: { type: "flag", summary: "Approve without asking" },
  },
  examples: ["oa installs approve nightly-index", "oa installs approve install_01JZ… --staged --yes --json"],
  run: async (context) => {
    const { api, args, confirm, fail, options, print } = context;
    const inspected = await inspectInstall(context, args.install);
    if (isRejection(inspected)) return inspected;
    const { install, pending } = inspected;
    if (!options.yes) {
      const yes = await confirm("Allow this?");
      if (yes !== true) {
        const message = yes === undefined ? "there is no terminal to ask on; add --yes to approve" : "not approved";
        return fail(reject("consent_needed", message), { pending });
      }
    }
    const { permission_hash } = pending;
    const body = {
      permission_hash,
      ...(options.staged ? { staged: true } : {}),
      ...(options.disabled ? { enable: false } : {}),
    };
    const changed = await (await api()).post<InstallView>(`/v1/installs/${install.install_id}/approve`, body);
    if (isRejection(changed)) return changed;
    print(changed, () => plain(`${pending.title} is ${changed.candidate === null ? changed.status : "on trial"}.`));
    return 0;
  },
});
