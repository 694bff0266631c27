import { Hono } from "hono";
import { LIMITS } from "../../core/limits.ts";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { actorOf, whoIs } from "../actor.ts";
import { answer, readBody, readCount } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/runs`: past and present runs, starting one, pausing, resuming and cancelling one. */
export function runRoutes({ runs }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => {
    const limit = readCount(context, "limit", 50, { min: 1, max: LIMITS.api_page });
    if (isRejection(limit)) return answer(context, limit);
    const install_id = context.req.query("install_id");
    return context.json({ runs: runs.list(install_id === undefined ? { limit } : { install_id, limit }) });
  });
  routes.get("/:id", (context) => answer(context, runs.get(context.req.param("id"))));
  routes.get("/:id/steps", (context) => {
    const steps = runs.steps(context.req.param("id"));
    return answer(context, isRejection(steps) ? steps : { steps });
  });
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlRunRequest);
    if (isRejection(body)) return answer(context, body);
    const { install_id, ...options } = body;
    return answer(context, await runs.start(install_id, { ...options, by: actorOf(context) }), 202);
  });
  routes.post("/:id/cancel", async (context) => {
    const body = await readBody(context, validators.isControlRunCancel);
    if (isRejection(body)) return answer(context, body);
    const by = actorOf(context);
    return answer(context, await runs.cancel(context.req.param("id"), body.reason ?? `canceled by ${whoIs(by)}`, by));
  });
  for (const change of ["pause", "resume"] as const) {
    routes.post(`/:id/${change}`, async (context) => {
      const body = await readBody(context, validators.isControlRunPause);
      if (isRejection(body)) return answer(context, body);
      const by = actorOf(context);
      const { reason = `${change}d by ${whoIs(by)}` } = body;
      return answer(context, await runs[change](context.req.param("id"), reason, by));
    });
  }
  return routes;
}
