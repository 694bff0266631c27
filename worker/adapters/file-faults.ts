import { Fault } from "@oa/shared/core/refusal.ts";

/** The system's error as a `Fault` with a sentence an owner can act on; a `Fault` passes as it is. */
export function fileFault(error: unknown, action: "read" | "write", path: string): Fault {
  if (error instanceof Fault) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const options = { cause: error };
  switch (code) {
    case "ENOENT":
      return new Fault("not_found", `"${path}" does not exist`, options);
    case "ELOOP":
      return new Fault("path_linked", `"${path}" is a link, or became one while it was being opened`, options);
    case "ENOTDIR":
      return new Fault("not_found", `"${path}" does not exist: a part of it is not a folder`, options);
    case "EISDIR":
      return new Fault("path_not_regular", `"${path}" is a folder, not a file`, options);
    case "ENAMETOOLONG":
      return new Fault("path_invalid", `"${path.slice(0, 80)}…" is longer than the system allows`, options);
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new Fault("disk_full", `there is no room to write "${path}": nothing was changed`, {
        ...options,
        retryable: true,
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new Fault("file_access", `the system does not let this user ${action} "${path}" (${code})`, options);
    default:
      return new Fault("file_access", `could not ${action} "${path}": ${messageOf(error)}`, {
        ...options,
        retryable: true,
      });
  }
}

/** Whether a name is git's folder on any file system: case, ignorable characters and trailing dots do not hide it. */
export function isGitFolder(name: string): boolean {
  const visible = name.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  return visible.replace(/[. ]+$/, "").toLowerCase() === ".git";
}

/** The absolute, normal form of a written path, links not yet resolved. Faults: path_invalid. */
export function lexicalPath(path: string, home: string): string {
  const refuse = (why: string): never => {
    throw new Fault("path_invalid", `the path ${JSON.stringify(path.slice(0, 200))} ${why}`);
  };
  if (path.includes("\0")) refuse("holds a NUL character");
  const absolute = path === "~" || path.startsWith("~/") ? home + path.slice(1) : path;
  if (!absolute.startsWith("/")) refuse("is relative: write it from / or from ~/");
  const names = absolute.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) refuse('climbs with "..": write where it leads');
  return `/${names.join("/")}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
