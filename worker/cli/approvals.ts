import type { ApprovalView } from "@oa/shared/approval/views.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["approvals"],
  summary: "List what waits for your decision, and what you decided",
  options: {
    status: {
      type: "text",
      value: "STATUS",
      summary: "Only those",
      choices: ["requested", "approved", "denied", "expired", "revoked", "consumed"],
    },
    limit: { type: "integer", value: "N", summary: "How many", min: 1, max: 500, default: 50 },
  },
  examples: ["oa approvals", "oa approvals --status approved --json"],
  run: async ({ api, options, print, signal }) => {
    const { status, limit } = options;
    const query = new URLSearchParams({ limit: String(limit), ...(status === undefined ? {} : { status }) });
    const client = await api();
    const answer = await client.get<{ readonly approvals: readonly ApprovalView[] }>(`/v1/approvals?${query}`, signal);
    if (isRejection(answer)) return answer;
    const rows = answer.approvals.map((one) => [
      one.approval_id,
      one.status === "requested" ? "WAITS FOR YOU" : one.status,
      one.scope,
      String(one.uses),
      one.summary,
    ]);
    print(answer, () =>
      rows.length === 0 ? "Nothing waits for you." : table(["APPROVAL", "STATUS", "SCOPE", "USED", "WHAT"], rows),
    );
    return 0;
  },
});
