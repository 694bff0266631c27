import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody, readCount } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/schedule`: when installs run next, and when a schedule would. */
export function scheduleRoutes({ schedule }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/next", (context) => {
    const count = readCount(context, "count", 1, { min: 1, max: 100 });
    return answer(context, isRejection(count) ? count : { installs: schedule.next(count) });
  });
  routes.post("/preview", async (context) => {
    const body = await readBody(context, validators.isControlSchedulePreview);
    return answer(context, isRejection(body) ? body : schedule.preview(body));
  });
  return routes;
}
