import { Hono } from "hono";
import { stream } from "hono/streaming";
import { LIMITS } from "../../core/limits.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/audit`: the log's hash chain, checked here or exported to be checked elsewhere. */
export function auditRoutes({ audit }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/verify", async (context) => context.json(await audit.verify()));
  routes.get("/export", (context) => {
    context.header("Content-Type", "application/jsonl");
    return stream(context, async (out) => {
      let lines = "";
      for (const line of audit.export()) {
        lines += `${line}\n`;
        if (lines.length < LIMITS.audit_piece_chars) continue;
        if (out.aborted) return;
        await out.write(lines);
        lines = "";
        // A long log must not hold everything else.
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await out.write(lines);
    });
  });
  return routes;
}
