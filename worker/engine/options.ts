import type { EventStore } from "@oa/shared/core/event-store.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import type { MachineReadings, PolicyZone, QuotasConfig } from "@oa/shared/generated/types.ts";
import type { AupMode } from "@oa/shared/policy/aup/assess.ts";
import type { Sensor } from "@oa/shared/schedule/constraints.ts";
import type { Artifacts } from "../adapters/artifacts.ts";
import type { Clock } from "../adapters/clock.ts";
import type { RunGuard, RunRef } from "../adapters/run-usage.ts";
import type { SandboxName } from "../adapters/sandbox.ts";
import type { Secrecy } from "../adapters/secrecy.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";
import type { EventPublisher, Op } from "../ops/op.ts";
import type { Compliance } from "./compliance.ts";
import type { KillSwitch } from "./kill-switch.ts";
import type { Effects, OpContract } from "./perform.ts";

/** Whose effects: a step of a run, of one release of an install. */
interface EffectsRef extends RunRef {
  readonly release_event_id?: string | null;
  readonly step_id?: string;
}

/** What the engine works with, and its settings. */
export interface EngineOptions {
  readonly store: EventStore;
  readonly database: SqliteDatabase;
  readonly ops: Readonly<Record<string, Op<never, object>>>;
  /** What an op takes and gives; `contractOf` reads it from the ops' schemas. */
  readonly contractOf: (op: string) => OpContract | undefined;
  /** What a run may touch, from its grant and nothing else. */
  readonly effects: (grant: readonly string[], run: EffectsRef) => Effects;
  /** Watches the memory that runs take in this process; absent: nobody does. */
  readonly guard?: Pick<RunGuard, "enter">;
  /** Posts completion notes in the worker's name. */
  readonly notes: EventPublisher;
  readonly artifacts: Artifacts;
  /** Without it no step can use a secret, and errors lose only what looks like one. */
  readonly secrecy?: Pick<Secrecy, "slot" | "redact" | "clean">;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Asks the machine's sensors; one that cannot know says so, and nothing is thrown. */
  readonly measure: (sensors: readonly Sensor[], signal: AbortSignal) => Promise<MachineReadings>;
  /** Stops every write to the outside world at once. */
  readonly kill_switch: KillSwitch;
  /** Reads what is about to be run, what models write and what is made public; by the rules alone where absent. */
  readonly compliance?: Compliance;
  /** Told of what went wrong inside; no event holds it. */
  readonly report: (error: unknown) => void;
  readonly config: {
    readonly workspace_id: string;
    /** This worker's public key: who acts, in the events. */
    readonly worker: string;
    readonly home: string;
    /** Runs at a time. */
    readonly concurrency: number;
    /** Where installs do not say; null: no note is posted, whatever they say. */
    readonly completion_note_relays: readonly string[] | null;
    /** How strictly manifests are judged; strict where absent. */
    readonly aup?: AupMode;
    /** Holds the kill switch on, whatever was switched. */
    readonly kill_switch?: boolean;
    /** What programs that steps start are kept in. */
    readonly sandbox?: SandboxName;
    /** How much is at stake with installs whose owner did not say; `supervised` where absent. */
    readonly zone?: PolicyZone;
    /** The most that each install may use. */
    readonly quotas?: QuotasConfig;
  };
}
