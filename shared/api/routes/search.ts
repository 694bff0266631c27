import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/search`: searches the code indexes of this worker. */
export function searchRoutes({ search }: ControlPorts): Hono {
  const routes = new Hono();
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlSearchRequest);
    return answer(context, isRejection(body) ? body : await search(body, context.req.raw.signal));
  });
  return routes;
}
