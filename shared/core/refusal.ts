import type { ReasonCode } from "./reasons.ts";

/** An expected "no", returned and never thrown: one clear sentence and a stable code. */
export interface Rejection {
  readonly rejected: true;
  readonly code: ReasonCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function reject(code: ReasonCode, message: string, details?: Readonly<Record<string, unknown>>): Rejection {
  return details === undefined ? { rejected: true, code, message } : { rejected: true, code, message, details };
}

export function isRejection(value: unknown): value is Rejection {
  return typeof value === "object" && value !== null && (value as { rejected?: unknown }).rejected === true;
}

/** A failed effect: the world did not do what was asked. `retryable` says whether asking again can help. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: ReasonCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  constructor(
    code: ReasonCode,
    message: string,
    options: {
      readonly retryable?: boolean;
      readonly cause?: unknown;
      readonly details?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
  }
}

/** A broken assumption: a bug in this program, never a user's mistake. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Makes a `switch` exhaustive: a new case is a compile error here. */
export function assertNever(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`);
}
