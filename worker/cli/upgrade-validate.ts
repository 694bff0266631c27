import { resolve } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["upgrade", "validate"],
  summary: "Check a manifest and show the permissions it needs",
  arguments: { file: { summary: "The manifest, a JSON file" } },
  examples: ["oa upgrade validate upgrade.json", "oa upgrade validate upgrade.json --json"],
  run: async ({ args, cwd, fail, print, style }) => {
    const { errorLines, reportOn } = await import("./manifest-file.ts");
    const { sentenceOf } = await import("@oa/shared/upgrade/consent.ts");
    const { manifestHash } = await import("@oa/shared/core/manifest-hash.ts");
    const file = resolve(cwd, args.file);
    const report = await reportOn(file);
    if (isRejection(report)) {
      const { code, message } = report;
      return fail(report, { valid: false, errors: [{ path: "", code, message }], permissions: [] });
    }
    const { valid, errors, permissions, over_ask, under_ask, manifest } = report;
    const manifest_sha256 = manifest === null ? null : manifestHash(manifest);
    print({ valid, errors, permissions, over_ask, under_ask, manifest_sha256 }, () => {
      if (manifest === null) {
        const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
        return [style("red", `${args.file} is not valid: ${count}`), ...errorLines(report)].join("\n");
      }
      const list = (title: string, some: readonly string[], line: (permission: string) => string): readonly string[] =>
        some.length === 0 ? [] : ["", title, ...some.map((permission) => `  ${line(permission)}`)];
      return [
        `${style("green", "Valid")}: ${manifest.title} ${manifest.version}, sha256 ${manifest_sha256}`,
        ...list("It needs to", permissions, (permission) => `${permission}  ${style("dim", sentenceOf(permission))}`),
        ...list("It asks for more than it needs:", over_ask, (permission) => permission),
        ...list("It needs what it does not ask for:", under_ask, (permission) => permission),
      ].join("\n");
    });
    return valid ? 0 : 3;
  },
});
