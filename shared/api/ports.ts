import type { Recorded } from "../core/envelope.ts";
import type { ChainReport } from "../core/hash-chain.ts";
import type { Rejection } from "../core/refusal.ts";
import type {
  AutoUpdate,
  ControlInstallChange,
  ControlInstallPreview,
  ControlInstallRequest,
  ControlPairingRequest,
  ControlRunClaim,
  ControlRunFail,
  ControlRunLease,
  ControlRunStart,
  ControlRunStep,
  ControlSchedulePreview,
  ControlScheduleSimulation,
  ControlSearchRequest,
  ControlUpgradeDiff,
  PolicyEvaluation,
} from "../generated/types.ts";
import type { AupAssessment } from "../policy/aup/assess.ts";
import type { PolicyDecision } from "../policy/evaluate.ts";
import type { UpgradeDiff } from "../upgrade/change.ts";
import type { ExternalWrite } from "../upgrade/step-action.ts";
import type { DryRun, WhyNot } from "./dry-run.ts";
import type { PolicyDescription, PolicyExplanation } from "./policy.ts";

type Answer<T> = Promise<T | Rejection>;

/** What the owner is shown before consenting; the two hashes name exactly it. */
export interface ConsentView {
  readonly address: string;
  readonly title: string;
  readonly summary: string | null;
  readonly version: string;
  readonly author_pubkey: string;
  readonly author_name: string | null;
  readonly schedule: string;
  readonly price: string;
  readonly manifest_sha256: string;
  readonly permission_hash: string;
  readonly permissions: readonly { readonly permission: string; readonly sentence: string }[];
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What the policy says of it; what it denies is never offered. */
  readonly policy: AupAssessment;
  /** What it would write outside this machine; consent approves those that are `approved`. */
  readonly writes: readonly ExternalWrite[];
  /** What it takes the place of, and what that changes; null for a first install. */
  readonly update: {
    readonly install_id: string;
    readonly version: string;
    readonly auto_update: AutoUpdate;
    /** Null where the manifest that runs was deleted here: all of it is asked for. */
    readonly diff: UpgradeDiff | null;
  } | null;
}

/** One thing `oa doctor` looked at; `fix` says what to do about anything but `ok`. */
export interface DoctorCheck {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly found: string;
  readonly fix: string | null;
}

/** A page of the workspace's events, oldest first, with the sequence number to go on from. */
export interface EventPage {
  readonly events: readonly Recorded[];
  readonly next_seq: number;
}

/** Everything the control API can do; the worker gives the one implementation. */
export interface ControlPorts {
  readonly worker: { readonly describe: (signal: AbortSignal) => Promise<object> };
  readonly installs: {
    readonly list: () => readonly object[];
    readonly get: (id: string) => object | Rejection;
    /** What the update that waits for approval changes. */
    readonly diff: (id: string) => UpgradeDiff | Rejection;
    /** What it would touch here; changes nothing and needs no signature. */
    readonly plan: (request: ControlInstallPreview, signal: AbortSignal) => Answer<DryRun>;
    /** Every reason why it could not run here. */
    readonly whyNot: (request: ControlInstallPreview, signal: AbortSignal) => Answer<WhyNot>;
    readonly preview: (request: ControlInstallPreview, signal: AbortSignal) => Answer<ConsentView>;
    readonly request: (request: ControlInstallRequest, signal: AbortSignal) => Answer<object>;
    readonly change: (id: string, action: InstallAction, options: ControlInstallChange) => Answer<object>;
  };
  readonly upgrades: {
    readonly diff: (request: ControlUpgradeDiff, signal: AbortSignal) => Answer<UpgradeDiff>;
  };
  readonly runs: {
    /** Newest first. */
    readonly list: (filter: { readonly install_id?: string; readonly limit: number }) => readonly object[];
    readonly get: (id: string) => object | Rejection;
    readonly start: (install_id: string, deadline_ms?: number) => Answer<{ readonly run_id: string }>;
    readonly pause: (id: string, reason: string) => Answer<object>;
    readonly resume: (id: string, reason: string) => Answer<object>;
    readonly cancel: (id: string, reason: string) => Answer<object>;
  };
  /**
   * Runs carried out by engines of other processes. Refusals: missing_claim_token, lease_token_mismatch, lease_expired,
   * lease_lost, run_not_running, run_finished, already_claimed, manifest_hash_mismatch, permission_hash_mismatch.
   */
  readonly leases: {
    /** `run_id` null: there is nothing to claim. */
    readonly claim: (request: ControlRunClaim) => Answer<object>;
    readonly heartbeat: (id: string, request: ControlRunLease) => Answer<object>;
    readonly release: (id: string, request: ControlRunLease) => Answer<object>;
    /** Gives the run's events so far; said again, it changes nothing. The others give the events that they led to. */
    readonly start: (id: string, request: ControlRunStart) => Answer<object>;
    readonly step: (id: string, request: ControlRunStep) => Answer<object>;
    readonly complete: (id: string, request: ControlRunLease) => Answer<object>;
    readonly fail: (id: string, request: ControlRunFail) => Answer<object>;
  };
  readonly events: {
    readonly page: (from_seq: number, limit: number) => EventPage;
    /** Resolves when there is an event after `seq`, when the time is over, or when the signal aborts. */
    readonly wait: (seq: number, timeout_ms: number, signal: AbortSignal) => Promise<void>;
  };
  readonly market: {
    readonly list: (query: URLSearchParams, signal: AbortSignal) => Answer<object>;
    readonly get: (address: string, signal: AbortSignal) => Answer<object>;
  };
  readonly search: (request: ControlSearchRequest, signal: AbortSignal) => Answer<object>;
  readonly schedule: {
    readonly preview: (request: ControlSchedulePreview) => object | Rejection;
    /** Every install's schedule, the one that fires next first. */
    readonly list: () => readonly object[];
    /** Why an install did or did not run when it was due last before a time; null: the due time decided last. */
    readonly why: (install_id: string, at_ms: number | null, signal: AbortSignal) => Answer<object>;
    readonly simulate: (install_id: string, request: ControlScheduleSimulation) => object | Rejection;
  };
  readonly audit: {
    readonly verify: () => ChainReport;
    /** JSON Lines: the streams' heads first, then every link. */
    readonly export: () => Iterable<string>;
  };
  readonly policy: {
    readonly evaluate: (request: PolicyEvaluation) => PolicyDecision;
    readonly explain: (install_id: string) => PolicyExplanation | Rejection;
    readonly describe: () => PolicyDescription;
  };
  readonly pairings: {
    readonly list: () => readonly object[];
    readonly add: (request: ControlPairingRequest) => Answer<object>;
    readonly confirm: (id: string, pubkey: string | undefined) => Answer<object>;
    readonly remove: (id: string, reason: string) => Answer<object>;
  };
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly doctor: (signal: AbortSignal) => Promise<readonly DoctorCheck[]>;
  /** Told of what went wrong inside; the asker only learns that something did. */
  readonly report: (error: unknown) => void;
}

export const INSTALL_ACTIONS = ["approve", "deny", "enable", "disable", "remove", "updates"] as const;
export type InstallAction = (typeof INSTALL_ACTIONS)[number];
