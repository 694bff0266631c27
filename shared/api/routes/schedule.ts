import { Hono } from "hono";
import { LIMITS } from "../../core/limits.ts";
import { isRejection, type Rejection, reject } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody, readCount } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/schedule`: when installs run next, what their owner chose for that, when a schedule would, and why one did or did not. */
export function scheduleRoutes({ schedule }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ schedules: schedule.list() }));
  routes.post("/preview", async (context) => {
    const body = await readBody(context, validators.isControlSchedulePreview);
    return answer(context, isRejection(body) ? body : schedule.preview(body));
  });
  routes.get("/:id", (context) => {
    const from_ms = readInstant("from", context.req.query("from"));
    if (isRejection(from_ms)) return answer(context, from_ms);
    const count = readCount(context, "count", 5, { min: 1, max: LIMITS.schedule_previewed });
    return answer(context, isRejection(count) ? count : schedule.get(context.req.param("id"), from_ms, count));
  });
  routes.post("/:id", async (context) => {
    const body = await readBody(context, validators.isControlScheduleSet);
    return answer(context, isRejection(body) ? body : await schedule.set(context.req.param("id"), body.changes));
  });
  routes.get("/:id/why", async (context) => {
    const at_ms = readInstant("at", context.req.query("at"));
    if (isRejection(at_ms)) return answer(context, at_ms);
    return answer(context, await schedule.why(context.req.param("id"), at_ms, context.req.raw.signal));
  });
  routes.post("/:id/simulate", async (context) => {
    const body = await readBody(context, validators.isControlScheduleSimulation);
    return answer(context, isRejection(body) ? body : schedule.simulate(context.req.param("id"), body));
  });
  return routes;
}

/** An instant of the query string in milliseconds; null where there is none. */
function readInstant(name: string, text: string | undefined): number | null | Rejection {
  if (text === undefined) return null;
  const at_ms = /^\d{4}-\d\d-\d\dT[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  // A day that no calendar has would be read as one after it.
  const day = text.slice(0, 10);
  const known = !Number.isNaN(at_ms) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
  if (known) return at_ms;
  return reject(
    "usage",
    `${name} must be an instant like 2026-03-08T02:00:00Z, not ${JSON.stringify(text.slice(0, 40))}`,
  );
}
