import { copyFileSync, fstatSync, statSync, truncateSync } from "node:fs";
import { LIMITS } from "@oa/shared/core/limits.ts";

/** How much may be written between two looks at the file's size. */
const LOOK_BYTES = 65_536;

/**
 * Writes to stderr, and keeps the file small that launchd appends a service's output to and never rotates: over
 * `most_bytes` it is copied to `<file>.1`, in place of the one before, and emptied. Nothing is done where this process's
 * stderr is anything else. The journal of systemd rotates itself.
 */
export function serviceStderr(
  file: string,
  most_bytes: number = LIMITS.log_file_bytes,
  write: (line: string) => void = (line) => void process.stderr.write(line),
): (line: string) => void {
  let unseen_bytes = LOOK_BYTES; // what an earlier process wrote counts
  return (line) => {
    write(line);
    unseen_bytes += line.length;
    if (unseen_bytes < Math.min(LOOK_BYTES, most_bytes)) return;
    unseen_bytes = 0;
    try {
      rotate(file, most_bytes);
    } catch (error) {
      write(`${file} cannot be rotated: ${(error as Error).message}\n`);
    }
  };
}

function rotate(file: string, most_bytes: number): void {
  const own = fstatSync(2);
  const there = statSync(file, { throwIfNoEntry: false });
  if (there === undefined || own.ino !== there.ino || own.dev !== there.dev || there.size <= most_bytes) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file); // it is open for appending, so what comes next stands at its beginning
}
