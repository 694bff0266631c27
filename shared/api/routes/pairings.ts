import { Hono } from "hono";
import { isRejection, reject } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/pairings`: which coordinators may order installs, and up to what. */
export function pairingRoutes({ pairings }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ pairings: pairings.list() }));
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlPairingRequest);
    return answer(context, isRejection(body) ? body : await pairings.add(body), 201);
  });
  routes.post("/:id/confirm", async (context) => {
    const body = await readBody(context, validators.isControlPairingChange);
    if (isRejection(body)) return answer(context, body);
    return answer(context, await pairings.confirm(context.req.param("id"), body.pubkey));
  });
  routes.post("/:id/remove", async (context) => {
    const body = await readBody(context, validators.isControlPairingChange);
    if (isRejection(body)) return answer(context, body);
    return answer(context, await pairings.remove(context.req.param("id"), body.reason ?? "removed by the owner"));
  });
  routes.post("/:id/share", async (context) => {
    const body = await readBody(context, validators.isControlPairingChange);
    if (isRejection(body)) return answer(context, body);
    const { capabilities, results } = body;
    if (capabilities === undefined && results === undefined) {
      return answer(context, reject("usage", "say capabilities or results: true or false"));
    }
    return answer(context, await pairings.share(context.req.param("id"), body));
  });
  return routes;
}
