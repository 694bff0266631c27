import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { KillSwitchStatus } from "../engine/kill-switch.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { plain } from "./terminal.ts";

/** Switches it, or only looks, and says how it stands. */
export async function switchKillSwitch(
  { api, print }: Pick<CommandContext, "api" | "print">,
  on: boolean | null,
  reason?: string,
): Promise<ExitCode | Rejection> {
  const client = await api();
  const path = "/v1/policy/kill-switch";
  const status =
    on === null
      ? await client.get<KillSwitchStatus>(path)
      : await client.post<KillSwitchStatus>(path, reason === undefined ? { on } : { on, reason });
  if (isRejection(status)) return status;
  print(status, () => {
    const why = status.reason === null ? "" : plain(` (${status.reason})`);
    if (!status.on) return `The kill switch is off${why}.`;
    return `The kill switch is on${status.forced ? " by the settings" : why}: nothing outside is written, whatever was approved.`;
  });
  return 0;
}
