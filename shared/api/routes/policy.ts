import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/policy`: what the gate says, without anything being done, and what its owner sets. */
export function policyRoutes({ policy }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json(policy.describe()));
  routes.get("/kill-switch", (context) => context.json(policy.killSwitch()));
  routes.post("/kill-switch", async (context) => {
    const body = await readBody(context, validators.isControlKillSwitch);
    return answer(context, isRejection(body) ? body : await policy.setKillSwitch(body));
  });
  routes.get("/installs/:id", async (context) =>
    answer(context, await policy.explain(context.req.param("id"), context.req.raw.signal)),
  );
  routes.post("/installs/:id", async (context) => {
    const body = await readBody(context, validators.isControlPolicyChange);
    return answer(context, isRejection(body) ? body : await policy.change(context.req.param("id"), body));
  });
  routes.post("/evaluate", async (context) => {
    const body = await readBody(context, validators.isPolicyEvaluation);
    return answer(context, isRejection(body) ? body : await policy.evaluate(body, context.req.raw.signal));
  });
  return routes;
}
