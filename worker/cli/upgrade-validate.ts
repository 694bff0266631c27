import { resolve } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { AupAssessment, AupReason } from "@oa/shared/policy/aup/assess.ts";
import type { ManifestError } from "@oa/shared/upgrade/schema-errors.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["upgrade", "validate"],
  summary: "Check a manifest, what it is for and the permissions it needs",
  arguments: { file: { summary: "The manifest, a JSON file" } },
  examples: ["oa upgrade validate upgrade.json", "oa upgrade validate upgrade.json --json"],
  run: async ({ args, cwd, data_dir, env, fail, print, signal, style }) => {
    const { errorLines, reportOn } = await import("./manifest-file.ts");
    const { sentenceOf } = await import("@oa/shared/upgrade/consent.ts");
    const { manifestHash } = await import("@oa/shared/core/manifest-hash.ts");
    const { configuredCompliance } = await import("./live-policy.ts");
    const { readConfig } = await import("../config.ts");
    const file = resolve(cwd, args.file);
    const report = await reportOn(file);
    if (isRejection(report)) {
      const { code, message } = report;
      return fail(report, { valid: false, errors: [{ path: "", code, message }], permissions: [] });
    }
    const { permissions, over_ask, under_ask, manifest } = report;
    const manifest_sha256 = manifest === null ? null : manifestHash(manifest);
    const gate = await configuredCompliance(await readConfig(data_dir, env));
    const policy = manifest === null ? null : await gate.manifest(manifest, {}, signal);
    const errors = [...report.errors, ...(policy?.verdict === "deny" ? policyErrors(policy.reasons) : [])];
    const valid = errors.length === 0;
    print({ valid, errors, permissions, over_ask, under_ask, manifest_sha256, policy }, () => {
      if (manifest === null || !valid) {
        const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
        return [style("red", `${args.file} is not valid: ${count}`), ...errorLines(errors)].join("\n");
      }
      const list = (title: string, some: readonly string[], line: (permission: string) => string): readonly string[] =>
        some.length === 0 ? [] : ["", title, ...some.map((permission) => `  ${line(permission)}`)];
      return [
        `${style("green", "Valid")}: ${plain(`${manifest.title} ${manifest.version}`)}, sha256 ${manifest_sha256}`,
        ...list(
          "It needs to",
          permissions,
          (permission) => `${plain(permission)}  ${style("dim", plain(sentenceOf(permission)))}`,
        ),
        ...list("It asks for more than it needs:", over_ask, (permission) => permission),
        ...list("It needs what it does not ask for:", under_ask, (permission) => permission),
        ...list("The policy lets it pass, but says:", flagged(policy), (line) => line),
      ].join("\n");
    });
    return valid ? 0 : 3;
  },
});

function policyErrors(reasons: readonly AupReason[]): readonly ManifestError[] {
  return reasons.map(({ where, code, message }) => {
    return { path: where, code: code === "aup_unclassified" ? "classifier_unavailable" : "policy_denied", message };
  });
}

function flagged(policy: AupAssessment | null): readonly string[] {
  return (policy?.reasons ?? []).map(({ message, where }) => `${where}  ${message}`);
}
