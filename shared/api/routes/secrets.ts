import { Hono } from "hono";
import { isRejection } from "../../core/refusal.ts";
import validators from "../../generated/validators.cjs";
import { answer, readBody } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/secrets`: the vault's secrets by name. No route gives a value back. */
export function secretRoutes({ secrets }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => context.json(secrets.list()));
  routes.post("/", async (context) => {
    const body = await readBody(context, validators.isControlSecretSet);
    return answer(context, isRejection(body) ? body : await secrets.set(body), 201);
  });
  routes.post("/remove", async (context) => {
    const body = await readBody(context, validators.isControlSecretRemove);
    return answer(context, isRejection(body) ? body : await secrets.remove(body.name));
  });
  routes.post("/unlock", async (context) => {
    const body = await readBody(context, validators.isControlVaultUnlock);
    return answer(context, isRejection(body) ? body : await secrets.unlock(body.passphrase));
  });
  routes.post("/passphrase", async (context) => {
    const body = await readBody(context, validators.isControlVaultPassphrase);
    return answer(context, isRejection(body) ? body : await secrets.changePassphrase(body));
  });
  return routes;
}
