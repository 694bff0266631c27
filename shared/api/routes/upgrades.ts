import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/upgrades`: upgrades as such, installed or not. */
export function upgradeRoutes({ upgrades }: ControlPorts): Hono {
  const routes = new Hono();
  routes.post("/diff", async (context) => {
    const body = await readBody(context, validators.isControlUpgradeDiff);
    return answer(context, isRejection(body) ? body : await upgrades.diff(body, context.req.raw.signal));
  });
  routes.post("/manifest", async (context) => {
    const body = await readBody(context, validators.isControlInstallPreview);
    return answer(context, isRejection(body) ? body : await upgrades.find(body, context.req.raw.signal));
  });
  return routes;
}
