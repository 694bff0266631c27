import { Hono } from "hono";
import type { ControlPorts } from "../ports.ts";

/** `/metrics`: Prometheus' text format. It needs the admin token like every other route. */
export function metricRoutes({ metrics }: Pick<ControlPorts, "metrics">): Hono {
  const routes = new Hono();
  routes.get("/", async (context) =>
    context.text(await metrics(), 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  return routes;
}
