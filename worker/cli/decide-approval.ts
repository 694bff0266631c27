import type { ApprovalView } from "@oa/shared/approval/views.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlApprovalDecision } from "@oa/shared/generated/types.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { plain } from "./terminal.ts";
import { hereText } from "./time-options.ts";

export type ApprovalDetail = ApprovalView & { readonly request: object | null };

/** Tells the worker what its owner decided and shows the approval. */
export async function decideApproval(
  { api, print }: Pick<CommandContext, "api" | "print">,
  approval_id: string,
  decision: ControlApprovalDecision,
): Promise<ExitCode | Rejection> {
  const path = `/v1/approvals/${encodeURIComponent(approval_id)}/decide`;
  const approval = await (await api()).post<ApprovalDetail>(path, decision);
  if (isRejection(approval)) return approval;
  print(approval, () => showApproval(approval));
  return 0;
}

/** An approval for people: what would be done, exactly, why it was asked, and until when. */
export function showApproval(approval: ApprovalDetail): string {
  const { approval_id, status, scope, summary, request, reasons, reason, pins, uses, expires_at_ms } = approval;
  const until = hereText(new Date(expires_at_ms).toISOString());
  const open = status === "requested" || status === "approved";
  return [
    plain(summary),
    plain(`  ${approval_id}  ${status}${status === "approved" ? ` (${scope})` : ""}${open ? `, until ${until}` : ""}`),
    ...(reason === null ? [] : [plain(`  ${reason}`)]),
    ...(request === null ? [] : ["Exactly:", ...JSON.stringify(request, null, 2).split("\n").map(line)]),
    ...(reasons.length === 0
      ? []
      : ["Asked because:", ...reasons.map(({ code, message }) => line(`${message} (${code})`))]),
    `Bound to:`,
    line(`install ${pins.install_id}, step ${pins.step_id}, manifest ${pins.manifest_sha256}`),
    line(`${pins.targets.join(", ")}${pins.action_sha256 === null ? "" : `, action ${pins.action_sha256}`}`),
    ...(uses === 0 ? [] : [`Used ${uses} times.`]),
    ...(status === "requested" ? [`To decide: oa approvals approve ${approval_id}, or deny`] : []),
  ].join("\n");
}

function line(text: string): string {
  return plain(`  ${text}`);
}
