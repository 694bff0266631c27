import type { Json } from "../core/json.ts";
import { expandHome, hostOfUrl, type Permission, permits } from "../core/permission.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { escapeTemplates } from "../core/wiring.ts";
import type { RevokedPermission } from "../generated/types.ts";
import { isOpen, neededBy } from "./inference.ts";
import { opDefinition } from "./op-definition.ts";

/** A step of a plan, or as it was performed. */
export interface UsingStep {
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a planned step needs as far as that is known before it runs, home folder expanded. */
export function plannedNeeds({ op, params }: UsingStep, home: string): readonly Permission[] {
  const definition = opDefinition(op);
  if (definition === undefined) return [];
  const needs = neededBy(definition, params as Readonly<Record<string, Json>>).map(({ permission }) => permission);
  const known = needs.filter((permission) => !isRejection(permission) && !isOpen(permission));
  return expandHome(known as readonly Permission[], home);
}

/** What a step needed with the values it was performed with: text of a value is text, whatever it looks like. */
export function performedNeeds(step: UsingStep, home: string): readonly Permission[] {
  const params = escapeTemplates(step.params as Json);
  const needs = plannedNeeds({ op: step.op, params: params as Readonly<Record<string, unknown>> }, home);
  // A secret stands in them by its name alone, as the manifest wrote it.
  const secrets = JSON.stringify(step.params).matchAll(/\$\{secrets\.([A-Za-z][A-Za-z0-9_]{0,63})\}/g);
  const hosts = needs.flatMap((need) => (need.startsWith("network:egress:") ? [need.slice(15)] : []));
  return [...needs, ...[...secrets].flatMap(([, name]) => hosts.map((host) => `secret:use:${name}@${host}`))];
}

/** Refusal: permission_revoked, for what is needed, not granted, and was taken away by the owner: with the way back. */
export function refuseRevoked(
  needs: readonly Permission[],
  held: {
    readonly grant: readonly Permission[];
    readonly revoked: readonly RevokedPermission[];
    readonly install_id: string | null;
  },
): Rejection | null {
  for (const need of needs) {
    if (permits(held.grant, need)) continue;
    const taken = held.revoked.find(({ granted }) => permits([granted], need));
    if (taken === undefined) continue;
    const back = `oa installs narrow ${held.install_id ?? "INSTALL"} --restore '${taken.permission}'`;
    const message = `it needs ${need}, which you took away with ${taken.permission}; give it back with: ${back}`;
    return reject("permission_revoked", message, { needs: need, revoked: taken.permission });
  }
  return null;
}

/** One run that ended well: what its steps were performed with, and gave; null: that was deleted. */
export type UsingRun = readonly (UsingStep & { readonly result: Readonly<Record<string, unknown>> })[] | null;

/** Which permissions of a grant were used by runs, and which never were. */
export interface PermissionUse {
  /** Runs that could be looked at. */
  readonly runs: number;
  readonly used: readonly { readonly permission: Permission; readonly runs: number }[];
  readonly unused: readonly Permission[];
}

/** Derived from what was recorded of each step. A run whose values were deleted says nothing, and counts for nothing. */
export function permissionUse(grant: readonly Permission[], runs: readonly UsingRun[], home: string): PermissionUse {
  const counts = new Map(grant.map((permission) => [permission, 0]));
  let looked_at = 0;
  for (const steps of runs) {
    if (steps === null) continue;
    looked_at += 1;
    const needs = new Set(steps.flatMap((step) => [...performedNeeds(step, home), ...reached(step.result)]));
    for (const permission of grant) {
      // What a step searches may be wider than one pattern: whatever lies in either counts as used.
      const touched = [...needs].some((need) => permits([permission], need) || permits([need], permission));
      if (touched) counts.set(permission, (counts.get(permission) ?? 0) + 1);
    }
  }
  const used = [...counts].filter(([, count]) => count > 0).map(([permission, count]) => ({ permission, runs: count }));
  const unused = [...counts].filter(([, count]) => count === 0).map(([permission]) => permission);
  return { runs: looked_at, used, unused };
}

/** Where an answer came from after redirects, and which relays took an event. */
function reached(result: Readonly<Record<string, unknown>>): readonly Permission[] {
  const { url, accepted } = result;
  const urls = [...(typeof url === "string" ? [url] : []), ...(Array.isArray(accepted) ? accepted.map(String) : [])];
  return urls.flatMap((text) => {
    const host = hostOfUrl(text);
    return host === null ? [] : [`network:egress:${host}`];
  });
}
