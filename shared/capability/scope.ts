import { type Permission, parsePermission, permits } from "../core/permission.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { CapabilityScope } from "../generated/types.ts";

type Dimension = Exclude<keyof CapabilityScope, "data_access"> | "read" | "write";
export const DIMENSIONS: readonly Dimension[] = [
  ...(["api", "rooms", "tools", "egress_domains", "action_types", "read", "write"] as const),
];

/** What a scope names in one respect. */
export function named(scope: CapabilityScope, dimension: Dimension): readonly string[] {
  if (dimension === "read" || dimension === "write") return scope.data_access?.[dimension] ?? [];
  return scope[dimension] ?? [];
}

/** Whether everything that `item` stands for is part of what `whole` stands for. */
function within(dimension: Dimension, whole: string, item: string): boolean {
  if (whole === item) return true;
  switch (dimension) {
    case "api": {
      const [parts, of] = [whole.split(":"), item.split(":")];
      return parts.length === of.length && parts.every((part, index) => part === "*" || part === of[index]);
    }
    case "egress_domains":
      return whole === "*" || permits([`network:egress:${whole}`], `network:egress:${item}`);
    case "tools":
      return whole === "*" || (/^[^*]+\/\*$/.test(whole) && item.startsWith(whole.slice(0, -1)));
    case "action_types":
      return false;
    default:
      return whole === "*";
  }
}

/** Whether the scope lets one thing be done, e.g. `api` `run:read`. What is not named is not allowed. */
export function allows(scope: CapabilityScope, dimension: Dimension, item: string): boolean {
  return named(scope, dimension).some((whole) => within(dimension, whole, item));
}

/** What of a scope goes beyond another, as `dimension item`; empty: it is as narrow or narrower. */
export function beyond(parent: CapabilityScope, child: CapabilityScope): readonly string[] {
  return DIMENSIONS.flatMap((dimension) =>
    named(child, dimension)
      .filter((item) => !allows(parent, dimension, item))
      .map((item) => `${dimension} ${item}`),
  );
}

/** What is left of a parent's scope: of what the child names, that which the parent allows, and nothing else. */
export function narrowed(parent: CapabilityScope, child: CapabilityScope): CapabilityScope {
  const kept = (dimension: Dimension) => named(child, dimension).filter((item) => allows(parent, dimension, item));
  const [read, write] = [kept("read"), kept("write")];
  return {
    ...{ api: kept("api"), rooms: kept("rooms"), tools: kept("tools"), egress_domains: kept("egress_domains") },
    action_types: (child.action_types ?? []).filter((item) => allows(parent, "action_types", item)),
    data_access: { read, write },
  };
}

/**
 * Whether a scope has room for a run: every op of it among the tools, every host that it was granted among the hosts;
 * null: it has. Refusal: capability_scope_not_allowed.
 */
export function refuseRun(
  scope: CapabilityScope,
  run: { readonly steps: readonly { readonly op: string }[]; readonly grant: readonly Permission[] },
): Rejection | null {
  const tools = run.steps.map(({ op }) => op).filter((op) => !allows(scope, "tools", op));
  const hosts = run.grant.flatMap((permission) => {
    const { kind, subject = "" } = parsePermission(permission) ?? {};
    return kind === "network:egress" && !allows(scope, "egress_domains", subject) ? [subject] : [];
  });
  if (tools.length + hosts.length === 0) return null;
  const unnamed = [...new Set([...tools.map((op) => `the tool ${op}`), ...hosts.map((host) => `the host ${host}`)])];
  return reject("capability_scope_not_allowed", `the token does not name ${unnamed.slice(0, 5).join(", ")}`);
}
