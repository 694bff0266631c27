import { type Command, defineCommand } from "./command.ts";
import { decideApproval } from "./decide-approval.ts";

export const command: Command = defineCommand({
  words: ["approvals", "revoke"],
  summary: "Take an approval back; what waits on it fails",
  arguments: { approval: { summary: "The approval's id, from oa approvals" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa approvals revoke appr_01JZ…"],
  run: (context) => {
    const { reason } = context.options;
    const decision = reason === undefined ? {} : { reason };
    return decideApproval(context, context.args.approval, { decision: "revoke", ...decision });
  },
});
