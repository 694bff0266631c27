import { type Command, defineCommand } from "./command.ts";
import { decideApproval } from "./decide-approval.ts";

export const command: Command = defineCommand({
  words: ["approvals", "deny"],
  summary: "Say no: the step fails and nothing is done",
  arguments: { approval: { summary: "The approval's id, from oa approvals" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa approvals deny appr_01JZ…"],
  run: (context) => {
    const { reason } = context.options;
    const decision = reason === undefined ? {} : { reason };
    return decideApproval(context, context.args.approval, { decision: "deny", ...decision });
  },
});
