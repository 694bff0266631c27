import { answer } from "@oa/shared/api/answer.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { Hono } from "hono";
import { catalogOf } from "../addresses.ts";
import type { Env } from "../env.ts";
import { chosenIn, readQuery } from "./request.ts";

/** `/v1/listings`: the catalog, for reading. */
export const listingRoutes = new Hono<{ Bindings: Env }>();

listingRoutes.get("/", async (context) => {
  const query = readQuery(context, validators.isCatalogQuery);
  if (isRejection(query)) return answer(context, query);
  const chosen = chosenIn(query.moderators);
  if (isRejection(chosen)) return answer(context, chosen);
  return answer(context, await catalogOf(context.env).list(query, chosen.keys));
});

listingRoutes.get("/:address", async (context) => {
  const chosen = chosenIn(context.req.query("moderators"));
  if (isRejection(chosen)) return answer(context, chosen);
  return answer(context, await catalogOf(context.env).get(context.req.param("address"), chosen.keys));
});

/** The manifest event as its author signed it. */
listingRoutes.get("/:address/event", async (context) => {
  const chosen = chosenIn(context.req.query("moderators"));
  if (isRejection(chosen)) return answer(context, chosen);
  const detail = await catalogOf(context.env).get(context.req.param("address"), chosen.keys);
  return answer(context, isRejection(detail) ? detail : detail.event);
});
