import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/receipts`: the licences this worker holds. Invoice and preimage go in and do not come out here. */
export function receiptRoutes({ receipts }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ licences: receipts.list() }));
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlReceiptAdd);
    return answer(context, isRejection(body) ? body : await receipts.add(body, context.req.raw.signal), 201);
  });
  return routes;
}
