import type { PolicyDescription, PolicyExplanation } from "@oa/shared/api/policy.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { decisionLines } from "./policy-check.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["policy", "explain"],
  summary: "Show what the policy says of an install, step by step, or which rules there are",
  arguments: { install: { summary: `${INSTALL_NAME}; without it, the rules`, optional: true } },
  examples: ["oa policy explain", "oa policy explain nightly-index --json"],
  run: async ({ api, args, print, style, signal }) => {
    const client = await api();
    if (args.install === undefined) {
      const policy = await client.get<PolicyDescription>("/v1/policy", signal);
      if (isRejection(policy)) return policy;
      print(policy, () =>
        [
          `Judged ${policy.aup}; zone ${policy.zone}; the kill switch is ${policy.kill_switch ? "on" : "off"}.`,
          ...policy.rules.map(({ name, says }) => `  ${name}  ${style("dim", says)}`),
          "Prohibited uses:",
          ...policy.uses.map(({ category, severity }) => `  ${category}  ${style("dim", severity)}`),
        ].join("\n"),
      );
      return 0;
    }
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const path = `/v1/policy/installs/${encodeURIComponent(install.install_id)}`;
    const said = await client.get<PolicyExplanation>(path, signal);
    if (isRejection(said)) return said;
    print(said, () =>
      [
        `${plain(said.title)} (${said.install_id}), zone ${said.zone}`,
        ...(said.quarantine === null ? [] : [style("red", plain(`quarantined: ${said.quarantine}`))]),
        ...decisionLines(said.manifest, style),
        ...said.steps.flatMap(({ step_id, op, decision }) => [
          plain(`${step_id}  ${op}`),
          ...decisionLines(decision, style),
        ]),
      ].join("\n"),
    );
    return 0;
  },
});
