import type { DoctorCheck } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const;

export const command: Command = defineCommand({
  words: ["doctor"],
  summary: "Check this machine and say what fixes it",
  examples: ["oa doctor", "oa doctor --json"],
  run: async ({ api, print, progress, signal, style }) => {
    progress("looking around …");
    const answer = await (await api()).get<{ readonly checks: readonly DoctorCheck[] }>("/v1/doctor", signal);
    if (isRejection(answer)) return answer;
    const { checks } = answer;
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
