import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/outward`: what leaves in the owner's or an author's name from another process of this machine is judged and kept. */
export function outwardRoutes({ outward }: ControlPorts): Hono {
  const routes = new Hono();
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlOutward);
    return answer(context, isRejection(body) ? body : await outward.begin(body));
  });
  routes.post("/:id/end", async (context) => {
    const body = await readBody(context, validators.isControlOutwardEnd);
    return answer(context, isRejection(body) ? body : await outward.end(context.req.param("id"), body));
  });
  return routes;
}
