import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { type ApprovalDetail, showApproval } from "./decide-approval.ts";

export const command: Command = defineCommand({
  words: ["approvals", "show"],
  summary: "Show exactly what would be done, and why you are asked",
  arguments: { approval: { summary: "The approval's id, from oa approvals" } },
  examples: ["oa approvals show appr_01JZ…"],
  run: async ({ api, args, print, signal }) => {
    const path = `/v1/approvals/${encodeURIComponent(args.approval)}`;
    const approval = await (await api()).get<ApprovalDetail>(path, signal);
    if (isRejection(approval)) return approval;
    print(approval, () => showApproval(approval));
    return 0;
  },
});
