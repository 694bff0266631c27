import { allows, named } from "../capability/scope.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { CapabilityScope } from "../generated/types.ts";

/**
 * Which scope of a capability token opens which route: the method, the path, and any one of the scopes. What stands
 * nowhere here is for the admin token alone: installing, approving, pairing, secrets, tokens and the kill switch are
 * the owner's own acts, and the log says so.
 */
const ROUTES: readonly (readonly [string, RegExp, readonly string[]])[] = [
  // An engine that joins asks whom it has joined.
  ["GET", /^\/v1\/worker$/, ["worker:read", "run:claim"]],
  ["GET", /^\/(v1\/doctor|openapi\.json)$/, ["worker:read"]],
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

const STARTS = ["run:start", "run:claim"] as const;
/** Nothing of the control API asks for these yet. */
const NOT_YET = ["rooms", "action_types", "read", "write"] as const;

/**
 * What a scope names that opens nothing, so that no token promises what is not kept; null: all of it does something.
 * Refusal: capability_scope_idle.
 */
export function refuseIdleScope(scope: CapabilityScope): Rejection | null {
  const idle = (message: string): Rejection => reject("capability_scope_idle", message);
  const api = named(scope, "api");
  if (api.length === 0) return idle("the token would open nothing: name a part of the control API, e.g. run:read");
  for (const item of api) {
    if (API_SCOPES.some((known) => allows({ api: [item] }, "api", known))) continue;
    return idle(`${item} opens nothing; there are ${API_SCOPES.join(", ")}`);
  }
  for (const dimension of NOT_YET) {
    const [item] = named(scope, dimension);
    if (item !== undefined) return idle(`no act through a token is held to ${dimension} (${item}) yet`);
  }
  const [tool] = named(scope, "tools");
  const [host] = named(scope, "egress_domains");
  const starts = STARTS.filter((known) => allows(scope, "api", known));
  if (starts.length === 0 && (tool ?? host) !== undefined) {
    return idle(`${tool ?? host} is for runs, and only ${STARTS.join(" and ")} start any`);
  }
  // Whoever names a whole part of the API may mean its other routes.
  const meant = starts.find((known) => api.includes(known));
  if (meant !== undefined && tool === undefined) return idle(`${meant} starts no run unless the token names its tools`);
  return null;
}
