import { Hono } from "hono";
import { stream } from "hono/streaming";
import type { ControlPorts } from "../ports.ts";

/** `/v1/audit`: the log's hash chain, checked here or exported to be checked elsewhere. */
export function auditRoutes({ audit }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/verify", (context) => context.json(audit.verify()));
  routes.get("/export", (context) => {
    context.header("Content-Type", "application/jsonl");
    return stream(context, async (out) => {
      for (const line of audit.export()) {
        if (out.aborted) return;
        await out.write(`${line}\n`);
      }
    });
  });
  return routes;
}
