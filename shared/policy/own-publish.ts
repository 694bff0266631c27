import { hostOfUrl, type Permission } from "../core/permission.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { OutwardWrite, PolicyAction, PolicyApproval } from "../generated/types.ts";
import type { AupMode } from "./aup/assess.ts";
import { evaluate } from "./evaluate.ts";

/** What may leave in the worker's, its owner's or an author's name, outside of any run, but for what it says. */
export type OwnWrite = Omit<OutwardWrite, "content">;

/** An event to relays. `approval_id` names what approves it: the owner's command, or the owner's setting. */
export function ownEvent(kind: number, approval_id: string): OwnWrite {
  return { action_type: "event.publish", target: `event:publish:${kind}`, approval_id };
}

/** A site to the edge that serves it. Refusal: usage, for an address that is none. */
export function ownSite(edge_url: string, approval_id: string): OwnWrite | Rejection {
  const host = hostOfUrl(edge_url);
  if (host === null) return reject("usage", `${JSON.stringify(edge_url)} is not the address of an edge`);
  return { action_type: "site.publish", target: `network:egress:${host}`, approval_id };
}

const OPS = { "event.publish": "nostr.publish", "site.publish": "site.publish" } as const;

/**
 * Whether it may leave: an external write like any other, which what it names approves. Null, or a refusal:
 * kill_switch_active, policy_denied, approval_required.
 */
export function refuseOwn(
  { action_type, target, approval_id }: OwnWrite,
  context: { readonly kill_switch: boolean; readonly aup: AupMode; readonly now_ms: number },
): Rejection | null {
  const needs: readonly Permission[] = [target];
  const action: PolicyAction = { action_type, op: OPS[action_type], needs: [...needs] };
  const approval: PolicyApproval = { approval_id, scope: "once", action_type, targets: [...needs] };
  const { verdict, reasons } = evaluate(action, {
    ...{ ...context, zone: "supervised", grant: needs, approvals: [approval], quotas: [] },
  });
  if (verdict === "allow") return null;
  const against = reasons.filter((reason) => reason.verdict === verdict);
  const said = `the policy does not let this be published: ${against.map(({ message }) => message).join("; ")}`;
  if (against.some(({ code }) => code === "kill_switch_active")) return reject("kill_switch_active", said, { reasons });
  return reject(verdict === "deny" ? "policy_denied" : "approval_required", said, { reasons });
}
