/** Every queue, loop, retry, body, timeout and lease has its number here. Units come last in the names. */
export const LIMITS = {
  // SQL: the Durable Object's limits, kept by both adapters.
  sql_params: 100,
  sql_row_bytes: 2_000_000,
  sql_statement_bytes: 100_000,
  sql_like_bytes: 50,

  // JSON from outside.
  json_bytes: 1_000_000,
  json_depth: 64,

  // Event store.
  event_bytes: 256_000,
  state_cache_entries: 2_000,
  commit_batch: 256,
  commit_queue: 100_000,
} as const;
