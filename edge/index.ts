import { answer } from "@oa/shared/api/answer.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { edgePublicKey } from "./adapters/edge-key.ts";
import { operatorOf } from "./adapters/operator.ts";
import { catalogOf, upstreamsOf } from "./addresses.ts";
import type { Env } from "./env.ts";
import { Catalog } from "./objects/catalog.ts";
import { Mailbox } from "./objects/mailbox.ts";
import { Moderation } from "./objects/moderation.ts";
import { Receipts } from "./objects/receipts.ts";
import { RelayDoor } from "./objects/relay-door.ts";
import { RelayShard } from "./objects/relay-shard.ts";
import { Reputation } from "./objects/reputation.ts";
import { Upstreams } from "./objects/upstreams.ts";
import { doorFor } from "./relay/doors.ts";
import { relayInformation } from "./relay/information.ts";
import { relayOf } from "./relay/whole.ts";
import { benchRoutes } from "./routes/bench.ts";
import { installRoutes } from "./routes/installs.ts";
import { listingRoutes } from "./routes/listings.ts";
import { MANAGEMENT_TYPE, manageRelay } from "./routes/management.ts";
import { listRoutes, moderationRoutes } from "./routes/moderation.ts";
import { openApi } from "./routes/openapi.ts";
import { receiptRoutes } from "./routes/receipts.ts";
import { reputationRoutes } from "./routes/reputation.ts";
import { siteRoutes } from "./routes/site.ts";
import { snapshotRoutes } from "./routes/snapshot.ts";
import { upstreamRoutes } from "./routes/upstreams.ts";
import { siteFile } from "./site.ts";
import { gonePage } from "./site-gone.ts";
import { boundsOf } from "./site-headers.ts";

const app = new Hono<{ Bindings: Env }>();

// Requests are authorised by signatures, never by cookies, so any page may ask.
app.use("/v1/*", cors({ origin: "*", allowHeaders: ["Authorization", "Content-Type"], maxAge: 86_400 }));

// What authors wrote is data: no browser may take an answer for a page or a script.
app.use("/v1/*", async (context, next) => {
  await next();
  context.header("X-Content-Type-Options", "nosniff");
});

/** One address, three answers: the relay to WebSockets, its information (NIP-11) to clients, the site to browsers. */
app.get("/", async (context) => {
  if (context.req.header("upgrade")?.toLowerCase() === "websocket")
    return doorFor(context.env, context.req.raw).fetch(context.req.raw);
  if (context.req.header("accept")?.includes("application/nostr+json")) {
    const keys = { self: edgePublicKey(context.env), operator: operatorOf(context.env) };
    return context.body(JSON.stringify(relayInformation(keys, await relayOf(context.env).settings())), 200, {
      "Content-Type": "application/nostr+json",
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "*",
      "Access-Control-Allow-Methods": "GET, OPTIONS",
    });
  }
  return site(context);
});
/** Its managers speak to it by HTTP (NIP-86). */
app.post("/", async (context) => {
  if (context.req.header("content-type")?.split(";")[0]?.trim() !== MANAGEMENT_TYPE) return context.notFound();
  context.header("Access-Control-Allow-Origin", "*");
  return manageRelay(context);
});
app.options("/", (context) =>
  context.body(null, 204, {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
  }),
);

app.get("/health", async (context) => context.json({ status: "ok", ...(await catalogOf(context.env).stats()) }));
app.get("/openapi.json", (context) => context.json(openApi(new URL(context.req.url).origin)));
app.route("/v1/listings", listingRoutes);
app.route("/v1/listings", reputationRoutes);
app.route("/v1/site", siteRoutes);
app.route("/v1/snapshot", snapshotRoutes);
app.route("/v1/upstreams", upstreamRoutes);
app.route("/v1/workers", installRoutes);
app.route("/v1/receipts", receiptRoutes);
app.route("/v1/moderation", moderationRoutes);
app.route("/v1/lists", listRoutes);
app.route("/bench", benchRoutes);
app.all("/v1/*", (context) => answer(context, reject("not_found", `there is no ${context.req.path}`)));
app.get("*", (context) => site(context));
app.notFound((context) =>
  answer(context, reject("not_found", `there is no ${context.req.method} ${context.req.path}`)),
);
app.onError((error, context) => {
  console.error(error);
  return answer(context, reject("internal", "the edge could not answer; its log says why"));
});

/** A file of the built site, where there is one. */
async function site(context: Context<{ Bindings: Env }>): Promise<Response> {
  const { SITE, ASSETS } = context.env;
  const gone = await gonePage(context.env, context.req.raw);
  if (gone !== null) return gone;
  const published = SITE === undefined ? null : await siteFile(SITE, context.req.raw);
  if (published !== null) return published;
  const file = await ASSETS?.fetch(context.req.raw);
  if (file !== undefined && file.status !== 404) return bounded(context.req.path, file);
  if (context.req.path !== "/") return file === undefined ? await context.notFound() : bounded(context.req.path, file);
  return context.text(
    "This is the edge of OpenAgents upgrades: a Nostr relay at this address and a catalog at /v1/listings.\n",
  );
}

/** A file that came with the deployment, in the same bounds as one that was published. */
function bounded(path: string, file: Response): Response {
  const headers = new Headers(file.headers);
  for (const [name, value] of Object.entries(boundsOf(path, headers.get("content-type") ?? "")))
    headers.set(name, value);
  return new Response(file.body, { status: file.status, headers });
}

// The runtime finds the Durable Object classes among the exports of this module.
export { Catalog, Mailbox, Moderation, Receipts, RelayDoor, RelayShard, Reputation, Upstreams };
/** Requests, and the schedule, which makes sure that pulling from other relays goes on. */
export default {
  fetch: app.fetch,
  scheduled: (_controller, env) => upstreamsOf(env).wake(),
} satisfies ExportedHandler<Env>;
