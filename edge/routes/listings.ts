import { answer } from "@oa/shared/api/answer.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { Hono } from "hono";
import { catalogOf, type Env } from "../env.ts";
import { readQuery } from "./request.ts";

/** `/v1/listings`: the catalog, for reading. */
export const listingRoutes = new Hono<{ Bindings: Env }>();

listingRoutes.get("/", async (context) => {
  const query = readQuery(context, validators.isCatalogQuery);
  if (isRejection(query)) return answer(context, query);
  return answer(context, await catalogOf(context.env).list(query));
});

listingRoutes.get("/:address", async (context) =>
  answer(context, await catalogOf(context.env).get(context.req.param("address"))),
);

/** The manifest event as its author signed it. */
listingRoutes.get("/:address/event", async (context) => {
  const detail = await catalogOf(context.env).get(context.req.param("address"));
  return answer(context, isRejection(detail) ? detail : detail.event);
});
