import { type Permission, parsePermission, permits, sortPermissions } from "../core/permission.ts";
import { opDefinition } from "./op-definition.ts";

/** A permission in plain words, as the owner reads it before agreeing. */
export function sentenceOf(permission: Permission): string {
  const parsed = parsePermission(permission);
  if (parsed === null) return `Unknown permission ${permission}: it grants nothing.`;
  const { kind, subject } = parsed;
  switch (kind) {
    case "filesystem:read":
      return `Read ${placeOf(subject)}.`;
    case "filesystem:write":
      return `Create, change and delete ${placeOf(subject)}.`;
    case "network:egress":
      return subject.startsWith("*.")
        ? `Connect to any host below ${subject.slice(2)}.`
        : `Connect to ${subject.startsWith("${") ? `the host of ${subject}` : subject}.`;
    case "tool:invoke": {
      const definition = opDefinition(subject);
      return definition === undefined
        ? `Use the tool ${subject}.`
        : `Use ${subject}: ${lowerFirst(definition.description)}`;
    }
    case "event:publish":
      return `Publish Nostr events of kind ${subject}${subject === "1" ? " (public notes)" : ""} in this worker's name.`;
    case "env:read":
      return `Read the environment variable ${subject}, which may hold a secret.`;
    case "secret:use": {
      const [name, host] = subject.split("@");
      const where = host?.startsWith("${") ? `the host of ${host}` : host;
      return `Send your secret ${name} to ${where}, and nowhere else; it never sees the value.`;
    }
    case "wallet:spend": {
      const [sats, period] = subject.split("/");
      return `Spend up to ${sats} sats a ${period} from this worker's wallet.`;
    }
    case "state:keep":
      return `Keep its own state on this computer (up to ${subject} MB), which no other upgrade can read.`;
    case "process:spawn":
      return "Start other programs on this computer.";
  }
}

/** What changes for the owner between two permission sets; each side lists what the other does not allow. */
export interface PermissionDiff {
  /** Newly allowed: only this asks again. */
  readonly widened: readonly Permission[];
  /** No longer allowed. */
  readonly narrowed: readonly Permission[];
  /** Whether the texts differ at all, even where they allow the same. */
  readonly changed: boolean;
}

export function diffPermissions(before: readonly Permission[], after: readonly Permission[]): PermissionDiff {
  const old = sortPermissions(before);
  const now = sortPermissions(after);
  return {
    widened: now.filter((permission) => !permits(old, permission)),
    narrowed: old.filter((permission) => !permits(now, permission)),
    changed: old.join("\n") !== now.join("\n"),
  };
}

function placeOf(glob: string): string {
  if (glob === "/**" || glob === "~/**")
    return `EVERYTHING in ${glob === "/**" ? "the whole file system" : "your home folder"}`;
  const tree = glob.endsWith("/**") ? glob.slice(0, -3) : null;
  if (tree !== null && !/(?<!\\)[*?[{]/.test(tree.replaceAll("${", ""))) return `everything in ${unescaped(tree)}`;
  return /(?<!\\)[*?[{]/.test(glob.replaceAll("${", "")) ? `files that match ${glob}` : `the file ${unescaped(glob)}`;
}

function unescaped(glob: string): string {
  return glob.replace(/\\(.)/g, "$1");
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
