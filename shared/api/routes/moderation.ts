import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/moderation`: what the owner decides as a curator or appeals as an author, and the lists the owner puts together. */
export function moderationRoutes({ moderation }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/roles", async (context) => answer(context, await moderation.roles(context.req.raw.signal)));
  routes.get("/ledger", async (context) =>
    answer(context, await moderation.ledger(context.req.query("cursor") ?? null, context.req.raw.signal)),
  );
  routes.get("/cases", async (context) =>
    answer(context, await moderation.cases(context.req.query("cursor") ?? null, context.req.raw.signal)),
  );
  routes.get("/cases/:id", async (context) =>
    answer(context, await moderation.case(context.req.param("id"), context.req.raw.signal)),
  );
  routes.post("/decisions", async (context) => {
    const body = await readBody(context, validators.isControlModeration);
    return answer(context, isRejection(body) ? body : await moderation.decide(body, context.req.raw.signal));
  });
  routes.get("/lists/:name", async (context) =>
    answer(context, await moderation.list(context.req.param("name"), context.req.raw.signal)),
  );
  routes.post("/lists", async (context) => {
    const body = await readBody(context, validators.isControlCurate);
    return answer(context, isRejection(body) ? body : await moderation.curate(body, context.req.raw.signal));
  });
  return routes;
}
