import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlPolicyChange, PolicyZone } from "@oa/shared/generated/types.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { findInstall } from "./find-install.ts";
import { plain } from "./terminal.ts";

interface InstallPolicy {
  readonly install_id: string;
  readonly zone: PolicyZone;
  readonly quarantine: { readonly reason: string } | null;
}

/** Asks the worker for one change of what holds for an install, and says what holds now. */
export async function changePolicy(
  { api, print }: Pick<CommandContext, "api" | "print">,
  name: string,
  change: ControlPolicyChange,
): Promise<ExitCode | Rejection> {
  const client = await api();
  const install = await findInstall(client, name);
  if (isRejection(install)) return install;
  const path = `/v1/policy/installs/${encodeURIComponent(install.install_id)}`;
  const now = await client.post<InstallPolicy>(path, change);
  if (isRejection(now)) return now;
  const { quarantine, zone, install_id } = now;
  print(now, () =>
    plain(
      `${install_id} is in the zone ${zone} and ${quarantine === null ? "may run" : `quarantined: ${quarantine.reason}`}.`,
    ),
  );
  return 0;
}
