import type { Json } from "../core/json.ts";
import {
  escapeGlob,
  hostOfUrl,
  isGrantableHost,
  leastPermissions,
  normalizePath,
  normalizePermissions,
  type Permission,
  parsePermission,
  unsafePath,
} from "../core/permission.ts";
import { isRejection } from "../core/refusal.ts";
import { formatReference, parseTemplate } from "../core/wiring.ts";
import type { UpgradeManifest } from "../generated/types.ts";

/**
 * What the manifest declares, with inputs at `values`. An input in a path stands for that very path, in a host for its
 * URL's host; where it turns out to be the other (a repository is a URL or a folder) the entry stands for nothing.
 */
export function declaredPermissions(
  manifest: UpgradeManifest,
  values: Readonly<Record<string, Json>>,
): readonly Permission[] {
  return leastPermissions(
    normalizePermissions(manifest.permissions).flatMap((permission) => {
      const closed = withInputs(permission, values);
      return closed === null ? [] : [closed];
    }),
  );
}

function withInputs(permission: Permission, values: Readonly<Record<string, Json>>): Permission | null {
  const parsed = parsePermission(permission);
  if (parsed === null || !parsed.subject.includes("${")) return permission;
  const { kind, subject } = parsed;
  if (kind === "secret:use") {
    const [name, host] = subject.split("@");
    const closed = withInputs(`network:egress:${host}`, values);
    return closed === null ? null : closed.replace("network:egress:", `secret:use:${name}@`);
  }
  const parts = parseTemplate(subject);
  if (isRejection(parts)) return null;
  const isPath = kind === "filesystem:read" || kind === "filesystem:write";
  let open = false;
  const text = parts
    .map((part) => {
      if (typeof part === "string") return part;
      const value = part.root === "inputs" && Object.hasOwn(values, part.name) ? values[part.name] : undefined;
      open ||= value === undefined;
      if (value === undefined) return formatReference(part);
      return isPath ? escapeGlob(String(value)) : String(value).toLowerCase();
    })
    .join("");
  if (open) return permission;
  if (isPath) return unsafePath(text) === null ? `${kind}:${normalizePath(text)}` : null;
  const host = isGrantableHost(text) ? text : hostOfUrl(text);
  return host === null ? null : `${kind}:${host}`;
}
