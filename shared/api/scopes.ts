/**
 * Which scope of a capability token opens which route: the method, the path, and any one of the scopes. What stands
 * nowhere here is for the admin token alone: installing, approving, pairing, secrets, tokens and the kill switch are
 * the owner's own acts, and the log says so.
 */
const ROUTES: readonly (readonly [string, RegExp, readonly string[]])[] = [
  // An engine that joins asks whom it has joined.
  ["GET", /^\/v1\/worker$/, ["worker:read", "run:claim"]],
  ["GET", /^\/v1\/doctor$/, ["worker:read"]],
  ["GET", /^\/metrics$/, ["metric:read"]],
  ["GET", /^\/v1\/installs(\/[^/]+(\/diff)?)?$/, ["install:read"]],
  ["GET", /^\/v1\/runs(\/[^/]+(\/steps)?)?$/, ["run:read"]],
  ["GET", /^\/v1\/events$/, ["event:read"]],
  ["GET", /^\/v1\/market(\/[^/]+)?$/, ["market:read"]],
  ["POST", /^\/v1\/search$/, ["search:read"]],
  ["GET", /^\/v1\/schedule$/, ["schedule:read"]],
  ["GET", /^\/v1\/audit$/, ["audit:read"]],
  ["GET", /^\/v1\/policy$/, ["policy:read"]],
  ["GET", /^\/v1\/policy\/(kill-switch|installs\/[^/]+)$/, ["policy:read"]],
  ["POST", /^\/v1\/policy\/evaluate$/, ["policy:read"]],
  ["GET", /^\/v1\/approvals(\/[^/]+)?$/, ["approval:read"]],
  ["POST", /^\/v1\/runs$/, ["run:start"]],
  ["POST", /^\/v1\/runs\/[^/]+\/(cancel|pause|resume)$/, ["run:control"]],
  ["POST", /^\/v1\/runs\/claim$/, ["run:claim"]],
  ["POST", /^\/v1\/runs\/[^/]+\/(lease\/(heartbeat|release)|start|steps|complete|fail)$/, ["run:claim"]],
];

/** Scopes any one of which opens a route; none: it is for the admin token alone. */
export function scopesOf(method: string, path: string): readonly string[] {
  const verb = method === "HEAD" ? "GET" : method;
  return ROUTES.find(([known, pattern]) => known === verb && pattern.test(path))?.[2] ?? [];
}

/** Every scope that opens something. */
export const API_SCOPES: readonly string[] = [...new Set(ROUTES.flatMap(([, , scopes]) => scopes))].sort();
