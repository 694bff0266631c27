import { answer } from "@oa/shared/api/answer.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { isListingAddress } from "@oa/shared/nostr/30054-rating.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { Hono } from "hono";
import { reputationOf } from "../addresses.ts";
import type { Env } from "../env.ts";

/** `/v1/listings/:address/reputation`: the score, why it is so, and what it was reckoned from. */
export const reputationRoutes = new Hono<{ Bindings: Env }>();

reputationRoutes.get("/:address/reputation", async (context) => {
  const listing = listingOf(context.req.param("address"));
  return answer(context, isRejection(listing) ? listing : await reputationOf(context.env, listing).get());
});

reputationRoutes.get("/:address/reputation/inputs", async (context) => {
  const listing = listingOf(context.req.param("address"));
  if (isRejection(listing)) return answer(context, listing);
  const after = context.req.query("after") ?? "";
  if (after !== "" && !isHex32(after)) {
    return answer(context, reject("usage", "after must be an event id: 64 lower-case hex digits"));
  }
  return answer(context, await reputationOf(context.env, listing).inputs(after));
});

function listingOf(text: string): string | Rejection {
  const shown = text.slice(0, 200);
  return isListingAddress(text) ? text : reject("usage", `a listing is named 30051:<key>:<name>, not ${shown}`);
}
