import type { Obstacle, WorkerCapabilities } from "../upgrade/compatibility.ts";
import type { WorstCaseCost } from "../upgrade/cost.ts";

/** Files of one granted pattern as they are now. Not complete: there are more, or some could not be looked at. */
export interface DryRunPlace {
  readonly glob: string;
  readonly exists: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly complete: boolean;
}

/** What an upgrade would touch on this machine; nothing was changed to find out. */
export interface DryRun {
  /** Null for a manifest in a file. */
  readonly address: string | null;
  readonly title: string;
  readonly version: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly reads: readonly DryRunPlace[];
  /** What is there now, and could be replaced. */
  readonly writes: readonly DryRunPlace[];
  /** The most it may keep for itself, in mebibytes; 0: nothing. */
  readonly keeps_mb: number;
  readonly hosts: readonly string[];
  readonly environment: readonly string[];
  readonly publishes_kinds: readonly number[];
  readonly starts_programs: boolean;
  readonly external_writes: readonly {
    readonly step: string;
    readonly op: string;
    readonly method: string | null;
    readonly target: string | null;
  }[];
  /** Available null: it depends on a value that is only known when it runs. */
  readonly models: readonly {
    readonly step: string;
    readonly op: string;
    readonly backend: string;
    readonly model: string | null;
    readonly available: boolean | null;
    readonly reason: string;
  }[];
  readonly price: string;
  readonly cost: WorstCaseCost;
  /** The next three starts: instants in UTC, and as clocks show them. */
  readonly schedule: {
    readonly sentence: string;
    readonly next: readonly string[];
    readonly next_local: readonly string[];
  };
  readonly permissions: readonly { readonly permission: string; readonly sentence: string }[];
}

/** Whether an upgrade could run here. `maybe`: nothing is known to be against it, and something is unknown. */
export interface WhyNot {
  readonly address: string | null;
  readonly title: string;
  readonly version: string;
  readonly verdict: "yes" | "maybe" | "no";
  readonly obstacles: readonly Obstacle[];
  readonly worker: WorkerCapabilities;
}

/** The same for every paired worker that told what it measured; this machine first. */
export interface WhyNotMatrix extends WhyNot {
  readonly workers: readonly {
    /** Its public key. */
    readonly worker: string;
    readonly label: string;
    readonly here: boolean;
    /** When the worker measured that, by its own clock; null: just now, here. */
    readonly reported_at: string | null;
    readonly verdict: WhyNot["verdict"];
    readonly obstacles: readonly Obstacle[];
  }[];
}
