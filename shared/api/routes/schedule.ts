import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/schedule`: when installs run next, and when a schedule would. */
export function scheduleRoutes({ schedule }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ schedules: schedule.list() }));
  routes.post("/preview", async (context) => {
    const body = await readBody(context, validators.isControlSchedulePreview);
    return answer(context, isRejection(body) ? body : schedule.preview(body));
  });
  return routes;
}
