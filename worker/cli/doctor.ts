import type { DoctorCheck } from "@oa/shared/api/ports.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { type Command, type CommandContext, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const;

export const command: Command = defineCommand({
  words: ["doctor"],
  summary: "Check this machine and say what fixes it",
  examples: ["oa doctor", "oa doctor --json"],
  run: async (context) => {
    const { print, progress, style } = context;
    progress("looking around …");
    const checks = await looked(context);
    if (isRejection(checks)) return checks;
    const ok = checks.every(({ status }) => status !== "fail");
    print({ ok, checks }, () =>
      checks
        .map(({ name, status, found, fix }) => {
          const line = `${style(COLOURS[status], status.padEnd(4))}  ${name.padEnd(20)}  ${plain(found)}`;
          return fix === null ? line : `${line}\n      → ${plain(fix)}`;
        })
        .join("\n"),
    );
    return ok ? 0 : 1;
  },
});

/** What the worker finds; where none can be started, what can be found without one, and why. */
async function looked({
  api,
  data_dir,
  env,
  signal,
}: Pick<CommandContext, "api" | "data_dir" | "env" | "signal">): Promise<readonly DoctorCheck[] | Rejection> {
  try {
    const answer = await (await api()).get<{ readonly checks: readonly DoctorCheck[] }>("/v1/doctor", signal);
    return isRejection(answer) ? answer : answer.checks;
  } catch (error) {
    // Another command has the folder for a moment, or this one was stopped: nothing is wrong.
    if (error instanceof Fault && (error.code === "busy" || error.code === "canceled")) throw error;
    const { examineAlone } = await import("../main/doctor-alone.ts");
    const why = error instanceof Error ? error.message : String(error);
    return examineAlone({ data_dir, env }, error instanceof Fault ? error : new Fault("internal", why), signal);
  }
}
