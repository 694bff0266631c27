import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { findInstall, upgradeOf } from "./find-install.ts";
import { plain } from "./terminal.ts";

/** Asks the worker for one change of an install and shows what became of it. */
export async function changeInstall(
  { api, print }: Pick<CommandContext, "api" | "print">,
  name: string,
  action: "deny" | "enable" | "disable" | "remove" | "pin" | "unpin" | "override",
  reason?: string,
): Promise<ExitCode | Rejection> {
  const client = await api();
  const install = await findInstall(client, name);
  if (isRejection(install)) return install;
  const path = `/v1/installs/${install.install_id}/${action}`;
  const changed = await client.post<InstallView>(path, reason === undefined ? {} : { reason });
  if (isRejection(changed)) return changed;
  print(changed, () => plain(`${upgradeOf(install)?.title ?? install.install_id} is ${changed.status}.`));
  return 0;
}
