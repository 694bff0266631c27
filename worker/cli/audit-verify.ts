import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ChainReport } from "@oa/shared/core/hash-chain.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

const NOTHING = { ok: false, events: 0, first_bad: null };

export const command: Command = defineCommand({
  words: ["audit", "verify"],
  summary: "Check the event log's hash chain, or that of an exported file",
  arguments: { file: { summary: "An export (JSON Lines); without it, this worker's own log", optional: true } },
  examples: ["oa audit verify", "oa audit verify log.jsonl --json"],
  run: async (context) => {
    const { args, cwd, data_dir, fail, print } = context;
    let report: ChainReport;
    if (args.file === undefined) {
      if (!existsSync(data_dir)) return fail(reject("not_found", `there is no worker in ${data_dir}`), NOTHING);
      const answer = await (await context.api()).get<ChainReport>("/v1/audit/verify");
      if (isRejection(answer)) return fail(answer, NOTHING);
      report = answer;
    } else {
      const { verifyExport } = await import("../admin/audit.ts");
      const file = resolve(cwd, args.file);
      try {
        report = verifyExport(file);
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
        const message = missing ? `there is no file ${file}` : `${file} cannot be read: ${(error as Error).message}`;
        return fail(reject(missing ? "not_found" : "file_access", message), NOTHING);
      }
    }
    const { first_bad } = report;
    print(report, () =>
      first_bad === null
        ? `The log is whole: ${report.events} events, every hash as it should be.`
        : `The log is NOT whole: ${first_bad.code} at ${first_bad.stream} ${first_bad.seq} (${report.events} events before it are).`,
    );
    return report.ok ? 0 : 3;
  },
});
