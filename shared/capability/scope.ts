import { permits } from "../core/permission.ts";
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
      return permits([`network:egress:${whole}`], `network:egress:${item}`);
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
