import { Hono } from "hono";
import { answer } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

/** `/v1/market`: the edge's catalog, through the worker. */
export function marketRoutes({ market }: ControlPorts): Hono {
  const routes = new Hono();
  routes.get("/listings", async (context) =>
    answer(context, await market.list(new URL(context.req.url).searchParams, context.req.raw.signal)),
  );
  routes.get("/listings/:address", async (context) =>
    answer(
      context,
      await market.get(context.req.param("address"), context.req.query("moderators") ?? null, context.req.raw.signal),
    ),
  );
  return routes;
}
