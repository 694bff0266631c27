import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators, { type Validator } from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/runs/…` for engines of other processes: claiming runs under a lease and carrying them out. */
export function leaseRoutes({ leases }: ControlPorts): Hono {
  const routes = new Hono();
  const post = <Body>(
    path: string,
    validator: Validator<Body>,
    ask: (body: Body, id: string) => ReturnType<ControlPorts["leases"]["claim"]>,
  ): void => {
    routes.post(path, async (context) => {
      const body = await readBody(context, validator);
      return answer(context, isRejection(body) ? body : await ask(body, context.req.param("id") ?? ""));
    });
  };
  post("/claim", validators.isControlRunClaim, (body) => leases.claim(body));
  post("/:id/lease/heartbeat", validators.isControlRunLease, (body, id) => leases.heartbeat(id, body));
  post("/:id/lease/release", validators.isControlRunLease, (body, id) => leases.release(id, body));
  post("/:id/start", validators.isControlRunStart, (body, id) => leases.start(id, body));
  post("/:id/steps", validators.isControlRunStep, (body, id) => leases.step(id, body));
  post("/:id/complete", validators.isControlRunLease, (body, id) => leases.complete(id, body));
  post("/:id/fail", validators.isControlRunFail, (body, id) => leases.fail(id, body));
  return routes;
}
