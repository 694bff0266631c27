import { answer } from "@oa/shared/api/answer.ts";
import { Hono } from "hono";
import { catalogOf } from "../addresses.ts";
import type { Env } from "../env.ts";

/** `/v1/snapshot`: the whole catalog, page by page, for whoever mirrors it. */
export const snapshotRoutes = new Hono<{ Bindings: Env }>();

snapshotRoutes.get("/", async (context) =>
  answer(context, await catalogOf(context.env).snapshot(context.req.query("cursor") ?? "")),
);
