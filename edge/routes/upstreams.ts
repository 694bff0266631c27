import { answer } from "@oa/shared/api/answer.ts";
import { Hono } from "hono";
import { upstreamsOf } from "../addresses.ts";
import type { Env } from "../env.ts";

/** `/v1/upstreams`: which relays events are pulled from, and how that goes. */
export const upstreamRoutes = new Hono<{ Bindings: Env }>();

upstreamRoutes.get("/", async (context) => answer(context, await upstreamsOf(context.env).status()));
