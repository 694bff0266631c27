import { Hono } from "hono";
import { LIMITS } from "../../core/limits.ts";
import { isRejection, reject } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody, readCount } from "../answer.ts";
import { APPROVAL_STATUSES, type ControlPorts } from "../ports.ts";

/** `/v1/approvals`: what waits for the owner, what was decided, and deciding it. */
export function approvalRoutes({ approvals }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => {
    const limit = readCount(context, "limit", 100, { min: 1, max: LIMITS.api_page });
    if (isRejection(limit)) return answer(context, limit);
    const { status, install_id } = context.req.query();
    const known = APPROVAL_STATUSES.find((name) => name === status);
    if (status !== undefined && known === undefined) {
      return answer(context, reject("usage", `status must be one of ${APPROVAL_STATUSES.join(", ")}`));
    }
    const query = { limit, ...(known === undefined ? {} : { status: known }) };
    return context.json({ approvals: approvals.list(install_id === undefined ? query : { ...query, install_id }) });
  });
  routes.get("/:id", (context) => answer(context, approvals.get(context.req.param("id"))));
  routes.post("/:id/decide", async (context) => {
    const body = await readBody(context, validators.isControlApprovalDecision);
    return answer(context, isRejection(body) ? body : await approvals.decide(context.req.param("id"), body));
  });
  return routes;
}
