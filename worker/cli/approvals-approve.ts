import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { type Command, defineCommand } from "./command.ts";
import { decideApproval } from "./decide-approval.ts";

export const command: Command = defineCommand({
  words: ["approvals", "approve"],
  summary: "Let it be done: once, or further as you say",
  arguments: { approval: { summary: "The approval's id, from oa approvals" } },
  options: {
    scope: {
      type: "text",
      value: "SCOPE",
      summary: "How far it goes: once, this run, this install anywhere, or this step always",
      choices: ["once", "run", "room", "workspace", "template"],
      default: "once",
    },
    hours: { type: "integer", value: "N", summary: "For how long it holds from now on", min: 1, max: 8_760 },
    "per-day": {
      type: "integer",
      value: "N",
      summary: "How often a day, of a scope wider than once",
      min: 1,
      max: 100_000,
    },
    action: { type: "text", value: "SHA256", summary: "Only if it is still exactly this action" },
  },
  examples: ["oa approvals approve appr_01JZ…", "oa approvals approve appr_01JZ… --scope template --hours 720"],
  run: async (context) => {
    const { scope, hours, action, "per-day": uses_per_day } = context.options;
    return decideApproval(context, context.args.approval, {
      decision: "approve",
      scope: scope as "once", // one of the choices above
      ...(hours === undefined ? {} : { expires_in_ms: hours * HOUR_MS }),
      ...(uses_per_day === undefined ? {} : { uses_per_day }),
      ...(action === undefined ? {} : { action_sha256: action }),
    });
  },
});
