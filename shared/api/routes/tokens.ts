import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/tokens`: capability tokens. A token's text is in the answer that makes it, and nowhere else. */
export function tokenRoutes({ tokens }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ tokens: tokens.list() }));
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlTokenRequest);
    return answer(context, isRejection(body) ? body : await tokens.mint(body), 201);
  });
  routes.post("/delegate", async (context) => {
    const body = await readBody(context, validators.isControlTokenDelegation);
    return answer(context, isRejection(body) ? body : await tokens.delegate(body), 201);
  });
  routes.post("/:id/revoke", async (context) => {
    const body = await readBody(context, validators.isControlTokenChange);
    if (isRejection(body)) return answer(context, body);
    return answer(context, await tokens.revoke(context.req.param("id"), body.reason ?? "revoked by the owner"));
  });
  return routes;
}
