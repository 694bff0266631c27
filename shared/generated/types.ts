// Generated from schemas/ by `npm run codegen`. Do not edit.


/**
 * What every event of the log carries beside its type and data. The event's hash covers all of it but recorded_at.
 */
export interface EventEnvelope {
readonly event_id: string
readonly event_version: 1
/**
 * UTC, milliseconds.
 */
readonly occurred_at: string
/**
 * UTC, milliseconds. Not hashed.
 */
readonly recorded_at: string
readonly workspace_id: string
readonly stream_type: ("workspace" | "room")
readonly stream_id: string
readonly stream_seq: number
/**
 * The thing the event is about, e.g. run_…, install_…; what a decider folds.
 */
readonly subject_id: string
readonly actor_type: ("user" | "agent" | "service")
readonly actor_id: string
readonly correlation_id: string
readonly causation_id?: string
readonly idempotency_key?: string
readonly prev_event_hash: (string | null)
readonly event_hash: string
}
/**
 * What an op's schema file declares about it, as data: validation, permission inference, consent and the runner read only this.
 */
export interface OpDefinition {
readonly op: string
/**
 * PascalCase; names the types of params and result.
 */
readonly title: string
/**
 * One sentence for people.
 */
readonly description: string
/**
 * JSON Schema of the step's parameters.
 */
readonly params: {
[k: string]: unknown | undefined
}
/**
 * JSON Schema of what ${steps.<id>.…} can refer to.
 */
readonly result: {
[k: string]: unknown | undefined
}
/**
 * What the op needs, worked out from its parameters. A parameter that is absent needs nothing.
 */
readonly permissions: readonly OpPermission[]
readonly effect: OpEffect
readonly retry: {
/**
 * 1: never tried again.
 */
readonly max_attempts: number
/**
 * Before the second attempt; doubles each time.
 */
readonly backoff_ms: number
}
/**
 * Default for a step that names none.
 */
readonly timeout_ms: number
}
export interface OpPermission {
readonly kind: ("filesystem:read" | "filesystem:write" | "network:egress" | "event:publish" | "env:read" | "process:spawn" | "wallet:spend")
/**
 * The parameter the permission's subject comes from.
 */
readonly param: string
/**
 * path: that path. tree: the path and all below it. url: the URL's host (and port, if given). git_source: a URL's host as network:egress, or a local path's tree as filesystem:read. value: the value itself.
 */
readonly as: ("path" | "tree" | "url" | "git_source" | "value")
}
/**
 * read: changes nothing outside the worker's own data. local_write: changes the owner's files, repeatable to the same result. external_write: changes the world, so the step records its intent and an idempotency key first.
 */
export interface OpEffect {
readonly class: ("read" | "local_write" | "external_write")
readonly unless?: {
readonly param: string
readonly in: readonly string[]
readonly class: ("read" | "local_write" | "external_write")
}
}
