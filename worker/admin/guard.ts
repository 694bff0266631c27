import { createHash, timingSafeEqual } from "node:crypto";
import { type Actor, OWNER, setActor } from "@oa/shared/api/actor.ts";
import { answer } from "@oa/shared/api/answer.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { Hono, type HonoRequest } from "hono";

/** Who may use the control API from outside this process. */
export interface GuardOptions {
  /** The port the server listens on; the Host header must name it. */
  readonly port: () => number;
  readonly token: string;
  /** Whose a capability token is, where it opens a route. Absent: none does. */
  readonly authorize?: (token: string, method: string, path: string) => Actor | Rejection;
}

/**
 * The control API behind the checks that every request from outside passes: it names this host (a rebound DNS name
 * does not), it comes from no other website, and it carries the admin token, or a capability token for the route, whose
 * principal then acts. Only `/health` needs no token, and it tells nothing. No CORS header is ever sent, and nothing is cached.
 */
export function guardedApp(api: Hono, options: GuardOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const refusal =
      checkHost(context.req.header("host"), options.port()) ??
      checkOrigin(context.req.header("origin"), context.req.header("sec-fetch-site"), options.port());
    const whose = (): Actor | Rejection => (context.req.path === "/health" ? OWNER : checkToken(context.req, options));
    const actor = refusal ?? whose();
    if (isRejection(actor)) context.res = answer(context, actor);
    else {
      setActor(context, actor, () => {
        const now = whose();
        return isRejection(now) ? now : null;
      });
      await next();
    }
    context.header("Cache-Control", "no-store");
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Cross-Origin-Resource-Policy", "same-origin");
  });
  app.route("/", api);
  app.notFound((context) => api.fetch(context.req.raw));
  return app;
}

function ownHosts(port: number): readonly string[] {
  return [`127.0.0.1:${port}`, `localhost:${port}`];
}

function checkHost(host: string | undefined, port: number): Rejection | null {
  if (host !== undefined && ownHosts(port).includes(host.toLowerCase())) return null;
  return reject("host_not_allowed", `this server answers only as 127.0.0.1:${port}`);
}

/** A browser names the page a request comes from; whatever is not a browser may leave it out. */
function checkOrigin(origin: string | undefined, site: string | undefined, port: number): Rejection | null {
  const own = origin === undefined || ownHosts(port).some((host) => origin === `http://${host}`);
  if (own && (site === undefined || site === "same-origin" || site === "none")) return null;
  return reject("origin_not_allowed", "requests from other websites are refused");
}

function checkToken(request: HonoRequest, { token, authorize }: GuardOptions): Actor | Rejection {
  const [, given] = /^Bearer ([A-Za-z0-9_.-]{1,8000})$/i.exec(request.header("authorization") ?? "") ?? [];
  // Digests have one length, so the comparison takes the same time whatever was sent.
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (given !== undefined && timingSafeEqual(digest(given), digest(token))) return OWNER;
  if (given?.startsWith("oat1.") && authorize !== undefined) return authorize(given, request.method, request.path);
  return reject("token_invalid", "send the admin token of the worker's data folder as Authorization: Bearer …");
}
