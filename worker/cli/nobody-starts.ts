import type { CommandContext } from "./command.ts";
import type { ControlClient } from "./control-client.ts";

/** Tells who looks at a schedule that nobody is there to keep it. */
export function noteNobody({ daemon }: Pick<ControlClient, "daemon">, note: CommandContext["note"]): void {
  if (!daemon) note("No worker is running: nothing starts by itself before `oa up`, or `oa service install`.");
}
