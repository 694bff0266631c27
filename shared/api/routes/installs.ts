import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import { type ControlPorts, INSTALL_ACTIONS } from "../ports.ts";

/** `/v1/installs`: what is installed, consent to more, and changes to it. */
export function installRoutes({ installs, runs }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json({ installs: installs.list() }));
  routes.get("/:id", (context) => answer(context, installs.get(context.req.param("id"))));
  routes.get("/:id/history", (context) => {
    const history = installs.history(context.req.param("id"));
    return answer(context, isRejection(history) ? history : { history });
  });
  routes.get("/:id/use", (context) => answer(context, installs.use(context.req.param("id"))));
  routes.get("/:id/state", async (context) => answer(context, await installs.states(context.req.param("id"))));
  routes.post("/:id/trial", async (context) =>
    answer(context, await runs.start(context.req.param("id"), { trial: true }), 201),
  );
  routes.get("/:id/diff", (context) => answer(context, installs.diff(context.req.param("id"))));
  routes.post("/preview", async (context) => {
    const body = await readBody(context, validators.isControlInstallPreview);
    return answer(context, isRejection(body) ? body : await installs.preview(body, context.req.raw.signal));
  });
  routes.post("/plan", async (context) => {
    const body = await readBody(context, validators.isControlInstallPreview);
    return answer(context, isRejection(body) ? body : await installs.plan(body, context.req.raw.signal));
  });
  routes.post("/why-not", async (context) => {
    const body = await readBody(context, validators.isControlInstallPreview);
    return answer(context, isRejection(body) ? body : await installs.whyNot(body, context.req.raw.signal));
  });
  routes.post("/why-not/all", async (context) => {
    const body = await readBody(context, validators.isControlInstallPreview);
    return answer(context, isRejection(body) ? body : await installs.matrix(body, context.req.raw.signal));
  });
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlInstallRequest);
    return answer(context, isRejection(body) ? body : await installs.request(body, context.req.raw.signal), 201);
  });
  for (const action of INSTALL_ACTIONS) {
    routes.post(`/:id/${action}`, async (context) => {
      const body = await readBody(context, validators.isControlInstallChange);
      return answer(context, isRejection(body) ? body : await installs.change(context.req.param("id"), action, body));
    });
  }
  return routes;
}
