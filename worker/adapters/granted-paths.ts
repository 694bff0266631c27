import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { globCovers, matchGlob } from "@oa/shared/core/glob.ts";
import { escapeGlob, type Permission } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { fileFault } from "./file-faults.ts";

type Access = "read" | "write";

/** The file permissions of a grant, over paths whose links are resolved. */
export interface GrantedPaths {
  /** The resolved path, or a `Fault` path_not_granted. What does not exist yet resolves to where it would be. */
  readonly check: (path: string, access: Access) => string;
  /** The resolved path of a folder, everything below it granted; a `Fault` path_not_granted where some of it is not. */
  readonly folder: (path: string, access: Access) => string;
  /** A folder to list: `patterns` is null where everything below it may be read, else what each file must match. */
  readonly tree: (path: string) => { readonly root: string; readonly patterns: readonly string[] | null };
}

interface Granted {
  readonly access: Access;
  /** The part of the pattern before its first wildcard, resolved. */
  readonly root: string;
  readonly pattern: string;
  /** Whether it names one path, without a wildcard. */
  readonly exact: boolean;
}

/**
 * Resolves the links in each granted root, once: they are the owner's choice. A link that the same grant could have
 * written is not, so a root that leads through one grants nothing. `hidden`: the worker's own folder, of which no grant
 * opens more than what runs make there for their owner.
 */
export function grantedPaths(grant: readonly Permission[], home: string, hidden: string | null = null): GrantedPaths {
  const granted: Granted[] = [];
  const written = grant.flatMap((permission) => split(permission, home));
  for (const { access, literal, rest } of written.sort((a, b) => a.literal.length - b.literal.length)) {
    const root = resolveRoot(literal, granted);
    if (root === null) continue;
    const escaped = root === "/" ? "" : escapeGlob(root);
    granted.push({ access, root, exact: rest === "", pattern: rest === "" ? escaped || "/" : `${escaped}/${rest}` });
  }
  const matches = (path: string, access: Access): boolean =>
    !isHidden(path, hidden) && granted.some((one) => one.access === access && matchGlob(one.pattern, path));
  const isWhole = (root: string, access: Access): boolean => {
    const below = `${root === "/" ? "" : escapeGlob(root)}/**`;
    return granted.some((one) => one.access === access && globCovers(one.pattern, below));
  };
  return {
    folder: (path, access) => {
      const root = resolveLinks(path, access);
      // A program that is shown a folder sees all of it.
      const holds = [hidden, PROCESSES].some((closed) => closed !== null && isWithin(closed, root));
      if (holds || isHidden(root, hidden) || !isWhole(root, access)) throw notGranted(path, root, access);
      return root;
    },
    check: (path, access) => {
      const real = resolveLinks(path, access);
      if (!matches(real, access)) throw notGranted(path, real, access);
      return real;
    },
    tree: (path) => {
      const root = resolveLinks(path, "read");
      if (isHidden(root, hidden)) throw notGranted(path, root, "read");
      if (isWhole(root, "read")) return { root, patterns: null };
      const partly = granted.filter((one) => one.access === "read" && !one.exact && isWithin(root, one.root));
      if (partly.length === 0) throw notGranted(path, root, "read");
      return { root, patterns: partly.map(({ pattern }) => pattern) };
    },
  };
}

/** What of the worker's own folder belongs to its owner: clones and sites that runs made. */
const SHOWN = ["clones", "sites"];

/** Where Linux shows the insides of processes as if they were files: the worker's own environment and memory, too. */
const PROCESSES = "/proc";
const OF_A_PROCESS = new RegExp(`^${PROCESSES}/[0-9]+(/|$)`);

/**
 * Whether a path without links lies in what no grant opens: the worker's keys, secrets, log, the state of others, and
 * the insides of processes, which are no files.
 */
export function isHidden(path: string, hidden: string | null): boolean {
  if (OF_A_PROCESS.test(path)) return true;
  if (hidden === null || !isWithin(path, hidden)) return false;
  const [first = ""] = path.slice(hidden.length + 1).split("/");
  return !SHOWN.includes(first);
}

function notGranted(path: string, real: string, access: Access): Fault {
  const which = real === path ? `"${path}" is` : `"${path}" leads to "${real}", which is`;
  return new Fault("path_not_granted", `${which} outside what may be ${access === "read" ? "read" : "written"}`);
}

function split(
  permission: Permission,
  home: string,
): readonly { readonly access: Access; readonly literal: string; readonly rest: string }[] {
  const parts = /^filesystem:(read|write):(.+)$/s.exec(permission);
  if (parts === null) return [];
  const pattern = (parts[2] ?? "").replace(/^~(?=\/|$)/, () => escapeGlob(home));
  if (!pattern.startsWith("/")) return [];
  const names = pattern.split("/").slice(1);
  const first = names.findIndex((name) => /[*?[\]{}]/.test(name.replace(/\\./g, "")));
  const cut = first === -1 ? names.length : first;
  const literal = names.slice(0, cut).filter((name) => name !== "");
  return [
    {
      access: parts[1] === "write" ? "write" : "read",
      literal: `/${literal.map((name) => name.replace(/\\(.)/g, "$1")).join("/")}`,
      rest: names.slice(cut).join("/"),
    },
  ];
}

function isWithin(path: string, root: string): boolean {
  return path === root || root === "/" || path.startsWith(`${root}/`);
}

/**
 * Null where the way leads through a link that an earlier, shorter part of the same grant could have made, or through
 * what cannot be looked at: such a root grants nothing.
 */
function resolveRoot(literal: string, granted: readonly Granted[]): string | null {
  let real = "/";
  for (const name of literal.split("/")) {
    if (name === "") continue;
    const next = real === "/" ? `/${name}` : `${real}/${name}`;
    try {
      if (lstatSync(next, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
        if (granted.some((one) => one.access === "write" && matchGlob(one.pattern, next))) return null;
      }
      real = resolveLinks(next, "read");
    } catch (error) {
      if (["file_access", "path_linked", "not_found"].includes(fileFault(error, "read", next).code)) return null;
      throw error;
    }
  }
  return real;
}

/** Resolves links and, on macOS, the case and Unicode form of names as they are stored. */
function resolveLinks(path: string, access: Access): string {
  let missing = "";
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      const real = realpathSync.native(existing);
      return missing === "" ? real : `${real === "/" ? "" : real}${missing}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || existing === "/") throw fileFault(error, access, path);
      // What a link to nothing leads to may be there a moment later, wherever that is.
      if (lstatSync(existing, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
        throw new Fault("path_linked", `"${path}" leads nowhere: "${existing}" is a link to what is not there`);
      }
      missing = `/${existing.slice(existing.lastIndexOf("/") + 1)}${missing}`;
    }
  }
}
