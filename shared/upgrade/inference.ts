import type { Json } from "../core/json.ts";
import { belowOwnState, OWN_STATE } from "../core/own-state.ts";
import { escapeGlob, hostOfUrl, normalizePath, type Permission, unsafePath } from "../core/permission.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { formatReference, parseTemplate, type TemplatePart, templatesOf } from "../core/wiring.ts";
import type { OpDefinition, OpPermission } from "../generated/types.ts";

/** What state of any size needs; how much there may be is the manifest's to say. */
const STATE_MB_MIN = 1;

/** What a step needs, or why what it names cannot be granted at all. `param` is the parameter the answer is about. */
export interface Need {
  readonly param: string;
  readonly permission: Permission | Rejection;
}

/**
 * The least permissions of one step, from what its op declares and the parameters it has; `params` hold templates.
 * References that are not yet known stay as text in the permission (`network:egress:${inputs.url}`), except
 * `${run.id}` in a path, which is one name: `*`. Refusals: path_unsafe, host_invalid, secret_misplaced, state_misplaced.
 */
export function neededBy(definition: OpDefinition, params: Readonly<Record<string, Json>>): readonly Need[] {
  const needs: Need[] = [{ param: "op", permission: `tool:invoke:${definition.op}` }];
  for (const rule of definition.permissions) {
    const value = Object.hasOwn(params, rule.param) ? params[rule.param] : undefined;
    if (value === undefined || value === null) continue;
    for (const permission of permissionsFor(rule, value)) needs.push({ param: rule.param, permission });
  }
  return [...needs, ...secretNeeds(params, needs)];
}

/** Every secret that the parameters refer to, to every host the step connects to, which must be known before it runs. */
function secretNeeds(params: Readonly<Record<string, Json>>, needs: readonly Need[]): readonly Need[] {
  return Object.entries(params).flatMap(([param, value]) => {
    if (typeof value === "string" && !value.includes("${")) return [];
    const names = new Set(
      [...templatesOf(value)].flatMap(({ text }) => {
        const parts = parseTemplate(text);
        if (isRejection(parts)) return [];
        return parts.flatMap((part) => (typeof part !== "string" && part.root === "secrets" ? [part.name] : []));
      }),
    );
    return [...names].flatMap((name) =>
      needs.flatMap(({ permission }): readonly Need[] => {
        if (typeof permission !== "string" || !permission.startsWith("network:egress:")) return [];
        const host = permission.slice("network:egress:".length);
        if (!/\$\{(?!inputs\.)/.test(host)) return [{ param, permission: `secret:use:${name}@${host}` }];
        const sentence = `the secret ${name} would be sent to a host that is known only while it runs (${host})`;
        return [{ param, permission: reject("secret_misplaced", sentence) }];
      }),
    );
  });
}

/** Whether a permission still holds a reference: it says what will be needed, and grants nothing. */
export function isOpen(permission: Permission): boolean {
  return permission.includes("${");
}

function permissionsFor(rule: OpPermission, value: Json): readonly (Permission | Rejection)[] {
  if (Array.isArray(value)) return value.flatMap((item: Json) => permissionsFor(rule, item));
  if (rule.kind === "process:spawn") return [rule.kind];
  if (typeof value !== "string") {
    return [rule.kind === "wallet:spend" ? `${rule.kind}:${String(value)}/run` : `${rule.kind}:${String(value)}`];
  }
  const parts = parseTemplate(value);
  if (isRejection(parts)) return []; // reported where references are checked
  switch (rule.as) {
    case "path":
      return [statePermission(parts) ?? pathPermission(rule.kind, parts, "")];
    case "tree":
      return [statePermission(parts) ?? pathPermission(rule.kind, parts, "/**")];
    case "url":
      return [hostPermission(rule.kind, parts)];
    case "git_source":
      return gitPermissions(parts);
    case "value":
      return [`${rule.kind}:${parts.map(partText).join("")}${rule.kind === "wallet:spend" ? "/run" : ""}`];
  }
}

/** What lies in the upgrade's own state needs room for it, and nothing of the owner's; null for a path elsewhere. */
function statePermission(parts: readonly TemplatePart[]): Permission | Rejection | null {
  const text = parts.map((part) => (typeof part === "string" ? part : isState(part) ? OWN_STATE : "x")).join("");
  const below = belowOwnState(text);
  if (parts.slice(below === null ? 0 : 1).some(isState)) {
    const written = JSON.stringify(parts.map(partText).join(""));
    return reject("state_misplaced", `the path ${written} must be \${install.state}, or begin with \${install.state}/`);
  }
  if (below === null) return null;
  const unsafe = unsafePath(below === "" ? "/" : below);
  if (unsafe !== null) return reject("path_unsafe", `the path ${JSON.stringify(text)} ${unsafe}`);
  return `state:keep:${STATE_MB_MIN}`;
}

function isState(part: TemplatePart): boolean {
  return typeof part !== "string" && part.root === "install";
}

function pathPermission(
  kind: OpPermission["kind"],
  parts: readonly TemplatePart[],
  below: string,
): Permission | Rejection {
  const [first] = parts;
  const literal = parts.map((part) => (typeof part === "string" ? part : "x")).join("");
  // What a leading reference stands for is checked once it is known; what follows it is a path below.
  const unsafe = unsafePath(typeof first === "string" ? literal : `/${literal}`);
  if (unsafe !== null)
    return reject("path_unsafe", `the path ${JSON.stringify(parts.map(partText).join(""))} ${unsafe}`);
  const glob = parts.map((part) => {
    if (typeof part === "string") return escapeGlob(part);
    return part.root === "run" ? "*" : formatReference(part);
  });
  const path = normalizePath(glob.join(""));
  return `${kind}:${path === "/" && below !== "" ? below : path + below}`;
}

function hostPermission(kind: OpPermission["kind"], parts: readonly TemplatePart[]): Permission | Rejection {
  const text = parts.map(partText).join("");
  const [first] = parts;
  if (typeof first === "string") {
    // The host is certain once the authority ends before the first reference.
    const certain = parts.length === 1 || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]*[/?#]/i.test(first);
    const host = certain ? hostOfUrl(first) : null;
    if (certain) {
      return host === null
        ? reject("host_invalid", `${JSON.stringify(text)} names no host that can be granted`)
        : `${kind}:${host}`;
    }
  }
  return `${kind}:${text.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "").replace(/(?<=\})[/?#].*$/, "")}`;
}

/** A git source is a URL, `user@host:path`, or a folder of this machine; unknown, it may be either. */
function gitPermissions(parts: readonly TemplatePart[]): readonly (Permission | Rejection)[] {
  const [first] = parts;
  if (typeof first !== "string") {
    return [pathPermission("filesystem:read", parts, "/**"), hostPermission("network:egress", parts)];
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(first)) {
    if (!/^file:\/\//i.test(first)) return [hostPermission("network:egress", parts)];
    return [reject("path_unsafe", `name the repository by its path, not as ${JSON.stringify(first)}`)];
  }
  const [, host] = /^(?:[^@/\s]+@)([^:/\s]+):/.exec(first) ?? [];
  if (host !== undefined) return [hostPermission("network:egress", [`ssh://${host}/`])];
  return [pathPermission("filesystem:read", parts, "/**")];
}

function partText(part: TemplatePart): string {
  return typeof part === "string" ? part : formatReference(part);
}
