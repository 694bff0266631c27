import { OPS } from "../generated/ops.ts";
import type { OpDefinition } from "../generated/types.ts";

/** What the catalog says about an op, if there is such an op. */
export function opDefinition(op: string): OpDefinition | undefined {
  return Object.hasOwn(OPS, op) ? (OPS as Readonly<Record<string, OpDefinition>>)[op] : undefined;
}
