/**
 * Writes one file, whole or not at all, inside a sandbox that lets it write in one folder only: for macOS, where a
 * rename goes by path and a swapped folder could lead it elsewhere. The one argument is JSON; the bytes come on stdin.
 * Ends with 0, or writes the system's error code and message to stderr.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

interface Order {
  readonly folder: string;
  readonly name: string;
  readonly temporary: string;
  /** Of the file that is replaced; null where there is none. */
  readonly mode: number | null;
}

function write({ folder, name, temporary, mode }: Order, bytes: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  const beside = join(folder, temporary);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;
  const fd = openSync(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode === null ? 0o666 : 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    if (mode !== null) fchmodSync(fd, mode & 0o777);
    fsyncSync(fd);
    renameSync(beside, join(folder, name));
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  const directory = openSync(folder, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

try {
  write(JSON.parse(process.argv[2] ?? "") as Order, readFileSync(0));
} catch (error) {
  const { code = "", message } = error as NodeJS.ErrnoException;
  process.stderr.write(JSON.stringify({ code, message }));
  process.exitCode = 1;
}
