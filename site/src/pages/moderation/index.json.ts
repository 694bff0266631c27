import type { APIRoute } from "astro";
import type { ModeratorIndex } from "../../browser/indexed.ts";
import { moderators, operator } from "../../catalog/moderation.ts";

/** Whom readers of this mirror may choose; the signed decisions of each are in a file of its key. */
export const GET: APIRoute = () => {
  const index: ModeratorIndex = { operator, moderators: moderators.map(({ pubkey, name }) => ({ pubkey, name })) };
  return new Response(JSON.stringify(index), { headers: { "Content-Type": "application/json" } });
};
