import { Hono } from "hono";
import type { ControlPorts } from "../ports.ts";

/** `/v1/updates`: where every install stands with its updates; `POST /check` looks for them now. */
export function updateRoutes({ updates }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ updates: updates.list() }));
  routes.post("/check", async (context) => context.json({ updates: await updates.check(context.req.raw.signal) }));
  return routes;
}
