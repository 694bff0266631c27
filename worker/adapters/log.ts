import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";

const LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LEVELS)[number];
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** The worker's own log: JSON lines without secrets. Nothing here ever throws: who logs has enough to do. */
export interface Log {
  readonly write: (level: LogLevel, message: string, fields?: LogFields) => void;
  /**
   * What went wrong inside and nobody asked for; a bug with its stack. What a loop says again and again is kept once a
   * minute, with how often it was said since.
   */
  readonly error: (error: unknown) => void;
}

export interface LogOptions {
  /** `worker.log`, and older ones beside it; created where it is missing. */
  readonly folder: string;
  /** The least that is kept in the files. stderr gets warnings and errors. */
  readonly level: LogLevel;
  /** Takes out what may never stand in it. */
  readonly redact: (text: string) => string;
  readonly now_ms: () => number;
  readonly stderr: (line: string) => void;
  /** Of one file; the default is `LIMITS.log_file_bytes`. */
  readonly file_bytes?: number;
}

const CURRENT = "worker.log";
const OLDER = /^worker-[0-9TZ-]{20,40}\.log$/;

export function openLog(options: LogOptions): Log {
  const file = join(options.folder, CURRENT);
  const most_bytes = options.file_bytes ?? LIMITS.log_file_bytes;
  let bytes = -1; // of the current file; not yet known
  let begun_ms = 0; // when its first line was written
  let pruned_ms = 0;
  let failing = false;

  const keep = (line: string): void => {
    const now_ms = options.now_ms();
    if (bytes < 0) {
      mkdirSync(options.folder, { recursive: true, mode: 0o700 });
      bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      begun_ms = bytes === 0 ? now_ms : beginningOf(file);
      pruned_ms = 0;
    }
    const line_bytes = Buffer.byteLength(line);
    // Also where the clock was far ahead when it began: it would stay young until then.
    const isOld = Math.abs(now_ms - begun_ms) >= LIMITS.log_ms / LIMITS.log_files;
    if (bytes > 0 && (isOld || bytes + line_bytes > most_bytes)) {
      renameSync(file, join(options.folder, olderName(options)));
      bytes = 0;
      pruned_ms = 0;
    }
    if (now_ms - pruned_ms >= LIMITS.retention_ms) {
      prune(options);
      pruned_ms = now_ms;
    }
    if (bytes === 0) begun_ms = now_ms;
    appendFileSync(file, line, { mode: 0o600 });
    bytes += line_bytes;
  };
  const write = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    const line = `${lineOf(options, level, message, fields)}\n`;
    if (level === "error" || level === "warn") options.stderr(line);
    if (LEVELS.indexOf(level) > LEVELS.indexOf(options.level)) return;
    try {
      keep(line);
      failing = false;
    } catch (error) {
      // Said once: a full disk would say it with every line.
      if (!failing) options.stderr(`${lineOf(options, "warn", `the log cannot be written: ${error}`, {})}\n`);
      failing = true;
      bytes = -1;
    }
  };
  const repeats = openRepeats(options.now_ms);
  return {
    write,
    error: (error) => {
      const [message, fields] = saidOf(error);
      const times = repeats(`${String(fields.code)} ${message}`);
      if (times !== null) write("error", message, times === 0 ? fields : { ...fields, repeated: times });
    },
  };
}

function saidOf(error: unknown): readonly [string, LogFields] {
  if (error instanceof Fault) return [error.message, { code: error.code, retryable: error.retryable }];
  return error instanceof Error ? [error.message, { stack: error.stack ?? "" }] : [String(error), {}];
}

/** How often a text was kept back since it was last let through; null: it is kept back now. */
function openRepeats(now_ms: () => number): (text: string) => number | null {
  const known = new Map<string, { readonly at_ms: number; held: number }>();
  return (text) => {
    const before = known.get(text);
    const since_ms = before === undefined ? Number.POSITIVE_INFINITY : now_ms() - before.at_ms;
    // A clock that was set back must not keep it back for long.
    if (before !== undefined && since_ms >= 0 && since_ms < LIMITS.log_again_ms) {
      before.held += 1;
      return null;
    }
    known.delete(text);
    known.set(text, { at_ms: now_ms(), held: 0 });
    const [oldest] = known.keys();
    if (known.size > LIMITS.log_known_errors && oldest !== undefined) known.delete(oldest);
    return before?.held ?? 0;
  };
}

/** Redacted whole, then cut, so that a cut does not hide the end of a secret from the redaction. */
function lineOf({ now_ms, redact }: LogOptions, level: LogLevel, message: string, fields: LogFields): string {
  const clean = (text: string): string =>
    clip(redact(text.slice(0, 10 * LIMITS.log_line_chars)), LIMITS.log_line_chars);
  const values = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === "string" ? clean(value) : value,
  ]);
  const at = new Date(now_ms()).toISOString();
  return JSON.stringify({ at, level, message: clean(message), ...Object.fromEntries(values) });
}

/** When the first line of a file was written; where it does not say, the last one. */
function beginningOf(file: string): number {
  const [, at = ""] = /^\{"at":"([^"]+)"/.exec(firstBytes(file)) ?? [];
  const at_ms = Date.parse(at);
  return Number.isNaN(at_ms) ? statSync(file).mtimeMs : at_ms;
}

function firstBytes(file: string): string {
  const fd = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(64);
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

function olderName({ folder, now_ms }: LogOptions): string {
  const name = nameAt(now_ms());
  const taken = readdirSync(folder).filter((other) => other.startsWith(name)).length;
  return `${name}-${taken}.log`;
}

/** How the name of a file begins that was put aside then; names sort by time. */
function nameAt(at_ms: number): string {
  return `worker-${new Date(at_ms).toISOString().replaceAll(/[:.]/g, "-")}`;
}

/** Deletes what is too much, and files of which a line is too old. */
function prune({ folder, now_ms }: LogOptions): void {
  const older = readdirSync(folder)
    .filter((name) => OLDER.test(name))
    .sort()
    .reverse();
  const least_ms = now_ms() - LIMITS.log_ms;
  for (const [index, name] of older.entries()) {
    const path = join(folder, name);
    const isOld = name < nameAt(least_ms) || beginningOf(path) < least_ms;
    if (index >= LIMITS.log_files - 1 || isOld) rmSync(path, { force: true });
  }
}
