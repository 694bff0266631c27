/**
 * Every stable code the project answers "no" with. `exit` is the CLI's status (1 failed, 2 wrong usage, 3 refused) and
 * `http` the API's. A code never changes its meaning; an unknown one is a type error.
 */
interface Reason {
  readonly exit: 1 | 2 | 3;
  readonly http: number;
}
const failed = (http: number): Reason => ({ exit: 1, http });
const usage: Reason = { exit: 2, http: 400 };
const refused = (http: number): Reason => ({ exit: 3, http });

export const REASONS = {
  internal: failed(500),
  usage,
  not_found: failed(404),
  busy: failed(503),
  canceled: failed(409),
  timeout: failed(504),

  // Input.
  json_invalid: refused(400),
  json_duplicate_key: refused(400),
  json_too_deep: refused(400),
  json_unsafe_number: refused(400),
  json_lone_surrogate: refused(400),
  too_large: refused(413),
  schema_invalid: refused(422),

  // Event store and audit.
  event_too_large: refused(413),
  disk_full: failed(507),
  database_locked: failed(503),
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof REASONS;
