import type { APIRoute } from "astro";
import { eventsFor, moderators } from "../../catalog/moderation.ts";

export function getStaticPaths() {
  return moderators.map(({ pubkey }) => ({ params: { key: pubkey } }));
}

/** What a moderator and the curators that it names signed, for browsers of those who choose it. */
export const GET: APIRoute = ({ params }) =>
  new Response(JSON.stringify({ events: eventsFor(params.key ?? "") }), {
    headers: { "Content-Type": "application/json" },
  });
