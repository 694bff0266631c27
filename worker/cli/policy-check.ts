import { resolve } from "node:path";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { PolicyEvaluation } from "@oa/shared/generated/types.ts";
import type { PolicyDecision } from "@oa/shared/policy/evaluate.ts";
import { type Command, type CommandContext, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["policy", "check"],
  summary: "Say whether the policy lets a manifest be installed, or an action be done",
  arguments: { file: { summary: "A manifest, an action, or an action with its circumstances, as JSON" } },
  examples: ["oa policy check upgrade.json", "oa policy check action.json --json"],
  run: async ({ args, fail, print, ...context }) => {
    const { cwd, style } = context;
    const request = await requestIn(resolve(cwd, args.file));
    const refused = (rejection: Rejection, rule: string) =>
      fail(rejection, { verdict: "deny", reasons: [{ code: rejection.code, rule, message: rejection.message }] });
    if (isRejection(request)) return refused(request, "file");
    const { judgedLive } = await import("./live-policy.ts");
    const decision = await judgedLive(request, context);
    if (isRejection(decision)) return refused(decision, "worker");
    print(decision, () => decisionLines(decision, style).join("\n"));
    return decision.verdict === "allow" ? 0 : 3;
  },
});

/** What the file holds, by its shape. Refusals: not_found, file_access, too_large, the JSON codes, schema_invalid. */
async function requestIn(file: string): Promise<PolicyEvaluation | Rejection> {
  const { readJsonFile } = await import("./manifest-file.ts");
  const parsed = await readJsonFile(file);
  if (isRejection(parsed)) return parsed;
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return reject("schema_invalid", `${file} holds neither a manifest nor an action`);
  }
  if (!("action_type" in value) && !("action" in value) && !("manifest" in value)) return { manifest: { ...value } };
  const [{ default: validators }, { schemaSentence }] = await Promise.all([
    import("@oa/shared/generated/validators.cjs"),
    import("@oa/shared/core/schema-sentence.ts"),
  ]);
  const request = "action_type" in value ? { action: value } : value;
  if (validators.isPolicyEvaluation(request)) return request;
  const [kind, judged] =
    "action" in request
      ? ([validators.isPolicyAction, request.action] as const)
      : ([validators.isPolicyEvaluation, request] as const);
  kind(judged);
  const sentence = schemaSentence(kind.errors ?? validators.isPolicyEvaluation.errors, {
    ...{ what: "the action", value: judged },
  });
  return reject("schema_invalid", `${file}: ${sentence}`);
}

/** A decision for people: the verdict, and each reason with its rule and code. */
export function decisionLines(decision: PolicyDecision, style: CommandContext["style"]): readonly string[] {
  const { verdict, reasons } = decision;
  const colour = verdict === "allow" ? "green" : verdict === "deny" ? "red" : "yellow";
  const where = (details: PolicyDecision["reasons"][number]["details"]): string =>
    typeof details?.where === "string" && details.where !== "" ? ` at ${details.where}` : "";
  return [
    style(colour, verdict.replace("_", " ")),
    ...reasons.map(({ rule, code, message, details }) => plain(`  ${rule}${where(details)}: ${message} (${code})`)),
  ];
}
