import { type Permission, parsePermission } from "../core/permission.ts";

/**
 * Whether a run under `grant` could change files that `glob` matches, so that its own changes must not start it again.
 * True where it is not sure: a program it starts may write anywhere.
 */
export function mayChange(grant: readonly Permission[], glob: string): boolean {
  const watched = fixedPart(glob);
  return grant.some((permission) => {
    const parsed = parsePermission(permission);
    if (parsed?.kind === "process:spawn") return true;
    if (parsed?.kind !== "filesystem:write") return false;
    const written = fixedPart(parsed.subject);
    return isWithin(written, watched) || isWithin(watched, written);
  });
}

/** The folders before the first wildcard. */
function fixedPart(glob: string): string {
  const names = glob.split("/");
  const first = names.findIndex((name) => /[*?[\]{}]/.test(name.replace(/\\./g, "")));
  return names
    .slice(0, first === -1 ? names.length : first)
    .join("/")
    .replace(/\\(.)/g, "$1");
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
