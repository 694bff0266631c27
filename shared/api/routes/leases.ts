import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators, { type Validator } from "../../generated/validators.cjs";
import { type Actor, actorOf } from "../actor.ts";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/runs/…` for engines of other processes: claiming runs under a lease and carrying them out. */
export function leaseRoutes({ leases }: ControlPorts): Hono {
  const routes = new Hono();
  const post = <Body>(
    path: string,
    validator: Validator<Body>,
    ask: (body: Body, id: string, by: Actor) => ReturnType<ControlPorts["leases"]["claim"]>,
  ): void => {
    routes.post(path, async (context) => {
      const body = await readBody(context, validator);
      return answer(
        context,
        isRejection(body) ? body : await ask(body, context.req.param("id") ?? "", actorOf(context)),
      );
    });
  };
  post("/claim", validators.isControlRunClaim, (body, _, by) => leases.claim(body, by));
  post("/:id/lease/heartbeat", validators.isControlRunLease, (body, id, by) => leases.heartbeat(id, body, by));
  post("/:id/lease/release", validators.isControlRunLease, (body, id, by) => leases.release(id, body, by));
  post("/:id/start", validators.isControlRunStart, (body, id, by) => leases.start(id, body, by));
  post("/:id/steps", validators.isControlRunStep, (body, id, by) => leases.step(id, body, by));
  post("/:id/complete", validators.isControlRunLease, (body, id, by) => leases.complete(id, body, by));
  post("/:id/fail", validators.isControlRunFail, (body, id, by) => leases.fail(id, body, by));
  return routes;
}
