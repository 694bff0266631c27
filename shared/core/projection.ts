import type { EventDraft, Recorded } from "./envelope.ts";
import type { Sql } from "./sql.ts";

/**
 * A read model in SQL, written in the same transaction as the events it folds, and rebuilt from the log to an
 * identical state. `apply` is deterministic: all it knows is the event and its own tables.
 */
export interface Projection {
  readonly name: string;
  /** `CREATE TABLE`/`CREATE INDEX` statements, each `IF NOT EXISTS`; every table is named `proj_…`. */
  readonly ddl: readonly string[];
  /** Indexes that only readers need, not `apply`: a replay makes them at its end, which is several times faster. */
  readonly reading_ddl?: readonly string[];
  /** The tables of `ddl`, so that a rebuild can empty them. */
  readonly tables: readonly string[];
  /** Raised when `apply` changes under the same `ddl`: a store opened with either changed is rebuilt from the log. */
  readonly version?: number;
  readonly apply: (sql: Sql, event: Recorded<EventDraft>) => void;
}
