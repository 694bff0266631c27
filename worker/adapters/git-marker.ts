import * as fs from "node:fs";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { NO_LINKS, openDirectory, openRegularIn, syncDirectory } from "./open-beneath.ts";

/** What says, inside a clone's own git folder, that this worker made it, and in what state it left it. */
export interface CloneMarker {
  readonly repo: string;
  readonly depth: number | null;
  /** `updating` while its files are being changed: found later, that was interrupted. */
  readonly state: "ready" | "updating";
  readonly commit: string;
  readonly branch: string | null;
  /** Whose run made it, where it was an install's: its other releases may replace it. */
  readonly install_id: string | null;
  /** The submodules that were brought along, by their folders below: each has a marker of its own. */
  readonly submodules?: readonly string[];
  readonly config_sha256: string;
  readonly status_sha256: string;
}

const NAME = "openagents-clone.json";

/** Null where the folder has no git folder of its own, or one that this worker did not make. */
export function readMarker(folder: string): CloneMarker | null {
  try {
    const directory = openDirectory(`${folder}/.git`);
    try {
      const { fd, size } = openRegularIn(directory, NAME);
      try {
        return parse(size > LIMITS.git_marker_bytes ? "" : fs.readFileSync(fd, "utf8"));
      } finally {
        fs.closeSync(fd);
      }
    } finally {
      directory.close();
    }
  } catch (error) {
    const code = error instanceof Fault ? error.code : (error as NodeJS.ErrnoException).code;
    // A file or a link for .git is somebody else's work.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "path_linked" || code === "path_not_regular") return null;
    throw error;
  }
}

export function writeMarker(folder: string, marker: CloneMarker): void {
  const directory = openDirectory(`${folder}/.git`);
  try {
    const temporary = directory.at(`${NAME}.tmp`);
    fs.rmSync(temporary, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
    const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | NO_LINKS, 0o644);
    try {
      fs.writeFileSync(fd, `${JSON.stringify(marker)}\n`);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, directory.at(NAME));
    syncDirectory(directory);
  } finally {
    directory.close();
  }
}

function parse(text: string): CloneMarker | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // not one of ours
  }
  const marker = value as Partial<CloneMarker> | null;
  const texts = [marker?.repo, marker?.commit, marker?.config_sha256, marker?.status_sha256];
  const whole =
    texts.every((field) => typeof field === "string") &&
    (marker?.state === "ready" || marker?.state === "updating") &&
    (marker.install_id === undefined || marker.install_id === null || typeof marker.install_id === "string") &&
    (marker.submodules === undefined ||
      (Array.isArray(marker.submodules) && marker.submodules.every((one) => typeof one === "string"))) &&
    (marker.branch === null || typeof marker.branch === "string") &&
    (marker.depth === null || typeof marker.depth === "number");
  return whole ? ({ ...marker, install_id: marker.install_id ?? null } as CloneMarker) : null;
}
