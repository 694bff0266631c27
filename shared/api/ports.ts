import type { Recorded } from "../core/envelope.ts";
import type { ChainReport } from "../core/hash-chain.ts";
import type { ReadSchema } from "../core/openapi.ts";
import type { Rejection } from "../core/refusal.ts";
import type {
  AutoUpdate,
  ControlApprovalDecision,
  ControlCurate,
  ControlInstallChange,
  ControlInstallPreview,
  ControlInstallRequest,
  ControlKillSwitch,
  ControlModeration,
  ControlOutward,
  ControlOutwardEnd,
  ControlPairingChange,
  ControlPairingRequest,
  ControlPolicyChange,
  ControlRating,
  ControlReceiptAdd,
  ControlReport,
  ControlReputationVerify,
  ControlRunClaim,
  ControlRunFail,
  ControlRunLease,
  ControlRunStart,
  ControlRunStep,
  ControlSchedulePreview,
  ControlScheduleSimulation,
  ControlSearchRequest,
  ControlSecretSet,
  ControlTokenDelegation,
  ControlTokenRequest,
  ControlUpgradeDiff,
  ControlVaultPassphrase,
  CronSchedule,
  InstallRelease,
  ListingReputation,
  ModerationCase,
  ModerationCasePage,
  ModerationLedger,
  ModerationRoles,
  PolicyEvaluation,
  ScheduleChanges,
  UpgradeManifest,
  UpgradeSchedule,
} from "../generated/types.ts";
import type { InstallView } from "../install/views.ts";
import type { AupAssessment } from "../policy/aup/assess.ts";
import type { PolicyDecision } from "../policy/evaluate.ts";
import type { Quarantine } from "../policy/views.ts";
import type { StepHistory } from "../run/steps.ts";
import type { Preview } from "../schedule/preview.ts";
import type { UpgradeDiff } from "../upgrade/change.ts";
import type { ExternalWrite } from "../upgrade/step-action.ts";
import type { SecretUse } from "../vault/views.ts";
import type { Actor } from "./actor.ts";
import type { DryRun, WhyNot, WhyNotMatrix } from "./dry-run.ts";
import type { OwnListView, PublishedList } from "./moderation.ts";
import type { PolicyDescription, PolicyExplanation } from "./policy.ts";
import type { PublishedOwn } from "./published.ts";
import type { UpdateView } from "./updates.ts";
import type { WhyAnswer } from "./why.ts";

type Answer<T> = Promise<T | Rejection>;

/** What the owner is shown before consenting; the two hashes name exactly it. */
export interface ConsentView {
  readonly address: string;
  readonly title: string;
  readonly summary: string | null;
  readonly version: string;
  readonly author_pubkey: string;
  readonly author_name: string | null;
  /** With what the owner chose. */
  readonly schedule: string;
  /** What the upgrade itself declares, where the owner chose otherwise. */
  readonly schedule_declared: string | null;
  readonly price: string;
  /** What its author declares of it under `policy`: flags, how long data is kept, telemetry. */
  readonly declares: readonly string[];
  readonly manifest_sha256: string;
  readonly permission_hash: string;
  readonly permissions: readonly { readonly permission: string; readonly sentence: string }[];
  /** What it asks for and the owner took away before: it stays so. */
  readonly revoked: readonly { readonly permission: string; readonly sentence: string }[];
  /** How long this worker has known the release, beside what its author says. */
  readonly age: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What the policy says of it; what it denies is never offered. */
  readonly policy: AupAssessment;
  /** How far the programs it starts can reach here; null where it starts none. */
  readonly sandbox: string | null;
  /** Why the owner's own setting of moderators would stop it again, where it was looked up by others; null: it would not. */
  readonly stopped_by: string | null;
  /** What it would write outside this machine; consent approves those that are `approved`. */
  readonly writes: readonly ExternalWrite[];
  /** What it takes the place of, and what that changes; null for a first install. */
  readonly update: {
    readonly install_id: string;
    readonly version: string;
    readonly manifest_sha256: string;
    readonly auto_update: AutoUpdate;
    /** Null where the manifest that runs was deleted here: all of it is asked for. */
    readonly diff: UpgradeDiff | null;
  } | null;
}

/** An install as the API shows it; `quarantine`: why nothing of it starts, whatever its status. */
export interface ShownInstall extends InstallView {
  readonly quarantine: Quarantine | null;
}

/** What an install runs by: what its upgrade declares, with what the owner chose in its place. */
export interface ScheduleDescription extends Preview {
  readonly install_id: string;
  readonly title: string;
  readonly status: string;
  /** Null for an install that no time starts. */
  readonly schedule: CronSchedule | null;
  /** Of its times, and of what is told of it: this worker's where it names none. */
  readonly timezone: string;
  readonly sentence: string;
  readonly declared: UpgradeSchedule;
  readonly declared_sentence: string;
  readonly schedule_changes: ScheduleChanges | null;
}

/** One consent, or what became of it; `release` names exactly what it was about. */
export interface InstallHistoryEntry {
  readonly event_id: string;
  readonly at: string;
  readonly type: string;
  readonly actor_type: string;
  readonly actor_id: string;
  readonly release: InstallRelease | null;
  readonly run_id: string | null;
  /** A sentence. */
  readonly what: string;
}

/** Which permissions were used. `offered`: enough runs were looked at for what was not used to be taken away. */
export interface InstallUse {
  readonly install_id: string;
  readonly runs: number;
  readonly wanted_runs: number;
  readonly offered: boolean;
  readonly used: readonly { readonly permission: string; readonly runs: number; readonly sentence: string }[];
  readonly unused: readonly { readonly permission: string; readonly sentence: string }[];
  readonly revoked: readonly { readonly permission: string; readonly sentence: string }[];
}

/** What the releases of an install keep for themselves, the one that runs first. */
export interface InstallStates {
  readonly install_id: string;
  readonly states: readonly {
    readonly version: string;
    readonly release_event_id: string;
    /** False: it was never used, and begins as a copy of the one before it. */
    readonly made: boolean;
    readonly bytes: number;
    /** Files and folders. */
    readonly files: number;
    /** What its owner agreed to, in mebibytes; 0: nothing any more. */
    readonly most_mb: number;
  }[];
}

/** One thing `oa doctor` looked at; `fix` says what to do about anything but `ok`. */
export interface DoctorCheck {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly found: string;
  readonly fix: string | null;
}

/** A secret of the vault without its value. */
export interface SecretView {
  readonly name: string;
  /** The only hosts it may be sent to. */
  readonly hosts: readonly string[];
  readonly set_at: string;
  /** The last time it was put into a request; null: no run has used it. */
  readonly used: SecretUse | null;
}

/** `stale_passphrase_file`: what the worker reads its passphrase from when it starts, where that holds another one. */
export interface PassphraseChange extends VaultView {
  readonly stale_passphrase_file: string | null;
}

export interface VaultView {
  readonly vault: { readonly status: "none" | "locked" | "open"; readonly kept_by: "keychain" | "passphrase" };
  /** Empty while it is locked: names are encrypted too. */
  readonly secrets: readonly SecretView[];
}

/** A page of the workspace's events, oldest first, with the sequence number to go on from. */
export interface EventPage {
  readonly events: readonly Recorded[];
  readonly next_seq: number;
}

/** Everything the control API can do; the worker gives the one implementation. */
export interface ControlPorts {
  readonly worker: { readonly describe: (signal: AbortSignal) => Promise<object> };
  /** The schema files that the API's own document is made of. */
  readonly readSchema: ReadSchema;
  readonly installs: {
    readonly list: () => readonly ShownInstall[];
    readonly get: (id: string) => ShownInstall | Rejection;
    /** Everything that happened to it, oldest first: who, when, and of which release. */
    readonly history: (id: string) => readonly InstallHistoryEntry[] | Rejection;
    /** Which of its permissions its runs used. */
    readonly use: (id: string) => InstallUse | Rejection;
    /** What its releases keep for themselves here. */
    readonly states: (id: string) => Answer<InstallStates>;
    /** What the update that waits for approval changes. */
    readonly diff: (id: string) => UpgradeDiff | Rejection;
    /** What it would touch here; changes nothing and needs no signature. */
    readonly plan: (request: ControlInstallPreview, signal: AbortSignal) => Answer<DryRun>;
    /** Every reason why it could not run here. */
    readonly whyNot: (request: ControlInstallPreview, signal: AbortSignal) => Answer<WhyNot>;
    /** The same for every paired worker that told what it has. */
    readonly matrix: (request: ControlInstallPreview, signal: AbortSignal) => Answer<WhyNotMatrix>;
    readonly preview: (request: ControlInstallPreview, signal: AbortSignal) => Answer<ConsentView>;
    readonly request: (request: ControlInstallRequest, signal: AbortSignal) => Answer<ShownInstall>;
    readonly change: (id: string, action: InstallAction, options: ControlInstallChange) => Answer<ShownInstall>;
  };
  readonly updates: {
    readonly list: () => readonly UpdateView[];
    /** Looks for updates of every install first. */
    readonly check: (signal: AbortSignal) => Promise<readonly UpdateView[]>;
  };
  readonly upgrades: {
    /** A manifest to look at; `address` null where it is not signed. */
    readonly find: (
      request: Pick<ControlInstallPreview, "source" | "channel">,
      signal: AbortSignal,
    ) => Answer<{ readonly manifest: UpgradeManifest; readonly address: string | null }>;
    readonly diff: (request: ControlUpgradeDiff, signal: AbortSignal) => Answer<UpgradeDiff>;
  };
  readonly runs: {
    /** Newest first. */
    readonly list: (filter: { readonly install_id?: string; readonly limit: number }) => readonly object[];
    readonly get: (id: string) => object | Rejection;
    /** Everything that happened to each step. */
    readonly steps: (id: string) => readonly StepHistory[] | Rejection;
    /** `by`, here and below: who asks; the owner where absent. */
    readonly start: (
      install_id: string,
      options: { readonly deadline_ms?: number; readonly trial?: boolean; readonly by?: Actor },
    ) => Answer<{ readonly run_id: string }>;
    readonly pause: (id: string, reason: string, by?: Actor) => Answer<object>;
    readonly resume: (id: string, reason: string, by?: Actor) => Answer<object>;
    readonly cancel: (id: string, reason: string, by?: Actor) => Answer<object>;
  };
  /**
   * Runs carried out by engines of other processes. Refusals: missing_claim_token, lease_token_mismatch, lease_expired,
   * lease_lost, run_not_running, run_finished, already_claimed, manifest_hash_mismatch, permission_hash_mismatch. What
   * was claimed with a capability token is carried on with that token alone, and its acts are its principal's.
   */
  readonly leases: {
    /** `run_id` null: there is nothing to claim. */
    readonly claim: (request: ControlRunClaim, by?: Actor) => Answer<object>;
    readonly heartbeat: (id: string, request: ControlRunLease, by?: Actor) => Answer<object>;
    readonly release: (id: string, request: ControlRunLease, by?: Actor) => Answer<object>;
    /** Gives the run's events so far; said again, it changes nothing. The others give the events that they led to. */
    readonly start: (id: string, request: ControlRunStart, by?: Actor) => Answer<object>;
    readonly step: (id: string, request: ControlRunStep, by?: Actor) => Answer<object>;
    readonly complete: (id: string, request: ControlRunLease, by?: Actor) => Answer<object>;
    readonly fail: (id: string, request: ControlRunFail, by?: Actor) => Answer<object>;
  };
  readonly events: {
    readonly page: (from_seq: number, limit: number) => EventPage;
    /** Resolves when there is an event after `seq`, when the time is over, or when the signal aborts. */
    readonly wait: (seq: number, timeout_ms: number, signal: AbortSignal) => Promise<void>;
  };
  readonly market: {
    readonly list: (query: URLSearchParams, signal: AbortSignal) => Answer<object>;
    /** `moderators`: whose decisions apply; null: those of the setting. */
    readonly get: (address: string, moderators: string | null, signal: AbortSignal) => Answer<object>;
  };
  readonly reputation: {
    readonly get: (address: string, signal: AbortSignal) => Answer<ListingReputation>;
    readonly rate: (address: string, request: ControlRating, signal: AbortSignal) => Answer<PublishedOwn>;
    readonly report: (address: string, request: ControlReport, signal: AbortSignal) => Answer<PublishedOwn>;
    readonly verify: (address: string, request: ControlReputationVerify, signal: AbortSignal) => Answer<object>;
  };
  readonly moderation: {
    readonly roles: (signal: AbortSignal) => Answer<ModerationRoles>;
    readonly ledger: (cursor: string | null, signal: AbortSignal) => Answer<ModerationLedger>;
    /** For curators. */
    readonly cases: (cursor: string | null, signal: AbortSignal) => Answer<ModerationCasePage>;
    /** By its id, or by what it is about. */
    readonly case: (text: string, signal: AbortSignal) => Answer<ModerationCase>;
    /** `event_id` is that of the signed decision. */
    readonly decide: (
      request: ControlModeration,
      signal: AbortSignal,
    ) => Answer<ModerationCase & { readonly event_id: string }>;
    readonly list: (name: string, signal: AbortSignal) => Answer<OwnListView>;
    readonly curate: (request: ControlCurate, signal: AbortSignal) => Answer<PublishedList>;
  };
  readonly search: (request: ControlSearchRequest, signal: AbortSignal) => Answer<object>;
  readonly schedule: {
    readonly preview: (request: ControlSchedulePreview) => object | Rejection;
    /** Every install's schedule, the one that fires next first. */
    readonly list: () => readonly object[];
    /** What an install runs by and its next times; `from_ms` null: from now on. */
    readonly get: (install_id: string, from_ms: number | null, count: number) => ScheduleDescription | Rejection;
    /** The owner's settings in place of the upgrade's; null: what the upgrade declares, again. */
    readonly set: (install_id: string, changes: ScheduleChanges | null) => Answer<ScheduleDescription>;
    /** Why an install did or did not run last before a time; null: before now. */
    readonly why: (install_id: string, at_ms: number | null, signal: AbortSignal) => Answer<WhyAnswer>;
    readonly simulate: (install_id: string, request: ControlScheduleSimulation) => object | Rejection;
  };
  readonly audit: {
    readonly verify: () => Promise<ChainReport>;
    /** JSON Lines: the streams' heads first, then every link. */
    readonly export: () => Iterable<string>;
  };
  readonly policy: {
    /** A model of the owner's is asked too, where there is one. */
    readonly evaluate: (request: PolicyEvaluation, signal: AbortSignal) => Promise<PolicyDecision>;
    readonly explain: (install_id: string, signal: AbortSignal) => Answer<PolicyExplanation>;
    readonly describe: () => PolicyDescription;
    readonly killSwitch: () => object;
    /** Takes effect at once. The settings may hold it on all the same. */
    readonly setKillSwitch: (request: ControlKillSwitch) => Answer<object>;
    /** How much is at stake with an install, and whether anything of it may start. */
    readonly change: (install_id: string, request: ControlPolicyChange) => Answer<object>;
  };
  /** Capability tokens. Refusals: not_found, and those of `verifyToken` and `delegateToken`. */
  readonly tokens: {
    readonly list: () => readonly object[];
    readonly mint: (request: ControlTokenRequest) => Answer<object>;
    readonly delegate: (request: ControlTokenDelegation) => Answer<object>;
    readonly revoke: (id: string, reason: string) => Answer<object>;
  };
  /** What leaves in the owner's or an author's name, by another process of theirs. Refusals: those of `refuseOwn`, not_found, already_decided. */
  readonly outward: {
    readonly begin: (write: ControlOutward) => Answer<{ readonly outward_id: string }>;
    readonly end: (outward_id: string, outcome: ControlOutwardEnd) => Answer<object>;
  };
  /** Refusals: not_found, approval_used, approval_missing, approval_denied, approval_expired, approval_revoked, approval_mismatch. */
  readonly approvals: {
    /** Those that wait first. */
    readonly list: (query: {
      readonly limit: number;
      readonly status?: (typeof APPROVAL_STATUSES)[number];
      readonly install_id?: string;
    }) => readonly object[];
    readonly get: (id: string) => object | Rejection;
    readonly decide: (id: string, decision: ControlApprovalDecision) => Answer<object>;
  };
  readonly pairings: {
    readonly list: () => readonly object[];
    readonly add: (request: ControlPairingRequest) => Answer<object>;
    readonly confirm: (id: string, pubkey: string | undefined) => Answer<object>;
    readonly remove: (id: string, reason: string) => Answer<object>;
    /** Whether that key is told what this worker measured about itself, and what becomes of what it orders. */
    readonly share: (id: string, told: Pick<ControlPairingChange, "capabilities" | "results">) => Answer<object>;
  };
  /** Refusals: the codes of a receipt's checks, receipt_superseded, usage (no edge is set), and those of the edge. */
  readonly receipts: {
    readonly list: () => readonly object[];
    readonly add: (request: ControlReceiptAdd, signal: AbortSignal) => Answer<object>;
  };
  readonly secrets: {
    readonly list: () => VaultView;
    readonly set: (request: ControlSecretSet) => Answer<VaultView>;
    readonly remove: (name: string) => Answer<VaultView>;
    readonly unlock: (passphrase: string) => Answer<VaultView>;
    /** Refusals: not_found, usage, secret_invalid. Fault: vault_passphrase_wrong. */
    readonly changePassphrase: (request: ControlVaultPassphrase) => Answer<PassphraseChange>;
  };
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly doctor: (signal: AbortSignal) => Promise<readonly DoctorCheck[]>;
  /** Told of what went wrong inside; the asker only learns that something did. */
  readonly report: (error: unknown) => void;
}

export const APPROVAL_STATUSES = ["requested", "approved", "denied", "expired", "revoked", "consumed"] as const;
export const INSTALL_ACTIONS = [
  ...(["inspect", "approve", "deny", "enable", "disable", "remove", "updates", "caps"] as const),
  ...(["pin", "unpin", "rollback", "narrow", "override"] as const),
] as const;
export type InstallAction = (typeof INSTALL_ACTIONS)[number];
