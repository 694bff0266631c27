import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/reputation/:address`: what is said of a listing, and what the owner says of it. */
export function reputationRoutes({ reputation }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/:address", async (context) =>
    answer(context, await reputation.get(context.req.param("address"), context.req.raw.signal)),
  );
  routes.post("/:address/rating", async (context) => {
    const body = await readBody(context, validators.isControlRating);
    if (isRejection(body)) return answer(context, body);
    return answer(context, await reputation.rate(context.req.param("address"), body, context.req.raw.signal));
  });
  routes.post("/:address/report", async (context) => {
    const body = await readBody(context, validators.isControlReport);
    if (isRejection(body)) return answer(context, body);
    return answer(context, await reputation.report(context.req.param("address"), body, context.req.raw.signal));
  });
  routes.post("/:address/verify", async (context) => {
    const body = await readBody(context, validators.isControlReputationVerify);
    if (isRejection(body)) return answer(context, body);
    return answer(context, await reputation.verify(context.req.param("address"), body, context.req.raw.signal));
  });
  return routes;
}
