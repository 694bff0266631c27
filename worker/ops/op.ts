import type { ArtifactRef } from "@oa/shared/generated/types.ts";
import type { CodePackages } from "../adapters/code-packages.ts";
import type { Egress } from "../adapters/egress.ts";
import type { GrantedFiles } from "../adapters/granted-files.ts";
import type { OwnSites } from "../adapters/own-sites.ts";
import type { ConfinedProcesses } from "../adapters/process.ts";
import type { ModelBackends } from "../backends/backend.ts";
import type { SearchIndexes } from "../searchkit/indexes.ts";

/**
 * What an op may touch, already narrowed to the run's grant: files, network and processes are reached only through
 * here, so an op cannot forget a check.
 */
export interface OpContext {
  readonly run_id: string;
  /** Whose run it is: what one release of an install made, another may replace. Absent where there is no install. */
  readonly install_id?: string | null;
  readonly step_id: string;
  /** Derived from run and step: the same on every attempt. */
  readonly idempotency_key: string;
  /** Aborted on cancellation, timeout or shutdown; an op stops within a second of it. */
  readonly signal: AbortSignal;
  readonly files: GrantedFiles;
  readonly egress: Egress;
  readonly processes: ConfinedProcesses;
  /** Absent where programs that upgrades bring are off. */
  readonly code?: CodePackages;
  readonly backends: ModelBackends;
  readonly indexes: SearchIndexes;
  readonly events: EventPublisher;
  /** Absent where nothing is built, as in a rehearsal. */
  readonly sites?: OwnSites;
  readonly log: (level: "debug" | "info" | "warn", message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** Progress of a long op: done of total units, total null where it is not known. Shown, not stored. */
  readonly progress: (done: number, total: number | null, unit: string) => void;
  /** A long op waits here between two batches: while its run is paused, this does not resolve. Rejects as `signal` aborts. */
  readonly checkpoint: () => Promise<void>;
  /** Records an output of the run. Bytes are stored by content under the worker's data folder. */
  readonly artifact: (name: string, media_type: string, bytes: Uint8Array) => Promise<ArtifactRef>;
}

/** Publishes a signed Nostr event on the worker's behalf, within the grant's `event:publish` kinds. */
export interface EventPublisher {
  readonly publish: (
    template: { readonly kind: number; readonly content: string; readonly tags: readonly (readonly string[])[] },
    options: { readonly relays?: readonly string[]; readonly created_at: number; readonly signal: AbortSignal },
  ) => Promise<{
    readonly event_id: string;
    readonly accepted: readonly string[];
    readonly refused: readonly string[];
  }>;
}

/**
 * One op: parameters valid by its schema in, a result valid by its schema out. An effect that fails throws a `Fault`;
 * a parameter that breaks a rule the schema cannot state throws a `Fault` that is not retryable.
 */
export type Op<Params, Result> = (params: Params, context: OpContext) => Promise<Result>;
