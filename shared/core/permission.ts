import type { UpgradePermissions } from "../generated/types.ts";
import { globCovers, matchGlob } from "./glob.ts";
import { sha256Hex } from "./hash.ts";
import { canonicalize } from "./json.ts";

/**
 * A permission in canonical text: `filesystem:read:<glob>`, `filesystem:write:<glob>`, `network:egress:<host[:port]>`,
 * `tool:invoke:<name>`, `event:publish:<kind>`, `env:read:<NAME>`, `secret:use:<NAME>@<host[:port]>`,
 * `wallet:spend:<sats>/<period>`, `state:keep:<mebibytes>`, `process:spawn`.
 */
export type Permission = string;

export type PermissionKind =
  | "filesystem:read"
  | "filesystem:write"
  | "network:egress"
  | "tool:invoke"
  | "event:publish"
  | "env:read"
  | "secret:use"
  | "wallet:spend"
  | "state:keep"
  | "process:spawn";

const KINDS: readonly PermissionKind[] = [
  "filesystem:read",
  "filesystem:write",
  "network:egress",
  "tool:invoke",
  "event:publish",
  "env:read",
  "secret:use",
  "wallet:spend",
  "state:keep",
  "process:spawn",
];

/** Kind and subject of a permission, the subject empty for `process:spawn`; null for text that is no permission. */
export function parsePermission(
  permission: Permission,
): { readonly kind: PermissionKind; readonly subject: string } | null {
  for (const kind of KINDS) {
    if (!permission.startsWith(kind) || (permission[kind.length] ?? ":") !== ":") continue;
    const subject = permission.slice(kind.length + 1);
    return (subject === "") === (kind === "process:spawn") ? { kind, subject } : null;
  }
  return null;
}

/** A manifest's `permissions` object as canonical text, sorted and unique. */
export function normalizePermissions(declared: UpgradePermissions | undefined): readonly Permission[] {
  if (declared === undefined) return [];
  const files = (declared.filesystem ?? []).flatMap((entry) => {
    const { path, access } = typeof entry === "string" ? { path: entry, access: "read_write" } : entry;
    const glob = normalizePath(path);
    return [
      ...(access === "write" ? [] : [`filesystem:read:${glob}`]),
      ...(access === "read" ? [] : [`filesystem:write:${glob}`]),
    ];
  });
  return sortPermissions([
    ...files,
    ...(declared.network ?? []).map((host) => `network:egress:${host.toLowerCase()}`),
    ...(declared.tools ?? []).map((name) => `tool:invoke:${name}`),
    ...(declared.events ?? []).map((kind) => `event:publish:${kind}`),
    ...(declared.env ?? []).map((name) => `env:read:${name}`),
    ...(declared.secrets ?? []).map(({ name, host }) => `secret:use:${name}@${host.toLowerCase()}`),
    ...(declared.spend === undefined ? [] : [`wallet:spend:${declared.spend.sats}/${declared.spend.period}`]),
    ...(declared.state_mb === undefined ? [] : [`state:keep:${declared.state_mb}`]),
    ...(declared.process === true ? ["process:spawn"] : []),
  ]);
}

/** Sorted by UTF-16 code units, each once: the order that is hashed and shown. */
export function sortPermissions(permissions: readonly Permission[]): readonly Permission[] {
  // Most that come here stand in that order already.
  return permissions.every((one, at) => at === 0 || (permissions[at - 1] ?? "") < one)
    ? permissions
    : [...new Set(permissions)].sort();
}

/** Without those that another one already covers. */
export function leastPermissions(permissions: readonly Permission[]): readonly Permission[] {
  const all = sortPermissions(permissions);
  return all.filter((one) => !all.some((other) => other !== one && permits([other], one) && !permits([one], other)));
}

/** `~` and `~/…` in filesystem permissions as absolute paths of the worker's home folder. */
export function expandHome(permissions: readonly Permission[], home: string): readonly Permission[] {
  return sortPermissions(
    permissions.map((permission) => {
      const [, kind, rest] = /^(filesystem:(?:read|write):)~(\/.*)?$/s.exec(permission) ?? [];
      return kind === undefined ? permission : `${kind}${escapeGlob(home.replace(/\/+$/, ""))}${rest ?? ""}`;
    }),
  );
}

/**
 * Whether what was granted allows what is needed. Paths: the needed glob lies wholly inside one granted glob. Hosts:
 * equal, or below a granted `*.example.com`, with the same port. Spending: not more, in the same period. Own state: not
 * more. The rest: equal.
 */
export function permits(granted: readonly Permission[], needed: Permission): boolean {
  const need = parsePermission(needed);
  if (need === null) return false;
  return granted.some((permission) => {
    const grant = permission.startsWith(need.kind) ? parsePermission(permission) : null;
    return grant !== null && grant.kind === need.kind && covers(need.kind, grant.subject, need.subject);
  });
}

function covers(kind: PermissionKind, granted: string, needed: string): boolean {
  switch (kind) {
    case "filesystem:read":
    case "filesystem:write":
      return granted === needed || pathCovers(granted, needed);
    case "network:egress":
      return granted === needed || (granted.startsWith("*.") && needed.endsWith(granted.slice(1)));
    case "wallet:spend": {
      const [most, period] = granted.split("/");
      const [sats, within] = needed.split("/");
      return period === within && Number(sats) <= Number(most);
    }
    case "state:keep":
      return Number(needed) <= Number(granted);
    case "tool:invoke":
    case "event:publish":
    case "env:read":
    case "secret:use":
    case "process:spawn":
      return granted === needed;
  }
}

/** Without wildcards on either side there is less to decide, and most sides have none. */
function pathCovers(granted: string, needed: string): boolean {
  const [grantedPath, neededPath] = [literalPath(granted), literalPath(needed)];
  if (neededPath !== null) return grantedPath === null ? matchGlob(granted, neededPath) : grantedPath === neededPath;
  return grantedPath === null && globCovers(granted, needed);
}

/** How much own state permissions grant, in mebibytes; 0: none. */
export function stateMebibytes(granted: readonly Permission[]): number {
  return granted.reduce((most, permission) => {
    const { kind, subject } = parsePermission(permission) ?? {};
    return kind === "state:keep" ? Math.max(most, Number(subject) || 0) : most;
  }, 0);
}

/** The one path a glob matches; null where it has wildcards. */
function literalPath(glob: string): string | null {
  return /(?<!\\)(?:\\\\)*[*?[{]/.test(glob) ? null : glob.replace(/\\(.)/gs, "$1");
}

/** SHA-256, in hex, of the canonical JSON of the sorted list: what a consent is bound to. */
export function permissionHash(permissions: readonly Permission[]): string {
  return sha256Hex(canonicalize(sortPermissions(permissions)));
}

/** A glob that matches exactly this path. */
export function escapeGlob(path: string): string {
  return path.replace(/[\\*?[\]{}!]/g, "\\$&");
}

/** Without doubled or trailing slashes and `.` segments. `..` is left, for the caller to refuse. */
export function normalizePath(path: string): string {
  const segments = path.split("/").filter((segment, index) => index === 0 || (segment !== "" && segment !== "."));
  return segments.join("/") || "/";
}

/**
 * Why a path or glob of a manifest is not acceptable, or null. It must be absolute or begin with `~/`, and have no `..`
 * segment, control character or other user's `~name`.
 */
export function unsafePath(path: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "contains a control character";
  if (/(?:^|[/{,])\.\.(?:$|[/},])/.test(path)) return 'contains ".."';
  if (!/^(?:~$|~\/|\/)/.test(path)) return "is neither absolute nor below ~/";
  return null;
}

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const HOST = new RegExp(`^(?:(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]+\\])(?::[1-9][0-9]{0,4})?$`);

/** Whether text is a host that can be granted: a name, an IP address, or `*.` before a name, with or without a port. */
export function isGrantableHost(host: string): boolean {
  return host.length <= 260 && HOST.test(host) && Number(/:(\d+)$/.exec(host)?.[1] ?? 0) <= 65535;
}

/** `host` or `host:port` of an absolute URL, the scheme's own port left out; null where there is none to be sure of. */
export function hostOfUrl(url: string): string | null {
  const [, scheme, authority] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\\]*)/i.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) return null;
  const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
  const own = DEFAULT_PORTS[scheme.toLowerCase()];
  const short = own !== undefined && host.endsWith(`:${own}`) ? host.slice(0, -own.length - 1) : host.replace(/:$/, "");
  return isGrantableHost(short) && !short.startsWith("*") ? short : null;
}

const DEFAULT_PORTS: Readonly<Record<string, string | undefined>> = {
  http: "80",
  ws: "80",
  https: "443",
  wss: "443",
  git: "9418",
  ssh: "22",
};
