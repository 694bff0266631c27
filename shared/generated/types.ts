// Generated from schemas/ by `npm run codegen`. Do not edit.


export type PolicyActionType = ("file.read" | "file.write" | "artifact.create" | "artifact.update" | "model.generate" | "program.start" | "upgrade.install" | "api.call.idempotent" | "api.call.mutating" | "event.publish" | "site.publish" | "external.write" | "email.send" | "payment.execute")
/**
 * How far an approval goes; once where absent.
 */
export type ApprovalScope = ("once" | "run" | "room" | "workspace" | "template")
/**
 * What the owner follows: releases of this channel and of steadier ones.
 */
export type InstallChannel = ("main" | "beta" | "nightly" | "dev")
/**
 * updates: whether to ask for those that widen nothing.
 */
export type AutoUpdate = ("ask" | "narrow")
/**
 * What to install: a listing's address (30051:pubkey:d or naddr1…) or what names an install of it, or its signed events, or a manifest by this worker's own author key.
 */
export type ControlInstallSource = (ControlSourceAddress | ControlSourceEvents | ControlSourceManifest)
export type InputValue = (string | number | boolean | string[])
/**
 * Hours. With on_missed: catch_up, what was to start longer ago than this is not caught up. Absent: 168, seven days.
 */
export type ScheduleCatchUpAge = number
/**
 * What a constraint does that no sensor of the machine can measure. Absent: wait.
 */
export type ScheduleOnUnknown = ("wait" | "run")
/**
 * What a due time does while a run of the same install goes on: is skipped, waits for its end (later due times join it), or has it canceled. Absent: skip.
 */
export type ScheduleOverlap = ("skip" | "queue_one" | "cancel_running")
export type AutoUpdate1 = ("ask" | "narrow")
/**
 * How much is at stake: nothing leaves a sandbox, what leaves the supervised zone for good needs approval.
 */
export type PolicyZone = ("sandbox" | "supervised" | "high_stakes")
/**
 * once: exactly this action. run, room, workspace: the same op of the same manifest to the same targets, there. template: this step, as its manifest wires it, to the same targets.
 */
export type ApprovalScope1 = ("once" | "run" | "room" | "workspace" | "template")
/**
 * POST /v1/policy/evaluate: an action, or a manifest as something to install, and the circumstances. The worker's own kill switch and strictness hold whatever is said here.
 */
export type PolicyEvaluation = (PolicyActionEvaluation | PolicyManifestEvaluation)
/**
 * What a step asked its owner for, or consent gave it, and what became of that. The subject is the approval, appr_….
 */
export type ApprovalEvent = (ApprovalRequested | ApprovalApproved | ApprovalDenied | ApprovalExpired | ApprovalRevoked | ApprovalConsumed)
/**
 * What this worker attests in public of its runs, and since when its owner lets it. The subject is attestation, or attestation_<run>.
 */
export type AttestationEvent = (AttestationEnabled | AttestationDisabled | AttestationPublished | AttestationFailed)
/**
 * Capability tokens that were given out and taken back. The subject is the token, cap_…, whose text is never stored.
 */
export type CapabilityEvent = (CapabilityMinted | CapabilityDelegated | CapabilityRevoked)
/**
 * What happens to a payment as proof of a licence. The subject is payment_<payment hash>. No buyer, invoice or preimage is recorded.
 */
export type ClaimEvent = (ClaimMade | ClaimRenewed)
/**
 * What happens to an install. The subject is the install, install_….
 */
export type InstallEvent = (InstallRequested | InstallApproved | InstallEnabled | InstallDisabled | InstallRemoved | InstallUpdatesSet | InstallScheduleSet | InstallCapsSet | InstallYanked | InstallTakenDown | InstallTakedownLifted | InstallTakedownOverridden | InstallInspected | InstallPromoted | InstallProved | InstallRolledBack | InstallRevocationsSet | InstallReleaseSeen | InstallRefused)
/**
 * A public key in NIP-19 form.
 */
export type Npub = string
export type WebUrl = string
/**
 * @maxItems 32
 */
export type Labels = string[]
export type Platform = ("macos" | "linux" | "windows")
export type ModelBackend = ("foundation_models" | "mlx" | "ollama" | "llama.cpp" | "lexical-v1")
/**
 * A glob below ~/ or an absolute one. A bare string means read and write; an object narrows it.
 */
export type FilesystemPermission = (string | {
readonly path: string
readonly access: ("read" | "write" | "read_write")
})
export type UpgradeTrigger = (FileChangeTrigger | NostrEventTrigger)
/**
 * @minItems 1
 * @maxItems 64
 */
export type HexList = string[]
/**
 * Bad input that reached the worker. The subject is intake.
 */
export type IntakeEvent = IntakeRefused
/**
 * The switch that stops every write to the outside world. The subject is kill_switch.
 */
export type KillSwitchEvent = (KillSwitchEngaged | KillSwitchReleased)
/**
 * The licences that this worker holds. The subject is license_<payment hash>: one payment is one licence; license_trial_<hash of the address> for runs on trial.
 */
export type LicenseEvent = (LicenseAdded | LicenseProved | LicenseWithdrawn | LicenseUsed | LicenseTrialUsed)
/**
 * What the worker noticed of the machine it runs on. The subject is machine.
 */
export type MachineEvent = (MachineMeasured | MachineClockJumped)
/**
 * What the default route goes through; none without one.
 */
export type MachineNetwork = ("wifi" | "wired" | "other" | "none")
/**
 * What happens to the install mailbox of one worker. The subject is mailbox_<worker key>.
 */
export type MailboxEvent = (MailboxSignersSet | MailboxDeposited | MailboxAcknowledged | MailboxExpired)
/**
 * What happens to a case of moderation. The subject is case_<hash of its target>.
 */
export type ModerationEvent = (ModerationReported | ModerationDecided | ModerationAppealed)
/**
 * What left in the name of the owner, an author or this worker, outside of any run. The subject is one such thing, out_….
 */
export type OutwardEvent = (OutwardBegun | OutwardRefused | OutwardEnded)
/**
 * How a coordinator's key earns the right to order installs. The subject is the pairing, pair_….
 */
export type PairingEvent = (PairingOffered | PairingClaimed | PairingConfirmed | PairingSharingSet | PairingResultsSet | PairingCapabilitiesReported | PairingRemoved)
/**
 * How an install behaves, and what its owner made of that. The subject is policy/install_….
 */
export type PolicyEvent = (PolicyDenied | PolicyQuarantined | PolicyQuarantineLifted | PolicyZoneSet | PolicyMetered)
/**
 * What was deleted because its time was over. The subject is retention.
 */
export type RetentionEvent = (RetentionApplied | RetentionCausesDeleted)
/**
 * What happens to a run. The subject is the run, run_….
 */
export type RunEvent = (RunCreated | RunClaimed | RunStepStarted | RunStepSucceeded | RunStepFailed | RunArtifactCreated | RunLogged | RunCancelRequested | RunPaused | RunResumed | RunStarted | RunLeaseExtended | RunReleased | RunCompleted | RunFailed | RunCanceled | RunNotePosted | RunNoteFailed)
/**
 * When an install is due and what was decided about it. The subject is the install's schedule, schedule_….
 */
export type ScheduleEvent = (ScheduleSet | ScheduleCleared | ScheduleDeferred | ScheduleSkipped | ScheduleFired | ScheduleRealigned | ScheduleRunStarted | ScheduleRunRefused)
/**
 * What an install waits for besides its schedule, what was noticed, and what came of it. The subject is the install's triggers, trigger_….
 */
export type TriggerEvent = (TriggersSet | TriggersCleared | TriggerNoted | TriggerSettled | TriggerWatchFailed | TriggerWatchRestored | TriggerDeferred | TriggerFired | TriggerRunStarted | TriggerRunRefused)
export type TriggerWatch = (FileWatchOrder | EventWatchOrder)
export type TriggerCause = (FilesChanged | EventReceived)
/**
 * What happens to the owner's secrets, by name and never with a value. The subject is vault, or vault/<run> for what a run used.
 */
export type VaultEvent = (VaultSecretSet | VaultSecretRemoved | VaultPassphraseChanged | VaultSecretUsed)
/**
 * A coordinator's order to one worker: the content of a signed event (kind 24051) that only travels encrypted to that worker. It carries authority, so it names exactly what was approved.
 */
export type InstallConfig = (InstallOrder | InstallChange)
export type Hex64 = string
export type InstallId = string
/**
 * Strictly greater than that of every config this signer sent before for this install.
 */
export type InstallRevision = number
/**
 * Seconds since 1970, as in Nostr.
 */
export type UnixSeconds = number
/**
 * kind:pubkey:d of the manifest.
 */
export type ListingAddress = string
export type RelayUrl = string
/**
 * How much is at stake: nothing leaves a sandbox, what leaves the supervised zone for good needs approval.
 */
export type PolicyZone1 = ("sandbox" | "supervised" | "high_stakes")
/**
 * What a worker tells a coordinator: where things stand. The latest, by seq, of one pairing or install counts; finished runs add up.
 */
export type WorkerStatus = (PairingStatus | InstallStatus)
/**
 * Rises with everything that happens on the worker.
 */
export type StatusSeq = number
export type ModelEmbedParams = (ModelEmbedParams1 & ModelEmbedParams2)
export type ModelEmbedParams1 = ({
readonly index: string
} | {
readonly texts: readonly unknown[]
})

/**
 * What a capability token says: a root that a workspace minted, and what each delegation left of it. Signed by a chain of HMACs beside it.
 */
export interface CapabilityToken {
readonly root: CapabilityRoot
/**
 * @maxItems 3
 */
readonly delegations: readonly CapabilityDelegation[]
}
export interface CapabilityRoot {
readonly workspace_id: string
readonly nonce: string
/**
 * Whose acts those with it are; absent: those of the token, by its id.
 */
readonly principal?: string
readonly scope: CapabilityScope
/**
 * Unix seconds.
 */
readonly expires_at: number
}
/**
 * What may be done. What is not named may not.
 */
export interface CapabilityScope {
/**
 * Routes of the control API, e.g. run:read; * stands for any part.
 * 
 * @maxItems 100
 */
readonly api?: readonly string[]
/**
 * Ids of rooms; * for all.
 * 
 * @maxItems 100
 */
readonly rooms?: readonly string[]
/**
 * Tools, e.g. http.request or agent.id/tool; agent.id/* for all of one agent, * for all.
 * 
 * @maxItems 100
 */
readonly tools?: readonly string[]
/**
 * Hosts, e.g. api.example or *.example.
 * 
 * @maxItems 100
 */
readonly egress_domains?: readonly string[]
/**
 * Of the policy's action registry.
 * 
 * @maxItems 100
 */
readonly action_types?: readonly PolicyActionType[]
readonly data_access?: {
/**
 * Labels of data; * for all.
 * 
 * @maxItems 100
 */
readonly read?: readonly string[]
/**
 * Labels of data; * for all.
 * 
 * @maxItems 100
 */
readonly write?: readonly string[]
}
}
export interface CapabilityDelegation {
readonly scope: CapabilityScope
/**
 * Unix seconds.
 */
readonly expires_at: number
}
/**
 * POST /v1/approvals/:id/decide
 */
export interface ControlApprovalDecision {
readonly decision: ("approve" | "deny" | "revoke")
readonly scope?: ApprovalScope
/**
 * How long an approval holds from now on.
 */
readonly expires_in_ms?: number
/**
 * The most an approval of a wider scope than once is used within 24 hours.
 */
readonly uses_per_day?: number
/**
 * Of the action that the owner was shown; another one is then not approved.
 */
readonly action_sha256?: string
readonly reason?: string
}
/**
 * POST /v1/moderation/lists: changes a list of the owner's and publishes it. curators, moderators, trusted-authors and blocklist are lists of keys; every other name is a list of listings.
 */
export interface ControlCurate {
readonly list: string
/**
 * It must not be there yet.
 */
readonly create?: boolean
readonly title?: string
readonly description?: string
/**
 * Listings by address, or keys in hex or npub.
 * 
 * @maxItems 500
 */
readonly add?: readonly string[]
/**
 * @maxItems 500
 */
readonly remove?: readonly string[]
/**
 * curators: of the keys that are added.
 * 
 * @maxItems 6
 */
readonly roles?: readonly ("hold" | "label" | "take_down" | "restore" | "feature" | "relay")[]
/**
 * Of the keys that are added.
 */
readonly name?: string
/**
 * The worker's own where absent.
 * 
 * @maxItems 32
 */
readonly relays?: readonly string[]
}
/**
 * POST /v1/installs/:id/{inspect,approve,deny,enable,disable,remove,updates,caps,pin,unpin,rollback,narrow,override}.
 */
export interface ControlInstallChange {
/**
 * Kept in the log; override needs one.
 */
readonly reason?: string
readonly channel?: InstallChannel
readonly auto_update?: AutoUpdate
/**
 * inspect, approve: of the permissions the owner was shown.
 */
readonly permission_hash?: string
/**
 * caps: the most that one run may use; null: the worker's setting, again.
 */
readonly caps?: (RunCaps | null)
/**
 * approve: the release runs on trial first, and what runs now stays until it has run through.
 */
readonly staged?: boolean
/**
 * approve: false leaves a first install disabled until it is enabled. Absent: it is enabled.
 */
readonly enable?: boolean
/**
 * rollback: a version that was approved before, or its release's event id. Absent: the last one that ran through.
 */
readonly to?: string
/**
 * narrow: permissions to take away, as consent shows them.
 * 
 * @minItems 1
 * @maxItems 500
 */
readonly revoke?: readonly string[]
/**
 * narrow: permissions to give back.
 * 
 * @minItems 1
 * @maxItems 500
 */
readonly restore?: readonly string[]
/**
 * updates: how many hours this worker must have known a release before it takes it unasked.
 */
readonly min_age_h?: number
/**
 * updates: after how many failed runs in a row the last good release comes back; 0: never.
 */
readonly rollback_after?: number
/**
 * updates: whether what is taken unasked runs on trial first.
 */
readonly trial?: boolean
}
/**
 * The most that one run may use; what is not named is the worker's setting.
 */
export interface RunCaps {
/**
 * MiB: all child processes of the run, the model it asks on this machine, and what the run adds to the worker's own, together.
 */
readonly memory_mb?: number
/**
 * Processor seconds of the run's child processes, the models it asks on this machine, indexing and embedding, together.
 */
readonly cpu_s?: number
}
/**
 * POST /v1/installs/preview: what would be installed and what it would be allowed.
 */
export interface ControlInstallPreview {
readonly source: ControlInstallSource
readonly inputs?: {
[k: string]: InputValue | undefined
}
/**
 * Inputs as typed on a command line; the manifest says what each is.
 */
readonly inputs_text?: {
/**
 * @minItems 1
 * @maxItems 100
 */
[k: string]: string[] | undefined
}
readonly channel?: InstallChannel
/**
 * What a relative path in inputs_text is relative to.
 */
readonly cwd?: string
readonly schedule?: ScheduleChanges
}
export interface ControlSourceAddress {
readonly address: string
readonly version?: string
/**
 * Whose decisions apply to looking it up: keys in hex or npubs with commas between, or none. Those of the setting where absent.
 */
readonly moderators?: string
}
export interface ControlSourceEvents {
readonly manifest_event: NostrEvent
readonly release_event?: NostrEvent
}
/**
 * A signed Nostr event (NIP-01). Shape only: id and signature are checked by verifying it.
 */
export interface NostrEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: number
/**
 * @maxItems 2000
 */
readonly tags: readonly string[][]
readonly content: string
readonly sig: string
}
export interface ControlSourceManifest {
readonly manifest: {
[k: string]: unknown | undefined
}
}
/**
 * Settings of the owner that take the place of the upgrade's own; what is not named follows the upgrade. null takes a window or a constraint away.
 */
export interface ScheduleChanges {
readonly expression?: string
readonly timezone?: string
readonly window?: (ScheduleWindow | null)
readonly jitter_ms?: number
readonly on_missed?: ("skip" | "catch_up")
readonly catch_up_max_age_h?: ScheduleCatchUpAge
readonly on_unknown?: ScheduleOnUnknown
readonly overlap?: ScheduleOverlap
/**
 * null takes a constraint away.
 */
readonly constraints?: {
readonly plugged_in?: (boolean | null)
readonly wifi_only?: (boolean | null)
readonly cpu_max_percentage?: (number | null)
readonly suspend_if_active?: (boolean | null)
readonly respect_dnd?: (boolean | null)
}
}
/**
 * Local times between which a run may start; may cross midnight.
 */
export interface ScheduleWindow {
/**
 * HH:MM, included.
 */
readonly start: string
/**
 * HH:MM, excluded.
 */
readonly end: string
}
/**
 * POST /v1/installs: the owner's consent to exactly what the preview showed.
 */
export interface ControlInstallRequest {
readonly source: ControlInstallSource
readonly inputs: {
[k: string]: InputValue | undefined
}
readonly channel?: InstallChannel
readonly auto_update?: AutoUpdate1
readonly accepted: {
readonly manifest_sha256: string
readonly permission_hash: string
}
readonly schedule?: ScheduleChanges
/**
 * An update runs on trial first.
 */
readonly staged?: boolean
/**
 * false: a first install is approved and stays disabled.
 */
readonly enable?: boolean
}
/**
 * POST /v1/policy/kill-switch
 */
export interface ControlKillSwitch {
readonly on: boolean
readonly reason?: string
}
/**
 * POST /v1/moderation/decisions: what the owner decides as a curator, or appeals as an author. Signed by the owner's key and handed to the edge.
 */
export interface ControlModeration {
readonly action: ("hold" | "label" | "take_down" | "feature" | "restore" | "uphold" | "dismiss" | "appeal")
/**
 * A listing (30051:<key>:<name> or naddr1…), an event's id, or an npub for all of a key's listings. That of the decision where one is named.
 */
readonly target?: string
readonly reason?: ("malware" | "credential_theft" | "data_exfiltration" | "undeclared_behaviour" | "impersonation" | "infringement" | "illegal" | "prohibited_use" | "key_compromised" | "deceptive_pricing" | "spam" | "sensitive" | "broken" | "quality" | "disputed" | "other")
readonly status?: ("reviewed" | "unmaintained" | "sensitive" | "disputed" | "misleading" | "risky" | "unsafe")
readonly blast_radius?: ("none" | "output" | "files" | "accounts" | "money" | "machine")
readonly evidence_sha256?: string
/**
 * How long it holds; the longest that its reason allows where absent.
 */
readonly days?: number
/**
 * The decision that is reversed, upheld or appealed against.
 */
readonly decision?: string
readonly note?: string
}
/**
 * POST /v1/outward/:id/end: what came of it.
 */
export interface ControlOutwardEnd {
/**
 * @maxItems 64
 */
readonly accepted: readonly string[]
/**
 * @maxItems 64
 */
readonly refused: readonly string[]
}
/**
 * POST /v1/outward: something is about to leave in the owner's or an author's name.
 */
export interface ControlOutward {
readonly action_type: ("event.publish" | "site.publish")
/**
 * event:publish:<kind>, or network:egress:<host> of the edge that serves the site.
 */
readonly target: string
/**
 * The event's id, or the root of the catalog that the site shows.
 */
readonly content: string
/**
 * The owner's command or setting.
 */
readonly approval_id: string
}
/**
 * POST /v1/pairings/:id/{confirm,remove,share}.
 */
export interface ControlPairingChange {
/**
 * confirm: the key the owner compared.
 */
readonly pubkey?: string
readonly reason?: string
/**
 * share: whether this key is told what this worker measured about itself.
 */
readonly capabilities?: boolean
/**
 * share: whether this key is told what becomes of what it orders.
 */
readonly results?: boolean
}
/**
 * POST /v1/pairings: offer a coordinator a one-time secret, or pair a key the owner already knows.
 */
export interface ControlPairingRequest {
readonly label: string
/**
 * The most this signer's configs are granted without asking.
 * 
 * @maxItems 500
 */
readonly ceiling: readonly string[]
readonly pubkey?: string
readonly expires_in_ms?: number
/**
 * Whether the key is told what becomes of what it orders; not, where absent.
 */
readonly results?: boolean
}
/**
 * POST /v1/policy/installs/:id: how much is at stake with an install, or whether anything of it may start.
 */
export interface ControlPolicyChange {
/**
 * null: the worker's default.
 */
readonly zone?: (PolicyZone | null)
readonly quarantined?: boolean
readonly reason?: string
}
/**
 * POST /v1/reputation/{address}/rating: the owner's stars and review of a listing.
 */
export interface ControlRating {
readonly stars: number
readonly review?: string
/**
 * The worker's own where absent.
 * 
 * @maxItems 32
 */
readonly relays?: readonly string[]
}
/**
 * POST /v1/receipts: verify a licence receipt and hold it.
 */
export interface ControlReceiptAdd {
readonly bundle: ReceiptBundle
/**
 * Ask the edge of the settings what only it can know; invoice and preimage are sent to it.
 */
readonly online?: boolean
/**
 * Keys of edges whose proof in the bundle counts.
 * 
 * @maxItems 16
 */
readonly trusted_edges?: readonly string[]
}
/**
 * A licence receipt with what proves it. Invoice and preimage are bearer evidence: they travel privately and the edge keeps neither.
 */
export interface ReceiptBundle {
readonly receipt: NostrEvent
readonly manifest: NostrEvent
/**
 * The BOLT11 invoice that was paid.
 */
readonly invoice: string
/**
 * What the payment revealed: its SHA-256 is the payment hash.
 */
readonly preimage: string
readonly proof?: NostrEvent
}
/**
 * POST /v1/reputation/{address}/report: the owner's report of a listing, for moderators.
 */
export interface ControlReport {
readonly reason: ("malware" | "spam" | "illegal" | "impersonation" | "nudity" | "profanity" | "other")
readonly text?: string
/**
 * The manifest as it was seen.
 */
readonly manifest_event_id?: string
/**
 * The worker's own where absent.
 * 
 * @maxItems 32
 */
readonly relays?: readonly string[]
}
/**
 * POST /v1/reputation/{address}/verify: whose roll-up is to be reckoned again, and where it is read.
 */
export interface ControlReputationVerify {
/**
 * Whoever's is newest where absent.
 */
readonly indexer?: string
/**
 * The worker's own where absent.
 * 
 * @maxItems 32
 */
readonly relays?: readonly string[]
}
/**
 * POST /v1/runs/:id/cancel.
 */
export interface ControlRunCancel {
readonly reason?: string
}
/**
 * POST /v1/runs/claim: an engine asks for a run that it may carry out.
 */
export interface ControlRunClaim {
readonly engine_id: string
/**
 * Hashes of the manifests that the engine has installed.
 * 
 * @minItems 1
 * @maxItems 1000
 */
readonly manifests: readonly string[]
/**
 * What the engine has been given before and grants otherwise: it is given no run of those.
 * 
 * @maxItems 1000
 */
readonly except?: {
readonly manifest_sha256: string
readonly permission_hash: string
}[]
/**
 * How long the claim lasts without a sign of life. Default a minute.
 */
readonly lease_ms?: number
}
/**
 * POST /v1/runs/:id/fail: the run cannot go on, or ends as its owner asked.
 */
export interface ControlRunFail {
/**
 * What the claim gave.
 */
readonly claim_token?: string
/**
 * The engine's own name for this call: sent again under it, for want of an answer, the call is done once and answered alike.
 */
readonly idempotency_key?: string
readonly step_id: (string | null)
readonly code: string
readonly message: string
}
/**
 * POST /v1/runs/:id/lease/heartbeat, /v1/runs/:id/lease/release and /v1/runs/:id/complete.
 */
export interface ControlRunLease {
/**
 * What the claim gave.
 */
readonly claim_token?: string
/**
 * The engine's own name for this call: sent again under it, for want of an answer, the call is done once and answered alike.
 */
readonly idempotency_key?: string
readonly reason?: string
/**
 * Of a heartbeat: how long the lease lasts from now on. Default a minute.
 */
readonly lease_ms?: number
}
/**
 * POST /v1/runs/:id/pause and POST /v1/runs/:id/resume.
 */
export interface ControlRunPause {
readonly reason?: string
}
/**
 * POST /v1/runs: start an install now.
 */
export interface ControlRunRequest {
readonly install_id: string
/**
 * How long it may take from now on, waiting and pauses included.
 */
readonly deadline_ms?: number
}
/**
 * POST /v1/runs/:id/start: the engine says which of its own installs it runs this under.
 */
export interface ControlRunStart {
/**
 * What the claim gave.
 */
readonly claim_token?: string
readonly manifest_sha256: string
readonly permission_hash: string
}
/**
 * POST /v1/runs/:id/steps: what the engine that holds the run did.
 */
export interface ControlRunStep {
/**
 * What the claim gave.
 */
readonly claim_token?: string
/**
 * The engine's own name for this call: sent again under it, for want of an answer, the call is done once and answered alike.
 */
readonly idempotency_key?: string
readonly command: (ControlStepStart | ControlStepSucceed | ControlStepFail | ControlStepSettle | ControlStepArtifact | ControlStepLog)
}
export interface ControlStepStart {
readonly type: "start_step"
readonly step_id: string
readonly params: {
[k: string]: unknown | undefined
}
readonly sandbox?: ("bubblewrap" | "seatbelt" | "none")
}
export interface ControlStepSucceed {
readonly type: "succeed_step"
readonly step_id: string
readonly attempt: number
readonly duration_ms: number
readonly result: {
[k: string]: unknown | undefined
}
readonly next?: ControlStepNext
}
/**
 * Starts the step after it in the same transaction, as one event with the success. What may not start now (the run is paused or canceled, the kill switch is on) is left out without a refusal: the events of the answer say whether it was started, and start_step says why not.
 */
export interface ControlStepNext {
readonly step_id: string
readonly params: {
[k: string]: unknown | undefined
}
readonly sandbox?: ("bubblewrap" | "seatbelt" | "none")
}
export interface ControlStepFail {
readonly type: "fail_step"
readonly step_id: string
readonly attempt: number
readonly code: string
readonly message: string
readonly retryable: boolean
}
export interface ControlStepSettle {
readonly type: "settle_interrupted"
readonly step_id: string
}
export interface ControlStepArtifact {
readonly type: "add_artifact"
readonly step_id: string
readonly artifact: ArtifactRef
}
/**
 * An output of a run. Its bytes are kept by content under the worker's data folder.
 */
export interface ArtifactRef {
readonly artifact_id: string
readonly name: string
readonly media_type: string
readonly bytes: number
readonly sha256: string
}
export interface ControlStepLog {
readonly type: "log"
readonly step_id: string
readonly level: ("debug" | "info" | "warn")
readonly line: RunLogLine
}
export interface RunLogLine {
readonly message: string
/**
 * Figures and names that belong to the message.
 */
readonly fields?: {
[k: string]: unknown | undefined
}
}
/**
 * POST /v1/schedule/preview: when a schedule would fire.
 */
export interface ControlSchedulePreview {
readonly expression: string
readonly timezone: string
/**
 * Exclusive.
 */
readonly from: string
readonly count: number
readonly window?: {
readonly start: string
readonly end: string
}
}
/**
 * POST /v1/schedule/{install_id}: settings of the owner, besides those chosen before; null: what the upgrade declares, again.
 */
export interface ControlScheduleSet {
readonly changes: (ScheduleChanges | null)
}
/**
 * POST /v1/schedule/{install_id}/simulate: what an install's schedule, or one with other settings, would have done.
 */
export interface ControlScheduleSimulation {
/**
 * Absent: a week before to.
 */
readonly from?: string
/**
 * Exclusive. Absent: now.
 */
readonly to?: string
readonly changes?: ScheduleChanges
}
/**
 * POST /v1/search: literal and case-sensitive text, symbols and meaning in the indexed code.
 */
export interface ControlSearchRequest {
readonly query: string
readonly index?: string
readonly limit?: number
}
/**
 * POST /v1/secrets/remove.
 */
export interface ControlSecretRemove {
readonly name: string
}
/**
 * POST /v1/secrets: keep a secret in the vault, or replace it. No route gives its value back.
 */
export interface ControlSecretSet {
readonly name: string
/**
 * Printable ASCII, one line.
 */
readonly value: string
/**
 * Where it may be sent, whatever upgrades are granted: exact hosts, with a port where it is not the scheme's own.
 * 
 * @minItems 1
 * @maxItems 16
 */
readonly hosts: readonly string[]
}
/**
 * POST /v1/tokens/:id/revoke
 */
export interface ControlTokenChange {
readonly reason?: string
}
/**
 * POST /v1/tokens/delegate
 */
export interface ControlTokenDelegation {
readonly token: string
readonly label: string
readonly scope: CapabilityScope
readonly expires_in_ms: number
}
/**
 * POST /v1/tokens
 */
export interface ControlTokenRequest {
/**
 * What its owner will recognise it by.
 */
readonly label: string
/**
 * Whose acts those with it are; absent: those of the token, by its id.
 */
readonly principal?: string
readonly scope: CapabilityScope
readonly expires_in_ms: number
}
/**
 * POST /v1/upgrades/diff: what changes for an owner from one version to another. Manifests need no signature here.
 */
export interface ControlUpgradeDiff {
readonly before: ControlInstallSource
readonly after: ControlInstallSource
}
/**
 * POST /v1/secrets/passphrase: encrypt the vault anew under another passphrase.
 */
export interface ControlVaultPassphrase {
readonly old_passphrase: string
readonly new_passphrase: string
}
/**
 * POST /v1/secrets/unlock: open the vault until the worker stops, or make it where there is none.
 */
export interface ControlVaultUnlock {
readonly passphrase: string
}
/**
 * GET /v1/lists: lists by the moderators that the reader chose, the edge's own where none are.
 */
export interface CuratedListPage {
readonly lists: readonly CuratedListView[]
}
/**
 * A list of listings that one key put together and signed.
 */
export interface CuratedListView {
readonly address: string
readonly npub: string
readonly signer: string
readonly name: string
readonly title: string
readonly description: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly event_id: string
/**
 * Full addresses, in the signer's order.
 */
readonly listings: readonly string[]
readonly event: NostrEvent
}
/**
 * Every answer that is a no.
 */
export interface ApiError {
readonly error: {
/**
 * Stable: programs decide by it.
 */
readonly code: string
/**
 * One sentence for people.
 */
readonly message: string
readonly details?: {

}
}
}
/**
 * What another draft lists. It is shown with its source and never installed from here: it has no manifest, no permissions and no price that could be checked. All texts are its author's.
 */
export interface ExternalCatalogListing {
/**
 * kind:pubkey:d
 */
readonly address: string
/**
 * Where it is from: an application, a skill, or the announcement of an MCP server.
 */
readonly draft: ("nip-82" | "skl" | "contextvm")
readonly kind: (32267 | 33400 | 11316)
readonly pubkey: string
readonly npub: string
/**
 * The relay has the event.
 */
readonly event_id: string
readonly created_at: number
readonly title: string
readonly summary: string
readonly version: (string | null)
readonly url: (string | null)
/**
 * @maxItems 20
 */
readonly tags: readonly string[]
/**
 * @maxItems 100
 */
readonly tools: readonly string[]
readonly installable: false
}
/**
 * GET /v1/listings/{address}: the listing with the signed events it was read from, so that a reader can check them.
 */
export interface CatalogDetail {
readonly listing: CatalogListing
readonly event: NostrEvent1
/**
 * In the order of listing.releases.
 */
readonly release_events: readonly NostrEvent[]
/**
 * The other releases that the catalog keeps, latest first; absent where there are none.
 * 
 * @maxItems 50
 */
readonly older_release_events?: readonly NostrEvent[]
readonly reputation_event?: NostrEvent2
}
/**
 * One upgrade as the catalog shows it, identified by its full address. Everything in it is read from the signed events, which the catalog keeps and serves unchanged.
 */
export interface CatalogListing {
/**
 * kind:pubkey:d
 */
readonly address: string
/**
 * The author's key.
 */
readonly pubkey: string
readonly npub: string
readonly slug: string
readonly version: string
readonly title: string
readonly summary: string
/**
 * What the author calls themselves: not checked.
 */
readonly author_name?: string
/**
 * SPDX expression, or an empty text.
 */
readonly license: string
readonly categories: readonly string[]
readonly tags: readonly string[]
readonly backends: readonly string[]
readonly platforms: readonly string[]
readonly pricing: {
readonly model: ("free" | "per-run" | "per-month")
readonly amount_sats: number
/**
 * How many runs need no licence.
 */
readonly trial_runs?: number
}
readonly schedule_type: ("cron" | "manual" | "event")
readonly manifest_sha256: string
/**
 * Of the manifest event.
 */
readonly event_id: string
/**
 * Unix seconds, as the author signed it.
 */
readonly created_at: number
readonly reputation?: CatalogReputation
readonly moderation?: ListingModeration
/**
 * The newest release of each channel, by SemVer precedence.
 */
readonly releases: readonly CatalogRelease[]
}
/**
 * Absent where nobody has rated it.
 */
export interface CatalogReputation {
/**
 * The score.
 */
readonly stars_milli: number
/**
 * The lower end of its 95% interval, by which sort=rating orders.
 */
readonly low_milli: number
/**
 * The upper end.
 */
readonly high_milli: number
readonly rank: number
/**
 * Raters that count.
 */
readonly raters: number
/**
 * Ratings by keys without proof, which do not count.
 */
readonly unknown: number
/**
 * Workers that attested a run.
 */
readonly installs: number
/**
 * Buyers with a licence that stands.
 */
readonly licences: number
/**
 * Thousandths of a star since 7 days ago; null: there was no score then.
 */
readonly trend_7_milli: (number | null)
readonly trend_30_milli: (number | null)
readonly trend_90_milli: (number | null)
readonly badges: readonly string[]
/**
 * Unix seconds.
 */
readonly as_of: number
/**
 * Of the signed roll-up.
 */
readonly event_id: string
}
/**
 * Absent where the moderators that apply say nothing of it.
 */
export interface ListingModeration {
/**
 * What stands: its status and its blast radius are two things.
 */
readonly labels: readonly ModerationDecision[]
readonly featured: boolean
}
/**
 * What one key says of one target, as its signed label (NIP-32) has it. Only whom a reader trusts decides anything for them.
 */
export interface ModerationDecision {
/**
 * Of the signed label.
 */
readonly event_id: string
/**
 * Unix seconds.
 */
readonly created_at: number
/**
 * Who signed it.
 */
readonly moderator: string
readonly action: ("hold" | "label" | "take_down" | "feature" | "restore" | "uphold" | "dismiss" | "appeal")
readonly target: ModerationTarget
/**
 * Of a hold, label or take-down.
 */
readonly reason: ("malware" | "credential_theft" | "data_exfiltration" | "undeclared_behaviour" | "impersonation" | "infringement" | "illegal" | "prohibited_use" | "key_compromised" | "deceptive_pricing" | "spam" | "sensitive" | "broken" | "quality" | "disputed" | "other" | null)
/**
 * What a label says.
 */
readonly status: ("reviewed" | "unmaintained" | "sensitive" | "disputed" | "misleading" | "risky" | "unsafe" | null)
/**
 * How far the harm could reach, apart from what the label says.
 */
readonly blast_radius: ("none" | "output" | "files" | "accounts" | "money" | "machine" | null)
/**
 * Of what it rests on.
 */
readonly evidence_sha256: (string | null)
/**
 * Unix seconds; null: until it is reversed.
 */
readonly expires_at: (number | null)
/**
 * The decision that this one reverses, upholds or appeals against.
 */
readonly answers: (string | null)
readonly appeal: ("possible" | "open" | "upheld" | "restored")
readonly note: string
}
/**
 * A listing by its full address, one event by its id, or all of a key's listings.
 */
export interface ModerationTarget {
readonly kind: ("listing" | "event" | "key")
readonly value: string
}
export interface CatalogRelease {
readonly channel: string
readonly version: string
readonly event_id: string
readonly manifest_event_id: string
readonly manifest_sha256: string
readonly created_at: number
}
/**
 * A signed Nostr event (NIP-01). Shape only: id and signature are checked by verifying it.
 */
export interface NostrEvent1 {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: number
/**
 * @maxItems 2000
 */
readonly tags: readonly string[][]
readonly content: string
readonly sig: string
}
/**
 * A signed Nostr event (NIP-01). Shape only: id and signature are checked by verifying it.
 */
export interface NostrEvent2 {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: number
/**
 * @maxItems 2000
 */
readonly tags: readonly string[][]
readonly content: string
readonly sig: string
}
/**
 * What the moderators that a reader chose say of a listing they show.
 */
export interface ListingModeration1 {
/**
 * What stands: its status and its blast radius are two things.
 */
readonly labels: readonly ModerationDecision[]
readonly featured: boolean
}
/**
 * GET /v1/listings.
 */
export interface CatalogPage {
readonly listings: readonly CatalogListing[]
/**
 * What other drafts list, where external=1 asked for it; listings is empty then. Nothing of it can be installed.
 */
readonly external?: readonly ExternalCatalogListing[]
/**
 * Give it back as cursor for the next page; null on the last.
 */
readonly next_cursor: (string | null)
}
/**
 * The query string of GET /v1/listings. All conditions hold together.
 */
export interface CatalogQuery {
/**
 * Words, or beginnings of words, all of which must occur.
 */
readonly text?: string
readonly backend?: string
readonly platform?: string
readonly tag?: string
readonly category?: string
/**
 * 64 hex digits, or an npub.
 */
readonly author?: string
/**
 * Every author's upgrade of this name.
 */
readonly slug?: string
/**
 * free, paid, or the most it may cost in sats.
 */
readonly price?: string
/**
 * relevance needs text, and is then the default; else newest is. rating: by the lower end of the score's interval.
 */
readonly sort?: ("relevance" | "newest" | "title" | "price" | "rating")
/**
 * What other drafts list (NIP-82, SKL, ContextVM) in place of upgrades, where this edge keeps it: by text, author and tag, newest or by title.
 */
readonly external?: "1"
/**
 * Whose decisions apply: keys in hex or npubs with commas between, or none. The edge's own list where absent.
 */
readonly moderators?: string
/**
 * 1 to 100; 20 where absent.
 */
readonly limit?: string
/**
 * next_cursor of the page before, with the same query.
 */
readonly cursor?: string
}
/**
 * A listing's reputation in short, from the roll-up that the indexer signed. Stars are in thousandths.
 */
export interface CatalogReputation1 {
/**
 * The score.
 */
readonly stars_milli: number
/**
 * The lower end of its 95% interval, by which sort=rating orders.
 */
readonly low_milli: number
/**
 * The upper end.
 */
readonly high_milli: number
readonly rank: number
/**
 * Raters that count.
 */
readonly raters: number
/**
 * Ratings by keys without proof, which do not count.
 */
readonly unknown: number
/**
 * Workers that attested a run.
 */
readonly installs: number
/**
 * Buyers with a licence that stands.
 */
readonly licences: number
/**
 * Thousandths of a star since 7 days ago; null: there was no score then.
 */
readonly trend_7_milli: (number | null)
readonly trend_30_milli: (number | null)
readonly trend_90_milli: (number | null)
readonly badges: readonly string[]
/**
 * Unix seconds.
 */
readonly as_of: number
/**
 * Of the signed roll-up.
 */
readonly event_id: string
}
/**
 * POST /v1/workers/{pubkey}/installs, signed by a paired signer: an install config sealed for the worker (a gift wrap, kind 1059, whose p tag is the worker).
 */
export interface MailboxDeposit {
readonly event: NostrEvent
}
/**
 * GET /v1/workers/{pubkey}/installs, signed by the worker: deposits not yet acknowledged, oldest first.
 */
export interface MailboxPage {
readonly installs: readonly MailboxItem[]
/**
 * Give it back as after for the rest; null when this is all.
 */
readonly next_after: (number | null)
}
export interface MailboxItem {
readonly seq: number
/**
 * The sealed event's id.
 */
readonly deposit_id: string
/**
 * Who deposited it.
 */
readonly signer: string
readonly received_at: string
readonly event: NostrEvent
}
/**
 * PUT /v1/workers/{pubkey}/signers, signed by the worker: the keys whose install configs its mailbox takes. Replaces the list.
 */
export interface MailboxSigners {
/**
 * @maxItems 64
 */
readonly signers: readonly string[]
}
/**
 * GET /v1/moderation/cases: those that wait first, the heaviest first.
 */
export interface ModerationCasePage {
/**
 * @maxItems 100
 */
readonly cases: readonly ModerationCase[]
readonly next_cursor: (string | null)
}
/**
 * A target with all that was reported and decided of it, for curators.
 */
export interface ModerationCase {
readonly case_id: string
readonly target: ModerationTarget
/**
 * open: reports wait for an answer; held: a hold waits for a decision; appealed: an appeal does.
 */
readonly status: ("open" | "held" | "appealed" | "decided" | "dismissed" | "restored")
/**
 * Of the reports that no decision answered: by who reported, not by how many.
 */
readonly weight: number
readonly reports_total: number
readonly opened_at: string
readonly updated_at: string
readonly reports: readonly ModerationReport[]
/**
 * Latest first.
 */
readonly decisions: readonly ModerationEntry[]
}
export interface ModerationReport {
readonly event_id: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly reporter: string
/**
 * NIP-56's word.
 */
readonly reason: ("malware" | "spam" | "illegal" | "impersonation" | "nudity" | "profanity" | "other")
readonly text: string
readonly manifest_event_id: (string | null)
/**
 * What is known of the reporter, which is what the report weighs by.
 */
readonly standing: ("curator" | "buyer" | "trusted_author" | "attested" | "unknown")
}
export interface ModerationEntry {
readonly decision: ModerationDecision
/**
 * void: who decided it is no curator any more; answer: it decides about another decision, or about reports.
 */
readonly state: ("standing" | "expired" | "reversed" | "void" | "answer")
readonly appeal: ("possible" | "open" | "upheld" | "restored")
readonly appealed: (ModerationDecision | null)
/**
 * What reversed it, or upheld it on appeal.
 */
readonly answered: (ModerationDecision | null)
}
/**
 * GET /v1/moderation/ledger: every hold, label and take-down that curators of this edge made, the latest first: who, why, until when, and whether it was appealed or reversed.
 */
export interface ModerationLedger {
readonly operator: (string | null)
/**
 * @maxItems 100
 */
readonly entries: readonly ModerationEntry[]
readonly next_cursor: (string | null)
}
/**
 * GET /v1/moderation/roles: who may decide here, with the list that the operator signed.
 */
export interface ModerationRoles {
/**
 * The key that signs the list; null: this edge names none, and nobody moderates here.
 */
readonly operator: (string | null)
/**
 * The signed list, to be checked by anybody.
 */
readonly event: (NostrEvent | null)
readonly curators: {
readonly pubkey: string
readonly npub: string
readonly name: string
readonly roles: readonly ("hold" | "label" | "take_down" | "restore" | "feature" | "relay")[]
}[]
/**
 * Further moderators whose decisions are kept and served here, by another list that the operator signed. They apply to those who choose them.
 * 
 * @maxItems 50
 */
readonly moderators: {
readonly pubkey: string
readonly npub: string
readonly name: string
}[]
}
/**
 * POST /v1/moderation/…: a decision or an appeal, signed by whom sends it.
 */
export interface ModerationSubmission {
readonly event: NostrEvent
}
/**
 * POST /v1/receipts/verify: one receipt or several.
 */
export interface ReceiptBatch {
/**
 * @minItems 1
 * @maxItems 25
 */
readonly receipts: readonly ReceiptBundle[]
}
/**
 * Which receipt holds a payment. It says nothing of the buyer.
 */
export interface ReceiptClaim {
readonly payment_hash: string
readonly receipt_event_id: string
/**
 * UTC: when the payment was first claimed.
 */
readonly claimed_at: string
}
/**
 * POST /v1/receipts/claim: the payment is held by this receipt.
 */
export interface ReceiptClaimed {
readonly claim: ReceiptClaim
/**
 * A ReceiptProofEvent for a valid receipt, where the edge has a key.
 */
readonly proof: (NostrEvent | null)
}
/**
 * Every check of a licence receipt. A check is true, false, or null where this verifier cannot decide it; one false makes the receipt invalid, else one null leaves it unproven.
 */
export interface ReceiptReport {
readonly verdict: ("valid" | "invalid" | "unproven")
readonly checks: readonly ReceiptCheck[]
}
export interface ReceiptCheck {
readonly code: string
readonly ok: (boolean | null)
readonly message: string
}
/**
 * What was found of each receipt, in the order they were sent.
 */
export interface ReceiptVerification {
readonly results: readonly ReceiptResult[]
}
export interface ReceiptResult {
readonly report: ReceiptReport
/**
 * A ReceiptProofEvent for a valid receipt, where the edge has a key.
 */
readonly proof: (NostrEvent | null)
}
/**
 * POST to the relay's own address (NIP-86), signed by a key that manages the relay.
 */
export interface RelayManagementRequest {
readonly method: string
/**
 * @maxItems 8
 */
readonly params: readonly (string | number)[]
}
/**
 * GET /v1/listings/{address}/reputation/inputs: the ids of the events the roll-up was reckoned from, sorted, a page at a time.
 */
export interface ReputationInputs {
readonly root: string
readonly count: number
readonly event_ids: readonly string[]
/**
 * The last id here, to ask on with ?after=; null at the end.
 */
readonly next_after: (string | null)
}
/**
 * GET /v1/listings/{address}/reputation: what the score is, why, and the signed event that says so.
 */
export interface ListingReputation {
readonly rollup: ReputationRollUp
readonly event: NostrEvent3
/**
 * The roll-up in sentences.
 */
readonly explanation: readonly string[]
/**
 * Every rule against abuse, whether it had anything to do or not.
 */
readonly rules: {
readonly rule: string
readonly says: string
}[]
/**
 * The newest ratings, with what each weighs and why.
 * 
 * @maxItems 100
 */
readonly ratings: readonly WeighedRating[]
/**
 * How many events were left out, by code.
 */
readonly dropped: {
[k: string]: number | undefined
}
}
/**
 * A listing's reputation at one time: what anybody gets from the same events by the same formula. Stars are in thousandths.
 */
export interface ReputationRollUp {
/**
 * The version of the formula.
 */
readonly formula: number
readonly listing: string
/**
 * Unix seconds: ages are counted to here.
 */
readonly as_of: number
readonly score: {
/**
 * The Bayesian mean.
 */
readonly stars_milli: number
/**
 * The lower end of the 95% interval.
 */
readonly low_milli: number
/**
 * The upper end.
 */
readonly high_milli: number
/**
 * How many raters of equal weight would be as good a sample.
 */
readonly effective_raters_milli: number
}
/**
 * NIP-85's rank: where the interval's lower end stands between one and five stars.
 */
readonly rank: number
/**
 * Whose ratings count, by their best proof.
 */
readonly raters: {
/**
 * Raters with a licence receipt.
 */
readonly receipt: number
/**
 * Raters with an attested run and no receipt.
 */
readonly attested: number
/**
 * Raters in the web of trust and with neither.
 */
readonly trusted: number
}
/**
 * How many counted raters gave one, two, … five stars.
 * 
 * @minItems 5
 * @maxItems 5
 */
readonly stars: readonly number[]
readonly apart: {
/**
 * Ratings by keys without any proof: never in the score.
 */
readonly unknown: number
/**
 * Their plain average.
 */
readonly unknown_stars_milli: (number | null)
/**
 * Ratings by the listing's author: never in the score.
 */
readonly own: number
}
/**
 * How the score changed since; null where nothing was counted then.
 */
readonly trend: {
readonly days_7_milli: (number | null)
readonly days_30_milli: (number | null)
readonly days_90_milli: (number | null)
}
readonly runs: {
/**
 * Attested runs, at most one a day for each worker.
 */
readonly attested: number
/**
 * Workers that attested any: what install_cnt counts.
 */
readonly workers: number
}
/**
 * Buyers with a licence that stands.
 */
readonly licences: number
readonly zaps: {
readonly count: number
readonly senders: number
/**
 * Signal only: zaps are never in the score.
 */
readonly msats: number
}
/**
 * The rules against abuse that had something to do.
 * 
 * @maxItems 16
 */
readonly filters: {
readonly rule: string
/**
 * How many ratings it took weight from.
 */
readonly ratings: number
}[]
/**
 * The mean share of the counted raters' weight that they took.
 */
readonly filters_took_ppm: number
readonly badges: readonly ("well_rated" | "rising" | "widely_used" | "few_ratings" | "disputed")[]
/**
 * What the indexer decided beside the formula.
 */
readonly settings: {
/**
 * Whose receipts count.
 * 
 * @maxItems 64
 */
readonly receipt_signers: readonly string[]
/**
 * The key of the author's wallet that signs zap receipts, as its LNURL server named it; null: none, and no zap counts.
 */
readonly zap_provider: (string | null)
/**
 * Where the web of trust starts; empty: it was not used.
 * 
 * @maxItems 64
 */
readonly anchors: readonly string[]
}
/**
 * The events it was reckoned from.
 */
readonly inputs: {
readonly count: number
/**
 * Merkle root (RFC 9162) over the ids, sorted.
 */
readonly root: string
/**
 * All of them, sorted; absent where there are more than 500.
 * 
 * @maxItems 500
 */
readonly event_ids?: readonly string[]
}
}
/**
 * A signed Nostr event (NIP-01). Shape only: id and signature are checked by verifying it.
 */
export interface NostrEvent3 {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: number
/**
 * @maxItems 2000
 */
readonly tags: readonly string[][]
readonly content: string
readonly sig: string
}
export interface WeighedRating {
readonly event_id: string
readonly rater: string
readonly stars: number
/**
 * A stranger's words: never to be shown unescaped.
 */
readonly review: string
readonly created_at: number
/**
 * The best proof the rater has; unknown and own do not count.
 */
readonly class: ("receipt" | "attested" | "trusted" | "unknown" | "own")
/**
 * In millionths of one rater.
 */
readonly weight_ppm: number
readonly rules: {
readonly rule: string
readonly kept_ppm: number
}[]
}
/**
 * Where the files of a pack are in it, by path: the beginning of the pack.
 */
export interface SiteIndex {
[k: string]: {
/**
 * From the end of the index.
 */
readonly offset: number
/**
 * As stored.
 */
readonly bytes: number
/**
 * Content-Type.
 */
readonly type: string
/**
 * Of the file before it was compressed.
 */
readonly sha256: string
readonly gzip: boolean
} | undefined
}
/**
 * PUT /v1/site: which stored objects make up the site from now on. Objects are named by the SHA-256 of their bytes.
 */
export interface SiteManifest {
/**
 * Unix seconds; a site takes the place of an older one only.
 */
readonly created_at: number
/**
 * Merkle root of the snapshot the pages are built from.
 */
readonly root: string
readonly listings: number
readonly files: number
/**
 * Objects with the files, in the order of their paths: a file is in the last pack whose first path is not after its own.
 * 
 * @minItems 1
 * @maxItems 4096
 */
readonly packs: {
/**
 * The path of its first file.
 */
readonly first: string
readonly object: string
/**
 * How much of its beginning says where its files are (SiteIndex); they stand behind that.
 */
readonly index_bytes: number
}[]
}
/**
 * GET /v1/snapshot: every listing with its signed events, in the order of addresses, for mirrors.
 */
export interface SnapshotPage {
/**
 * Grows whenever the catalog changes: a mirror of the same version is up to date.
 */
readonly version: number
readonly listings_total: number
/**
 * @maxItems 100
 */
readonly details: readonly CatalogDetail[]
/**
 * Give it back as cursor for the next page; null on the last.
 */
readonly next_cursor: (string | null)
}
/**
 * GET /v1/upstreams: the relays that events are pulled from.
 */
export interface UpstreamPage {
readonly relays: readonly UpstreamRelay[]
/**
 * How many events were not taken, by code, over all relays.
 */
readonly passed_over: {
[k: string]: number | undefined
}
}
export interface UpstreamRelay {
readonly url: string
/**
 * Named by this edge's settings, or by authors in their relay lists (NIP-65).
 */
readonly source: ("configured" | "relay list")
/**
 * How it was last read: by comparison (NIP-77) or page by page; null before the first time.
 */
readonly method: ("negentropy" | "paging" | null)
/**
 * When it was last read to its end.
 */
readonly pulled_at_ms: (number | null)
/**
 * When it is read next.
 */
readonly next_at_ms: number
/**
 * In a row; each makes the wait longer.
 */
readonly failures: number
/**
 * Events that were new here.
 */
readonly taken: number
/**
 * Events that were not taken.
 */
readonly passed_over: number
/**
 * Seconds that hold more events of one kind than the relay sends at once, so that some may be missing.
 */
readonly missed_seconds: number
/**
 * What the last failure was.
 */
readonly error: (string | null)
}
/**
 * Something that is about to be done, as the policy gate judges it.
 */
export interface PolicyAction {
readonly action_type: PolicyActionType
readonly op?: string
readonly step_id?: string
/**
 * Of the manifest whose step it is.
 */
readonly manifest_sha256?: string
/**
 * Where it goes, host or host:port; the same as needing network:egress of it.
 */
readonly host?: string
readonly method?: string
/**
 * The permissions it needs.
 * 
 * @maxItems 500
 */
readonly needs?: readonly string[]
/**
 * What it would spend; the same as needing wallet:spend of it.
 */
readonly sats?: number
/**
 * Its parameters; every text in them is read.
 */
readonly params?: {
[k: string]: unknown | undefined
}
/**
 * What it says or asks, where that is no parameter.
 */
readonly text?: string
readonly zone?: PolicyZone
/**
 * Who would do it.
 */
readonly principal?: string
readonly install_id?: string
readonly run_id?: string
readonly room_id?: string
/**
 * Of the step's parameters as its manifest wires them, inputs filled in.
 */
readonly pattern_sha256?: string
/**
 * Of the whole action, where its parameters are left out here.
 */
readonly action_sha256?: string
}
/**
 * A decision of the owner. It covers an action that agrees with every field it has, and a template only one step's exact targets.
 */
export interface PolicyApproval {
readonly approval_id: string
readonly scope: ApprovalScope1
readonly principal?: string
readonly install_id?: string
readonly run_id?: string
readonly room_id?: string
readonly action_sha256?: string
readonly pattern_sha256?: string
readonly manifest_sha256?: string
readonly step_id?: string
readonly op?: string
readonly action_type?: PolicyActionType
readonly method?: (string | null)
/**
 * The permissions that reach outside, all of them and no others.
 * 
 * @maxItems 500
 */
readonly targets?: readonly string[]
/**
 * Unix seconds.
 */
readonly expires_at?: number
}
export interface PolicyQuota {
readonly name: string
readonly used: number
/**
 * What the action would add.
 */
readonly amount: number
readonly limit: number
}
export interface PolicyActionEvaluation {
readonly action: PolicyAction
readonly context?: PolicyCircumstances
}
/**
 * What is so; absent parts are the worker's own.
 */
export interface PolicyCircumstances {
/**
 * What is granted. Absent: grants are not asked about.
 * 
 * @maxItems 500
 */
readonly grant?: readonly string[]
readonly kill_switch?: boolean
readonly zone?: PolicyZone
/**
 * @maxItems 500
 */
readonly approvals?: readonly PolicyApproval[]
/**
 * @maxItems 100
 */
readonly quotas?: readonly PolicyQuota[]
}
export interface PolicyManifestEvaluation {
readonly manifest: {
[k: string]: unknown | undefined
}
readonly context?: PolicyCircumstances
}
/**
 * Something may be done only once its owner says so.
 */
export interface ApprovalRequested {
readonly event_type: "approval.requested"
readonly data: {
readonly pins: ApprovalPins
/**
 * One sentence: what would be done, without what it would be done with.
 */
readonly summary: string
/**
 * What it would be done with, credentials left out.
 */
readonly request?: {
[k: string]: unknown | undefined
}
/**
 * @maxItems 100
 */
readonly reasons: readonly PolicyReasonRecord[]
/**
 * Unix time after which nobody can approve it any longer.
 */
readonly expires_at_ms: number
}
}
/**
 * Exactly what is asked for. An approval of a scope is held to those of them that the scope keeps.
 */
export interface ApprovalPins {
/**
 * Who would do it: this worker's public key.
 */
readonly principal: string
readonly install_id: string
readonly manifest_sha256: string
readonly run_id: (string | null)
readonly room_id: (string | null)
readonly step_id: string
readonly op: string
readonly action_type: PolicyActionType
readonly method: (string | null)
/**
 * The permissions that reach outside, all of them and no others.
 * 
 * @maxItems 500
 */
readonly targets: readonly string[]
/**
 * Of the step's parameters as the manifest wires them, inputs filled in.
 */
readonly pattern_sha256: string
/**
 * Of the whole action with its values; null where they are known only once the step runs.
 */
readonly action_sha256: (string | null)
}
export interface PolicyReasonRecord {
readonly rule: string
readonly verdict: ("allow" | "require_approval" | "deny")
readonly code: string
readonly message: string
}
/**
 * Its owner said yes: at this machine, or by consenting to the install.
 */
export interface ApprovalApproved {
readonly event_type: "approval.approved"
readonly data: {
readonly by: ("owner" | "consent")
readonly scope: ApprovalScope1
/**
 * Unix time after which it approves nothing.
 */
readonly expires_at_ms: number
/**
 * The most it is used within 24 hours; null: once in all.
 */
readonly uses_per_day: (number | null)
}
}
/**
 * Its owner said no.
 */
export interface ApprovalDenied {
readonly event_type: "approval.denied"
readonly data: {
readonly reason: string
}
}
/**
 * Nobody decided in time.
 */
export interface ApprovalExpired {
readonly event_type: "approval.expired"
readonly data: {
readonly at_ms: number
}
}
/**
 * It approves nothing any longer.
 */
export interface ApprovalRevoked {
readonly event_type: "approval.revoked"
readonly data: {
readonly reason: string
}
}
/**
 * It was used, in the transaction that recorded what was about to be done.
 */
export interface ApprovalConsumed {
readonly event_type: "approval.consumed"
readonly data: {
readonly install_id: string
readonly run_id: string
readonly step_id: string
readonly action_sha256: string
/**
 * What it would spend; absent where it spends nothing.
 */
readonly sats?: number
/**
 * The idempotency key of what was done: another attempt at the same is the same use.
 */
readonly use: string
readonly at_ms: number
}
}
/**
 * The owner's settings let the worker attest runs that end from now on.
 */
export interface AttestationEnabled {
readonly event_type: "attestation.enabled"
readonly data: {

}
}
/**
 * They no longer do.
 */
export interface AttestationDisabled {
readonly event_type: "attestation.disabled"
readonly data: {

}
}
/**
 * One run was attested.
 */
export interface AttestationPublished {
readonly event_type: "attestation.published"
readonly data: {
readonly attestation_event_id: string
/**
 * @minItems 1
 * @maxItems 32
 */
readonly accepted: readonly string[]
/**
 * @maxItems 32
 */
readonly refused: readonly string[]
}
}
/**
 * It could not be, or may not be.
 */
export interface AttestationFailed {
readonly event_type: "attestation.failed"
readonly data: {
readonly attempt: number
readonly code: string
readonly message: string
/**
 * Null: it is not tried again.
 */
readonly retry_at_ms: (number | null)
}
}
/**
 * The owner made a token.
 */
export interface CapabilityMinted {
readonly event_type: "capability.minted"
readonly data: {
readonly label: string
readonly principal: (string | null)
readonly scope: CapabilityScope
readonly expires_at_ms: number
}
}
/**
 * A narrower token was made of another.
 */
export interface CapabilityDelegated {
readonly event_type: "capability.delegated"
readonly data: {
readonly parent_id: string
/**
 * That of the token it was made of.
 */
readonly principal?: (string | null)
readonly depth: number
readonly label: string
readonly scope: CapabilityScope
readonly expires_at_ms: number
}
}
/**
 * It opens nothing any longer, and neither does what was made of it.
 */
export interface CapabilityRevoked {
readonly event_type: "capability.revoked"
readonly data: {
readonly reason: string
}
}
/**
 * The first receipt to come holds the payment from now on.
 */
export interface ClaimMade {
readonly event_type: "claim.made"
readonly data: ClaimHolder
}
export interface ClaimHolder {
readonly payment_hash: string
readonly receipt_event_id: string
/**
 * Unix seconds.
 */
readonly receipt_created_at: number
/**
 * Of kind:signer:d, which names the buyer: the log keeps only its hash.
 */
readonly receipt_address_sha256: string
}
/**
 * A later version of the receipt that holds the payment took its place.
 */
export interface ClaimRenewed {
readonly event_type: "claim.renewed"
readonly data: ClaimHolder
}
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
 * Fetched: a signed config that passed every check, with its manifest, verified. The manifest is kept, so that the network is never needed again.
 */
export interface InstallRequested {
readonly event_type: "install.requested"
readonly data: {
readonly pins: InstallPins
/**
 * Why the owner must approve at the worker; empty: covered by the signer's ceiling.
 * 
 * @maxItems 50
 */
readonly approval_reasons: readonly string[]
readonly manifest?: UpgradeManifest
/**
 * The values the owner gave.
 */
readonly inputs?: {
[k: string]: unknown | undefined
}
}
}
/**
 * What exactly was asked for: nothing here can be changed by replacing an addressable event. The schedule is the config's, else the manifest's.
 */
export interface InstallPins {
readonly signed_by: InstallSigner
/**
 * kind:pubkey:d of the listing.
 */
readonly upgrade_address: string
readonly upgrade_id: string
readonly upgrade_version: string
readonly title: string
readonly author_pubkey: string
readonly manifest_event_id: string
readonly release_event_id: string
readonly manifest_sha256: string
/**
 * Of permissions.
 */
readonly permission_hash: string
/**
 * What the signer was shown: the plan's, with these inputs, before ~ is expanded.
 * 
 * @maxItems 500
 */
readonly permissions: readonly string[]
readonly schedule: UpgradeSchedule
/**
 * When the author says the release was made, Unix seconds.
 */
readonly released_at?: number
/**
 * Where to post completion notes. Absent: the worker's own setting.
 * 
 * @maxItems 50
 */
readonly completion_relays?: readonly string[]
}
/**
 * The signed config behind an order; absent where the owner acted at the worker.
 */
export interface InstallSigner {
/**
 * Public key that signed the install config.
 */
readonly signer: string
readonly revision: number
readonly config_event_id: string
}
export interface UpgradeSchedule {
readonly type: ("cron" | "manual" | "event")
/**
 * Five fields: minute hour day-of-month month day-of-week.
 */
readonly expression?: string
/**
 * IANA name. Absent: the worker's own zone.
 */
readonly timezone?: string
readonly window?: ScheduleWindow
readonly constraints?: ScheduleConstraints
readonly jitter_ms?: number
readonly on_missed?: ("skip" | "catch_up")
readonly catch_up_max_age_h?: ScheduleCatchUpAge
readonly on_unknown?: ScheduleOnUnknown
readonly overlap?: ScheduleOverlap
}
export interface ScheduleConstraints {
readonly plugged_in?: boolean
readonly wifi_only?: boolean
readonly cpu_max_percentage?: number
readonly suspend_if_active?: boolean
readonly respect_dnd?: boolean
}
/**
 * Upgrade manifest v0.1: what an upgrade does, when, with what permissions and at what price. A field that is not listed is refused, never ignored: it could be a rule this version does not know, or a misspelt one.
 */
export interface UpgradeManifest {
/**
 * The slug; tag d of its events.
 */
readonly id: string
/**
 * SemVer 2.0.0.
 */
readonly version: string
readonly title: string
readonly summary?: string
readonly author: UpgradeAuthor
/**
 * SPDX expression.
 */
readonly license?: string
readonly homepage?: WebUrl
readonly categories?: Labels
readonly tags?: Labels
readonly capabilities: UpgradeCapabilities
readonly permissions?: UpgradePermissions
/**
 * What the owner may set when installing, by name; ${inputs.<name>} in the pipeline.
 */
readonly inputs?: {
[k: string]: UpgradeInput | undefined
}
readonly schedule: UpgradeSchedule
/**
 * @maxItems 32
 */
readonly triggers?: readonly UpgradeTrigger[]
/**
 * @minItems 1
 * @maxItems 64
 */
readonly pipeline: readonly UpgradeStep[]
readonly pricing?: UpgradePricing
readonly policy?: UpgradePolicy
/**
 * @maxItems 32
 */
readonly artifacts?: readonly UpgradeArtifact[]
/**
 * Informative: hash, event id and signature are taken from the signed event, never from here.
 */
readonly signing?: {
readonly manifest_sha256?: string
readonly nostr_event_id?: string
readonly sig_author?: string
}
}
export interface UpgradeAuthor {
readonly name?: string
readonly npub: Npub
readonly contact?: string
}
export interface UpgradeCapabilities {
/**
 * @minItems 1
 */
readonly platforms: readonly Platform[]
/**
 * Empty for an upgrade that calls no model.
 */
readonly backends: readonly ModelBackend[]
readonly requires?: {
readonly disk_mb?: number
readonly ram_mb?: number
readonly gpu?: boolean
}
}
/**
 * What the upgrade asks for. What it needs is worked out from the pipeline; the two are compared.
 */
export interface UpgradePermissions {
/**
 * @maxItems 64
 */
readonly filesystem?: readonly FilesystemPermission[]
/**
 * Hosts: exact, host:port, or *.example.com.
 * 
 * @maxItems 64
 */
readonly network?: readonly string[]
/**
 * Ops, or agents' tools as <agent_id>/<tool>.
 * 
 * @maxItems 64
 */
readonly tools?: readonly string[]
/**
 * Names of environment variables.
 * 
 * @maxItems 32
 */
readonly env?: readonly string[]
/**
 * Kinds of Nostr events it may publish in the worker's name.
 * 
 * @maxItems 32
 */
readonly events?: readonly number[]
/**
 * Secrets of the owner's vault and the one host each is sent to; ${secrets.<name>} in a parameter that takes one.
 * 
 * @maxItems 16
 */
readonly secrets?: {
readonly name: string
/**
 * Exact: host or host:port.
 */
readonly host: string
}[]
readonly spend?: {
readonly sats: number
readonly period: ("run" | "day" | "week" | "month")
}
/**
 * May keep its own files, up to so many mebibytes: ${install.state} in a path of its steps. Each release has its own; a new one starts with a copy.
 */
readonly state_mb?: number
/**
 * May start processes.
 */
readonly process?: boolean
}
/**
 * One input. Without a default the install must give it.
 */
export interface UpgradeInput {
readonly type: ("string" | "path" | "integer" | "number" | "boolean" | "string_list")
readonly description?: string
readonly default?: InputValue
}
export interface FileChangeTrigger {
readonly type: "file_change"
readonly glob: string
}
export interface NostrEventTrigger {
readonly type: "nostr_event"
/**
 * @minItems 1
 * @maxItems 32
 */
readonly kinds: readonly number[]
/**
 * More of a NIP-01 filter.
 */
readonly filter?: {
readonly ids?: HexList
readonly authors?: HexList
/**
 * @minItems 1
 * @maxItems 64
 * 
 * This interface was referenced by `undefined`'s JSON-Schema definition
 * via the `patternProperty` "^#[a-zA-Z]$".
 */
[k: string]: string[] | HexList | undefined
}
}
/**
 * One step: its op and that op's parameters, beside the four fields below.
 */
export interface UpgradeStep {
readonly op: string
/**
 * For ${steps.<id>.<field>}. Absent: step_<n>, counted from 1.
 */
readonly id?: string
/**
 * Absent: the op's own.
 */
readonly timeout_ms?: number
readonly retry?: StepRetry
[k: string]: unknown | undefined
}
/**
 * Absent: the op's own.
 */
export interface StepRetry {
/**
 * 1: never tried again.
 */
readonly max_attempts: number
/**
 * Before the second attempt; doubles each time.
 */
readonly backoff_ms?: number
}
export interface UpgradePricing {
readonly model: ("free" | "per-run" | "per-month")
readonly amount_sats?: number
/**
 * How many runs a worker may start without a licence, counted over all releases of the listing. Absent: none.
 */
readonly trial_runs?: number
/**
 * @maxItems 32
 */
readonly revenue_split?: readonly RevenueShare[]
readonly coordinator?: Npub
}
export interface RevenueShare {
readonly npub: Npub
/**
 * Basis points; all shares sum to 10000.
 */
readonly bps: number
}
export interface UpgradePolicy {
/**
 * @maxItems 32
 */
readonly aup_flags?: readonly string[]
readonly data_retention_days?: number
/**
 * After how many failed runs in a row the last good release takes its place, unless the owner says otherwise.
 */
readonly rollback_after_failures?: number
/**
 * none, basic or full; any other word counts as none.
 */
readonly telemetry_level?: string
}
export interface UpgradeArtifact {
readonly type: string
readonly url: WebUrl
readonly sha256?: string
/**
 * Its size. What is published states it and sha256; nothing else of an artifact is ever used.
 */
readonly bytes?: number
readonly title?: string
}
/**
 * The requested pins are agreed to: they run from now on, or, staged, on trial first.
 */
export interface InstallApproved {
readonly event_type: "install.approved"
readonly data: {
readonly config_event_id: string
/**
 * auto_update: an update that widened nothing, taken as the owner had chosen.
 */
readonly approved_by: ("ceiling" | "owner" | "auto_update")
readonly permission_hash: string
/**
 * The permissions granted, home folder expanded.
 * 
 * @maxItems 500
 */
readonly grant: readonly string[]
readonly release?: InstallRelease
/**
 * It runs on trial first; what ran before stays.
 */
readonly staged?: true
}
}
/**
 * Names a release exactly.
 */
export interface InstallRelease {
readonly upgrade_version: string
readonly manifest_event_id: string
readonly release_event_id: string
readonly manifest_sha256: string
/**
 * Of what it may do, without what the owner took away.
 */
readonly permission_hash: string
}
/**
 * It runs on its schedule.
 */
export interface InstallEnabled {
readonly event_type: "install.enabled"
readonly data: {
readonly signed_by?: InstallSigner
readonly release?: InstallRelease
}
}
/**
 * It keeps its pins and does not run.
 */
export interface InstallDisabled {
readonly event_type: "install.disabled"
readonly data: {
readonly reason: string
readonly signed_by?: InstallSigner
}
}
/**
 * It is gone; only a higher revision of a signed config brings it back.
 */
export interface InstallRemoved {
readonly event_type: "install.removed"
readonly data: {
readonly reason: string
readonly signed_by?: InstallSigner
}
}
/**
 * What the owner chose for updates: to be asked, or to take what widens nothing without being asked.
 */
export interface InstallUpdatesSet {
readonly event_type: "install.updates_set"
readonly data: {
readonly auto_update: AutoUpdate1
readonly channel: InstallChannel
/**
 * No other release takes its place until it is unpinned. Absent: not pinned.
 */
readonly pinned?: boolean
/**
 * How long this worker must have known a release before it takes it unasked. Absent: the worker's own number.
 */
readonly min_age_h?: number
/**
 * After how many failed runs in a row the last good release comes back; 0: never. Absent: as the manifest says.
 */
readonly rollback_after?: number
/**
 * Whether an update that is taken unasked runs on trial first. Absent: yes.
 */
readonly trial?: boolean
}
}
/**
 * What the owner chose in place of the upgrade's own schedule; null: what the upgrade declares, again.
 */
export interface InstallScheduleSet {
readonly event_type: "install.schedule_set"
readonly data: {
readonly changes: (ScheduleChanges | null)
}
}
/**
 * The most that a run of it may use, as the owner chose; null: the worker's setting, again.
 */
export interface InstallCapsSet {
readonly event_type: "install.caps_set"
readonly data: {
readonly caps: (RunCaps | null)
}
}
/**
 * Its author took the release back: nothing new runs of it.
 */
export interface InstallYanked {
readonly event_type: "install.yanked"
readonly data: {
readonly release_event_id: string
/**
 * The author's deletion or label.
 */
readonly yank_event_id: string
readonly reason: string
}
}
/**
 * A moderator that the owner trusts hides what is installed.
 */
export interface InstallTakenDown {
readonly event_type: "install.taken_down"
readonly data: {
/**
 * Of the moderator's signed label or blocklist.
 */
readonly decision_event_id: string
readonly moderator: string
readonly action: ("hold" | "take_down")
/**
 * A sentence.
 */
readonly why: string
/**
 * Unix seconds; null: until it is reversed.
 */
readonly expires_at: (number | null)
/**
 * It ran until then, and runs no more because of this.
 */
readonly stopped: boolean
/**
 * It may not be enabled while this stands, unless its owner overrides it.
 */
readonly blocks: boolean
}
}
/**
 * What a moderator decided of it ended, was reversed, or is by nobody the owner trusts any more.
 */
export interface InstallTakedownLifted {
readonly event_type: "install.takedown_lifted"
readonly data: {
readonly decision_event_id: string
readonly by: ("end" | "reversal" | "choice")
}
}
/**
 * Its owner runs it all the same.
 */
export interface InstallTakedownOverridden {
readonly event_type: "install.takedown_overridden"
readonly data: {
readonly decision_event_id: string
readonly reason: string
}
}
/**
 * What it may do was looked at before anything was agreed to: by the owner, by who signed the order, or by the rule the owner chose for updates that widen nothing.
 */
export interface InstallInspected {
readonly event_type: "install.inspected"
readonly data: {
readonly release: InstallRelease
readonly shown_to: ("owner" | "signer" | "rule")
/**
 * What it may do beyond the release that ran then, in sentences.
 * 
 * @maxItems 100
 */
readonly widened: readonly string[]
/**
 * How long this worker had known the release. Absent: it saw it for the first time.
 */
readonly known_for_ms?: number
}
}
/**
 * The release on trial ran through: it takes the place of the one that ran before, which is kept.
 */
export interface InstallPromoted {
readonly event_type: "install.promoted"
readonly data: {
readonly release: InstallRelease
readonly run_id: string
}
}
/**
 * The release ran through for the first time: it is one to go back to.
 */
export interface InstallProved {
readonly event_type: "install.proved"
readonly data: {
readonly release: InstallRelease
readonly run_id: string
}
}
/**
 * An earlier release that was approved here runs again. The one it replaces is not taken again unasked.
 */
export interface InstallRolledBack {
readonly event_type: "install.rolled_back"
readonly data: {
readonly from: InstallRelease
readonly to: InstallRelease
/**
 * failures: too many in a row. trial: the release on trial failed, and never took the other's place.
 */
readonly by: ("owner" | "failures" | "trial")
readonly reason: string
/**
 * The run that failed last.
 */
readonly run_id?: string
}
}
/**
 * What the owner takes away of what the upgrade asks for, all of it: it stays taken away whatever release runs, until it is given back.
 */
export interface InstallRevocationsSet {
readonly event_type: "install.revocations_set"
readonly data: {
/**
 * @maxItems 500
 */
readonly revoked: readonly RevokedPermission[]
readonly release: InstallRelease
/**
 * What its runs may touch from now on, home folder expanded.
 * 
 * @maxItems 500
 */
readonly grant: readonly string[]
}
}
export interface RevokedPermission {
/**
 * As consent shows it.
 */
readonly permission: string
/**
 * The same with the home folder expanded.
 */
readonly granted: string
}
/**
 * This worker saw a release of it for the first time, by its own clock: an author can write any date.
 */
export interface InstallReleaseSeen {
readonly event_type: "install.release_seen"
readonly data: {
readonly release_event_id: string
readonly manifest_sha256: string
readonly upgrade_version: string
readonly channel: InstallChannel
/**
 * When the author says the release was made, Unix seconds.
 */
readonly released_at: number
/**
 * Unix milliseconds.
 */
readonly seen_at_ms: number
}
}
/**
 * A correctly signed config of a paired signer that was not accepted.
 */
export interface InstallRefused {
readonly event_type: "install.refused"
readonly data: {
readonly signed_by: InstallSigner
readonly code: string
readonly message: string
}
}
/**
 * Something from outside that the worker did not take.
 */
export interface IntakeRefused {
readonly event_type: "intake.refused"
readonly data: {
readonly source: ("relay" | "mailbox" | "cli" | "api" | "file")
readonly code: string
readonly message: string
/**
 * What it was: an event id, a path, a request.
 */
readonly ref?: string
/**
 * Earlier refusals that were counted but not recorded, since they came too fast.
 */
readonly suppressed: number
}
}
/**
 * Nothing outside is written any longer, whatever was approved.
 */
export interface KillSwitchEngaged {
readonly event_type: "kill_switch.engaged"
readonly data: {
readonly reason: string
}
}
/**
 * What is approved may be written outside again.
 */
export interface KillSwitchReleased {
readonly event_type: "kill_switch.released"
readonly data: {
readonly reason: string
}
}
/**
 * A receipt was verified and is held from now on; a later version of it takes the earlier one's place.
 */
export interface LicenseAdded {
readonly event_type: "license.added"
readonly data: {
readonly receipt_event_id: string
/**
 * 30053:<seller>:<d>
 */
readonly receipt_address: string
/**
 * Unix seconds.
 */
readonly receipt_created_at: number
readonly listing: string
readonly version: string
readonly release_event_id: string
readonly manifest_sha256: string
readonly buyer: string
readonly seller: string
readonly payment_hash: string
readonly network: ("bitcoin" | "testnet" | "signet" | "regtest")
readonly amount_msats: number
readonly model: ("per-run" | "per-month")
/**
 * Runs or months, as the model says.
 */
readonly quantity: number
/**
 * null: the licence does not end.
 */
readonly expires_at: (number | null)
readonly added_ms: number
readonly bundle?: ReceiptBundle1
}
}
/**
 * A licence receipt with what proves it. Invoice and preimage are bearer evidence: they travel privately and the edge keeps neither.
 */
export interface ReceiptBundle1 {
readonly receipt: NostrEvent
readonly manifest: NostrEvent
/**
 * The BOLT11 invoice that was paid.
 */
readonly invoice: string
/**
 * What the payment revealed: its SHA-256 is the payment hash.
 */
readonly preimage: string
readonly proof?: NostrEvent
}
/**
 * An edge said that the receipt was not taken back and holds its payment.
 */
export interface LicenseProved {
readonly event_type: "license.proved"
readonly data: {
readonly payment_hash: string
readonly receipt_event_id: string
/**
 * When the edge looked.
 */
readonly proved_ms: number
}
}
/**
 * An edge said that the held receipt was taken back: it counts no more.
 */
export interface LicenseWithdrawn {
readonly event_type: "license.withdrawn"
readonly data: {
readonly payment_hash: string
readonly receipt_event_id: string
readonly withdrawn_ms: number
readonly reason: string
}
}
/**
 * A run that a licence by runs pays for exists.
 */
export interface LicenseUsed {
readonly event_type: "license.used"
readonly data: {
readonly payment_hash: string
readonly install_id: string
readonly run_id: string
readonly used_ms: number
}
}
/**
 * A run exists that no licence pays for: it is one of those that the author gives away.
 */
export interface LicenseTrialUsed {
readonly event_type: "license.trial_used"
readonly data: {
readonly listing: string
readonly install_id: string
readonly run_id: string
readonly used_ms: number
}
}
/**
 * What the machine's sensors said, whenever a decision depended on it and it had changed.
 */
export interface MachineMeasured {
readonly event_type: "machine.measured"
readonly data: {
/**
 * Unix time of the measurement.
 */
readonly at_ms: number
readonly readings: MachineReadings
}
}
/**
 * What was measured; a sensor that could not know says why.
 */
export interface MachineReadings {
readonly plugged_in?: ({
readonly value: boolean
} | UnknownReading)
readonly network?: ({
readonly value: MachineNetwork
} | UnknownReading)
readonly cpu_percentage?: ({
readonly value: number
} | UnknownReading)
readonly idle_ms?: ({
readonly value: number
} | UnknownReading)
readonly dnd?: ({
readonly value: boolean
} | UnknownReading)
}
export interface UnknownReading {
/**
 * Why the sensor does not know.
 */
readonly unknown: string
}
/**
 * The schedule loop did not tick for a while, or wall time parted from monotonic time: sleep, a suspended process, a worker that was stopped or lost its power, or a clock that was set.
 */
export interface MachineClockJumped {
readonly event_type: "machine.clock_jumped"
readonly data: {
/**
 * Unix time at which it was noticed.
 */
readonly at_ms: number
/**
 * How far wall time ran ahead of monotonic time, or behind it.
 */
readonly jump_ms: number
/**
 * How much longer the loop was away than it had meant to sleep, by wall time; 0 where the clock went back.
 */
readonly away_ms: number
}
}
export interface MailboxSignersSet {
readonly event_type: "mailbox.signers_set"
readonly data: {
/**
 * @maxItems 64
 */
readonly signers: readonly string[]
}
}
/**
 * A paired signer left a sealed install config.
 */
export interface MailboxDeposited {
readonly event_type: "mailbox.deposited"
readonly data: {
/**
 * The sealed event's id, which commits to its content; the content is kept beside the log until it is acknowledged.
 */
readonly deposit_id: string
readonly signer: string
}
}
/**
 * The worker has taken the deposit; its content is deleted.
 */
export interface MailboxAcknowledged {
readonly event_type: "mailbox.acknowledged"
readonly data: {
readonly deposit_id: string
}
}
/**
 * Deposits that waited for longer than any of them is valid are gone; their contents are deleted.
 */
export interface MailboxExpired {
readonly event_type: "mailbox.expired"
readonly data: {
/**
 * @minItems 1
 * @maxItems 500
 */
readonly deposit_ids: readonly string[]
}
}
/**
 * A key reported the target; only the first report of each counts.
 */
export interface ModerationReported {
readonly event_type: "moderation.reported"
readonly data: {
readonly target: ModerationTarget
readonly report: ModerationReport
}
}
/**
 * A curator decided, within the roles of the signed list that is named.
 */
export interface ModerationDecided {
readonly event_type: "moderation.decided"
readonly data: {
readonly decision: ModerationDecision
/**
 * The list that gave the role; null: the operator decided.
 */
readonly roles_event_id: (string | null)
}
}
/**
 * Whom a decision is about appealed against it.
 */
export interface ModerationAppealed {
readonly event_type: "moderation.appealed"
readonly data: {
readonly decision: ModerationDecision
}
}
/**
 * The policy lets it leave, and it is about to. Without an end, nobody knows how far it came.
 */
export interface OutwardBegun {
readonly event_type: "outward.begun"
readonly data: {
readonly write: OutwardWrite
readonly at_ms: number
}
}
/**
 * What leaves, where to, and what approves it.
 */
export interface OutwardWrite {
readonly action_type: ("event.publish" | "site.publish")
/**
 * event:publish:<kind>, or network:egress:<host> of the edge that serves the site.
 */
readonly target: string
/**
 * The event's id, or the root of the catalog that the site shows.
 */
readonly content: string
/**
 * The owner's command or setting.
 */
readonly approval_id: string
}
/**
 * The policy does not let it leave.
 */
export interface OutwardRefused {
readonly event_type: "outward.refused"
readonly data: {
readonly write: OutwardWrite
readonly code: string
readonly message: string
readonly at_ms: number
}
}
/**
 * It was sent.
 */
export interface OutwardEnded {
readonly event_type: "outward.ended"
readonly data: {
/**
 * Who took it.
 * 
 * @maxItems 64
 */
readonly accepted: readonly string[]
/**
 * Who did not, with what they said.
 * 
 * @maxItems 64
 */
readonly refused: readonly string[]
readonly at_ms: number
}
}
/**
 * The owner made a one-time secret.
 */
export interface PairingOffered {
readonly event_type: "pairing.offered"
readonly data: {
/**
 * SHA-256 of the one-time secret, which is shown once and never stored; null where the owner named the key instead.
 */
readonly secret_sha256: (string | null)
/**
 * Unix time after which the secret is worthless.
 */
readonly expires_at_ms: number
/**
 * The most an install config from this signer can be granted without the owner.
 * 
 * @maxItems 500
 */
readonly ceiling: readonly string[]
readonly label: string
}
}
/**
 * Somebody showed the secret; it is used up.
 */
export interface PairingClaimed {
readonly event_type: "pairing.claimed"
readonly data: {
readonly pubkey: string
}
}
/**
 * The owner confirmed the key at the worker.
 */
export interface PairingConfirmed {
readonly event_type: "pairing.confirmed"
readonly data: {
readonly pubkey: string
}
}
/**
 * Whether this worker tells that key what it measured about itself, as the owner chose.
 */
export interface PairingSharingSet {
readonly event_type: "pairing.sharing_set"
readonly data: {
readonly capabilities: boolean
}
}
/**
 * Whether this worker tells that key what becomes of what it orders, as the owner chose.
 */
export interface PairingResultsSet {
readonly event_type: "pairing.results_set"
readonly data: {
readonly results: boolean
}
}
/**
 * What the paired worker says it measured about itself.
 */
export interface PairingCapabilitiesReported {
readonly event_type: "pairing.capabilities_reported"
readonly data: {
readonly capabilities: WorkerReport
/**
 * By its own clock, Unix seconds.
 */
readonly reported_at: number
readonly report_event_id: string
/**
 * By this worker's clock, Unix milliseconds.
 */
readonly taken_at_ms: number
}
}
/**
 * What a worker measured about itself; null: it could not be measured, which is not the same as none.
 */
export interface WorkerReport {
readonly platform: string
readonly os_release: string
readonly arch: string
readonly node_version: string
readonly cpu_count: number
readonly ram_mb: number
readonly disk_free_mb: (number | null)
readonly gpu: {
readonly present: (boolean | null)
readonly name: (string | null)
}
readonly tools: {
readonly git: (string | null)
}
readonly sandbox: (string | null)
/**
 * @maxItems 32
 */
readonly backends: {
readonly backend: ModelBackend
readonly available: boolean
readonly reason: string
}[]
}
/**
 * Nothing signed by that key is accepted any more.
 */
export interface PairingRemoved {
readonly event_type: "pairing.removed"
readonly data: {
readonly reason: string
}
}
/**
 * The policy gate stopped a step.
 */
export interface PolicyDenied {
readonly event_type: "policy.denied"
readonly data: {
readonly run_id: string
readonly step_id: string
readonly op: string
readonly code: string
/**
 * @maxItems 100
 */
readonly reasons: readonly PolicyReasonRecord[]
readonly at_ms: number
}
}
/**
 * Nothing of the install starts until its owner lifts it.
 */
export interface PolicyQuarantined {
readonly event_type: "policy.quarantined"
readonly data: {
readonly by: ("worker" | "owner")
readonly reason: string
readonly at_ms: number
}
}
/**
 * It may start again.
 */
export interface PolicyQuarantineLifted {
readonly event_type: "policy.quarantine_lifted"
readonly data: {
readonly reason: string
}
}
/**
 * Its owner chose how much is at stake.
 */
export interface PolicyZoneSet {
readonly event_type: "policy.zone_set"
readonly data: {
/**
 * null: the worker's default.
 */
readonly zone: (PolicyZone | null)
}
}
/**
 * What one attempt at a step used.
 */
export interface PolicyMetered {
readonly event_type: "policy.metered"
readonly data: {
readonly run_id: string
readonly step_id: string
readonly usage: PolicyUsage
readonly at_ms: number
}
}
export interface PolicyUsage {
readonly egress_bytes?: number
readonly model_tokens?: number
readonly model_ms?: number
}
/**
 * The values of finished runs (inputs, plans, parameters, results, log lines) were deleted; their outputs are deleted after it, unless a run that is kept has the same.
 */
export interface RetentionApplied {
readonly event_type: "retention.applied"
readonly data: {
/**
 * @minItems 1
 * @maxItems 100
 */
readonly runs: readonly RetainedRun[]
}
}
export interface RetainedRun {
readonly run_id: string
/**
 * How long they were to be kept.
 */
readonly days: number
/**
 * Values deleted from the log's side table; their commitments stay.
 */
readonly values: number
/**
 * Outputs the run had.
 */
readonly artifacts: number
}
/**
 * The files that an install's triggers had noticed were deleted from the log; that and when something was noticed stays.
 */
export interface RetentionCausesDeleted {
readonly event_type: "retention.causes_deleted"
readonly data: {
readonly install_id: string
/**
 * How long they were to be kept.
 */
readonly days: number
/**
 * Values deleted from the log's side table; their commitments stay.
 */
readonly values: number
}
}
/**
 * Somebody or something asked for a run; it waits for an engine.
 */
export interface RunCreated {
readonly event_type: "run.created"
readonly data: {
readonly install_id: (string | null)
readonly reason: ("manual" | "schedule" | "catch_up" | "trigger")
/**
 * The schedule's due time this run is for.
 */
readonly due_ms?: number
readonly upgrade_id: string
readonly upgrade_version: string
readonly title: string
/**
 * kind:pubkey:d of the listing.
 */
readonly upgrade_address: string
readonly manifest_sha256: string
readonly manifest_event_id: (string | null)
readonly release_event_id: (string | null)
readonly permission_hash: string
/**
 * Everything the run may touch, pinned for its whole life.
 * 
 * @maxItems 500
 */
readonly grant: readonly string[]
/**
 * @maxItems 64
 */
readonly steps: readonly RunStepName[]
/**
 * The steps as they will be performed, in order.
 * 
 * @maxItems 64
 */
readonly plan?: readonly RunStepPlan[]
/**
 * Inputs with defaults filled in.
 */
readonly inputs?: {
[k: string]: unknown | undefined
}
/**
 * When the run fails if it has not ended, in Unix milliseconds.
 */
readonly deadline_ms?: number
/**
 * What its release asks for and its owner took away.
 * 
 * @maxItems 500
 */
readonly revoked?: readonly RevokedPermission[]
/**
 * A run of a release that has not yet taken the other's place.
 */
readonly trial?: true
}
}
export interface RunStepName {
readonly step_id: string
readonly op: string
}
export interface RunStepPlan {
readonly step_id: string
readonly op: string
/**
 * Parameters, ${…} not yet resolved.
 */
readonly params: {
[k: string]: unknown | undefined
}
readonly effect: ("read" | "local_write" | "external_write")
readonly timeout_ms: number
/**
 * 1: an external write whose outcome is unknown is never repeated.
 */
readonly max_attempts: number
readonly backoff_ms: number
}
/**
 * An engine took the run.
 */
export interface RunClaimed {
readonly event_type: "run.claimed"
readonly data: {
readonly engine_id: string
/**
 * Grows with every claim; a writer with an older one is refused.
 */
readonly fence: number
/**
 * From then on another engine may claim it. Absent: until this engine's process is gone.
 */
readonly lease_until_ms?: number
/**
 * Whoever writes for this lease shows the token. Absent: an engine of the worker itself.
 */
readonly lease_token_sha256?: string
}
}
/**
 * Recorded before the op acts: for an external write this is the recorded intent.
 */
export interface RunStepStarted {
readonly event_type: "step.started"
readonly data: {
readonly step_id: string
readonly attempt: number
readonly op: string
readonly effect: ("read" | "local_write" | "external_write")
readonly idempotency_key: string
/**
 * What the programs it starts are kept in; absent for an op that starts none.
 */
readonly sandbox?: ("bubblewrap" | "seatbelt" | "none")
/**
 * Parameters with every ${…} resolved.
 */
readonly params?: {
[k: string]: unknown | undefined
}
}
}
/**
 * The op answered; the step is never performed again. Where the next one starts in the same breath, it is recorded here.
 */
export interface RunStepSucceeded {
readonly event_type: "step.succeeded"
readonly data: {
readonly step_id: string
readonly attempt: number
readonly duration_ms: number
/**
 * What ${steps.<id>.…} refers to.
 */
readonly result?: {
[k: string]: unknown | undefined
}
readonly next?: RunStepStart
/**
 * The parameters of that step.
 */
readonly next_params?: {
[k: string]: unknown | undefined
}
}
}
/**
 * The step that was started with it, as step.started says it; absent where none was.
 */
export interface RunStepStart {
readonly step_id: string
readonly attempt: number
readonly op: string
readonly effect: ("read" | "local_write" | "external_write")
readonly idempotency_key: string
/**
 * What the programs it starts are kept in; absent for an op that starts none.
 */
readonly sandbox?: ("bubblewrap" | "seatbelt" | "none")
}
/**
 * The attempt did not succeed.
 */
export interface RunStepFailed {
readonly event_type: "step.failed"
readonly data: {
readonly step_id: string
readonly attempt: number
readonly code: string
readonly message: string
/**
 * The engine died or stopped during the attempt, so how it ended is not known.
 */
readonly interrupted?: boolean
/**
 * When the next attempt is due; null where there is none.
 */
readonly retry_at_ms: (number | null)
}
}
/**
 * A step produced an output.
 */
export interface RunArtifactCreated {
readonly event_type: "artifact.created"
readonly data: {
readonly step_id: string
readonly artifact: ArtifactRef
}
}
/**
 * What an op reported on the way.
 */
export interface RunLogged {
readonly event_type: "run.log"
readonly data: {
readonly step_id: string
readonly level: ("debug" | "info" | "warn")
readonly line?: RunLogLine
}
}
/**
 * The run is to stop at once.
 */
export interface RunCancelRequested {
readonly event_type: "run.cancel_requested"
readonly data: {
readonly reason: string
}
}
/**
 * The run goes no further than the next step or checkpoint.
 */
export interface RunPaused {
readonly event_type: "run.paused"
readonly data: {
/**
 * machine: a constraint of the schedule is not met any longer. approval: a step waits for its owner's decision.
 */
readonly by: ("owner" | "machine" | "approval")
readonly reason: string
}
}
/**
 * The run may go on.
 */
export interface RunResumed {
readonly event_type: "run.resumed"
readonly data: {
/**
 * machine: a constraint of the schedule is not met any longer. approval: a step waits for its owner's decision.
 */
readonly by: ("owner" | "machine" | "approval")
readonly reason: string
}
}
/**
 * The engine that holds the lease has an install and a grant of its own for exactly this.
 */
export interface RunStarted {
readonly event_type: "run.started"
readonly data: {
readonly manifest_sha256: string
readonly permission_hash: string
}
}
/**
 * The engine that holds the run is alive.
 */
export interface RunLeaseExtended {
readonly event_type: "run.lease_extended"
readonly data: {
readonly fence: number
/**
 * From then on another engine may claim it.
 */
readonly lease_until_ms: number
}
}
/**
 * The engine gave the run back; another may claim it.
 */
export interface RunReleased {
readonly event_type: "run.released"
readonly data: {
readonly fence: number
readonly reason: string
}
}
/**
 * Every step succeeded.
 */
export interface RunCompleted {
readonly event_type: "run.completed"
readonly data: {
/**
 * Where the owner wants the completion note; empty: nowhere.
 * 
 * @maxItems 50
 */
readonly note_relays: readonly string[]
}
}
/**
 * A step failed for good, or the run could not go on.
 */
export interface RunFailed {
readonly event_type: "run.failed"
readonly data: {
readonly step_id: (string | null)
readonly code: string
readonly message: string
}
}
/**
 * The run stopped as asked.
 */
export interface RunCanceled {
readonly event_type: "run.canceled"
readonly data: {
readonly reason: string
}
}
/**
 * At least one relay took the completion note.
 */
export interface RunNotePosted {
readonly event_type: "note.posted"
readonly data: {
readonly note_event_id: string
/**
 * @maxItems 50
 */
readonly accepted: readonly string[]
/**
 * @maxItems 50
 */
readonly refused: readonly string[]
}
}
/**
 * No relay took the completion note; the run stays completed.
 */
export interface RunNoteFailed {
readonly event_type: "note.failed"
readonly data: {
readonly attempt: number
readonly code: string
readonly message: string
readonly retry_at_ms: (number | null)
}
}
/**
 * What is recorded of a step before its op acts.
 */
export interface RunStepStart1 {
readonly step_id: string
readonly attempt: number
readonly op: string
readonly effect: ("read" | "local_write" | "external_write")
readonly idempotency_key: string
/**
 * What the programs it starts are kept in; absent for an op that starts none.
 */
readonly sandbox?: ("bubblewrap" | "seatbelt" | "none")
}
/**
 * The install runs on this schedule from now on.
 */
export interface ScheduleSet {
readonly event_type: "schedule.set"
readonly data: {
readonly install_id: string
readonly worker_id: string
readonly schedule: CronSchedule
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly next: (ScheduleDue | null)
}
}
/**
 * A cron schedule with every default filled in. Events from before overlap, on_unknown and catch_up_max_age_h lack them: skip, wait, 168.
 */
export interface CronSchedule {
readonly expression: string
/**
 * IANA name.
 */
readonly timezone: string
readonly window?: ScheduleWindow
readonly constraints?: ScheduleConstraints
readonly jitter_ms: number
/**
 * Also decides what a due time outside the window does: skipped, or run at the next opening.
 */
readonly on_missed: ("skip" | "catch_up")
readonly catch_up_max_age_h?: ScheduleCatchUpAge
readonly overlap?: ScheduleOverlap
readonly on_unknown?: ScheduleOnUnknown
}
export interface ScheduleDue {
/**
 * What the cron expression says.
 */
readonly due_ms: number
/**
 * With jitter, or when the window opens, or when a wait ends at the latest.
 */
readonly fire_at_ms: number
/**
 * What jitter adds in that.
 */
readonly jitter_ms?: number
}
/**
 * The install has no schedule any more.
 */
export interface ScheduleCleared {
readonly event_type: "schedule.cleared"
readonly data: {
readonly install_id: string
readonly reason: string
}
}
/**
 * It was due and waits: for its window, for the machine's state, or for a run that goes on. next.fire_at_ms is when the wait ends at the latest, or when the window opens.
 */
export interface ScheduleDeferred {
readonly event_type: "schedule.deferred"
readonly data: {
readonly install_id: string
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly trace: ScheduleTrace
readonly next: (ScheduleDue | null)
}
}
/**
 * Everything a decision about a due time was made from.
 */
export interface ScheduleTrace {
/**
 * The latest due time that had come.
 */
readonly due_ms: number
/**
 * The earliest due time that this decision answers for.
 */
readonly first_due_ms: number
/**
 * When it was to start.
 */
readonly fire_at_ms: number
/**
 * How long after that the decision was made.
 */
readonly late_ms: number
/**
 * How much of that is jitter.
 */
readonly jitter_ms: number
/**
 * How many due times this decision answers for; more than one where some were missed.
 */
readonly due_times: number
/**
 * Due times before this were not counted: they are older than may be caught up.
 */
readonly counted_from_ms?: number
readonly window: (WindowTrace | null)
/**
 * @maxItems 32
 */
readonly constraints: readonly ConstraintTrace[]
readonly on_unknown: ScheduleOnUnknown
readonly on_missed: ("skip" | "catch_up")
readonly catch_up_max_age_h?: ScheduleCatchUpAge
readonly overlap: ScheduleOverlap
/**
 * Runs of the install that had not finished.
 */
readonly active_runs: number
/**
 * How far wall time ran ahead of (or behind) monotonic time since the check before: sleep, or a clock that was set.
 */
readonly clock_jump_ms?: number
/**
 * How much longer than it had meant to sleep the loop was away before this decision.
 */
readonly away_ms?: number
/**
 * Whether it is paid for; not_applicable for what is free.
 */
readonly licence: ("not_applicable" | LicenceTrace)
/**
 * Whether the quotas that its steps would use leave room; not_applicable where they use none.
 */
readonly budget: ("not_applicable" | BudgetTrace)
/**
 * How long it had waited: for the machine's state, a licence, a quota or a run.
 */
readonly waited_ms?: number
/**
 * When a wait ends at the latest; then the due time is skipped.
 */
readonly wait_until_ms?: number
readonly outcome: ("on_time" | "caught_up" | "window_opened" | "constraints_met" | "run_ended" | "licence_given" | "budget_freed" | "waits_for_window" | "waits_for_constraints" | "waits_for_run" | "waits_for_licence" | "waits_for_budget" | "outside_window" | "missed" | "too_old" | "constraints_unmet" | "run_active" | "unlicensed" | "over_budget")
}
export interface WindowTrace {
readonly start: string
readonly end: string
readonly open: boolean
}
export interface ConstraintTrace {
readonly name: ("plugged_in" | "wifi_only" | "cpu_max_percentage" | "suspend_if_active" | "respect_dnd")
/**
 * As declared; false asks for nothing.
 */
readonly required: (boolean | number)
/**
 * plugged_in: on mains power; wifi_only: wifi, wired, other or none; cpu_max_percentage: the whole machine's load in percent; suspend_if_active: milliseconds since the last input; respect_dnd: whether Do Not Disturb is on. "unknown" where no sensor knew, and where nothing was asked for.
 */
readonly measured: (boolean | number | string)
readonly met: ("yes" | "no" | "unknown")
/**
 * Why it is unknown.
 */
readonly reason?: string
}
export interface LicenceTrace {
readonly allowed: boolean
/**
 * Why it is not allowed.
 */
readonly code?: ("licence_missing" | "licence_expired" | "licence_used_up" | "licence_unproven")
/**
 * Which licence it runs under, or what it lacks and what would end that.
 */
readonly message: string
/**
 * Of the receipt that it is about.
 */
readonly receipt_event_id?: string
/**
 * unproven: nothing but its grace says that the receipt was not taken back. trial: there is no licence, and the author gives this run away.
 */
readonly verdict?: ("valid" | "unproven" | "trial")
/**
 * When the licence, or the grace of an unproven one, ends.
 */
readonly until_ms?: number
/**
 * Of a licence by runs, or of the trial, before this one.
 */
readonly runs_left?: number
}
export interface BudgetTrace {
readonly allowed: boolean
readonly message: string
/**
 * @maxItems 16
 */
readonly quotas: readonly QuotaTrace[]
}
export interface QuotaTrace {
readonly name: string
readonly used: number
readonly limit: number
/**
 * Where it is used up: when there is room again; null: never, with this limit.
 */
readonly free_at_ms?: (number | null)
}
/**
 * It was due and does not run for this due time.
 */
export interface ScheduleSkipped {
readonly event_type: "schedule.skipped"
readonly data: {
readonly install_id: string
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly trace: ScheduleTrace
readonly next: (ScheduleDue | null)
}
}
/**
 * It was due and one run is to be started for this due time.
 */
export interface ScheduleFired {
readonly event_type: "schedule.fired"
readonly data: {
readonly install_id: string
/**
 * Unix time of the decision.
 */
readonly at_ms: number
/**
 * The due time this run is for, jitter aside. With the install it identifies the run: started twice, it is one run.
 */
readonly due_ms: number
readonly reason: ("schedule" | "catch_up")
readonly trace: ScheduleTrace
readonly next: (ScheduleDue | null)
}
}
/**
 * The clock went back, so the next due time was found anew. What has fired stays fired.
 */
export interface ScheduleRealigned {
readonly event_type: "schedule.realigned"
readonly data: {
readonly install_id: string
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly next: (ScheduleDue | null)
}
}
/**
 * The run that was fired exists.
 */
export interface ScheduleRunStarted {
readonly event_type: "schedule.run_started"
readonly data: {
readonly install_id: string
readonly due_ms: number
readonly run_id: string
}
}
/**
 * The run that was fired could not be started.
 */
export interface ScheduleRunRefused {
readonly event_type: "schedule.run_refused"
readonly data: {
readonly install_id: string
readonly due_ms: number
readonly code: string
readonly message: string
}
}
/**
 * The install's triggers are watched from now on; what happened before does not count.
 */
export interface TriggersSet {
readonly event_type: "trigger.set"
readonly data: {
readonly install_id: string
/**
 * Unix time of the decision.
 */
readonly at_ms: number
/**
 * @maxItems 32
 */
readonly watches: readonly TriggerWatch[]
}
}
export interface FileWatchOrder {
readonly type: "file_change"
/**
 * Absolute.
 */
readonly glob: string
readonly refusal?: WatchRefusal
}
/**
 * Why it is not watched.
 */
export interface WatchRefusal {
readonly code: string
readonly message: string
}
export interface EventWatchOrder {
readonly type: "nostr_event"
/**
 * NIP-01.
 */
readonly filter: {
[k: string]: unknown | undefined
}
readonly refusal?: WatchRefusal
}
/**
 * The install's triggers are not watched any more.
 */
export interface TriggersCleared {
readonly event_type: "trigger.cleared"
readonly data: {
readonly install_id: string
readonly reason: string
}
}
/**
 * Something happened that the install is to run for.
 */
export interface TriggerNoted {
readonly event_type: "trigger.noted"
readonly data: {
readonly install_id: string
/**
 * Place in the manifest's list of triggers.
 */
readonly trigger: number
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly cause?: TriggerCause
readonly baseline?: FileBaseline
}
}
export interface FilesChanged {
readonly kind: "file_change"
/**
 * The first of them, in order. Empty where only the difference is known.
 * 
 * @maxItems 20
 */
readonly paths: readonly string[]
/**
 * How many files came, changed or went. Absent: it happened while the worker was not running.
 */
readonly changed?: number
}
export interface EventReceived {
readonly kind: "nostr_event"
readonly event_id: string
/**
 * The relay that brought it first.
 */
readonly relay: string
}
/**
 * The watched files as they were.
 */
export interface FileBaseline {
/**
 * SHA-256 over paths, sizes and times of change.
 */
readonly fingerprint: string
readonly files: number
}
/**
 * What is there now counts as known, and no run starts for it.
 */
export interface TriggerSettled {
readonly event_type: "trigger.settled"
readonly data: {
readonly install_id: string
/**
 * Place in the manifest's list of triggers.
 */
readonly trigger: number
/**
 * Unix time of the decision.
 */
readonly at_ms: number
/**
 * first_look: watching begins; own_run: it changed during a run of the install, or just after; own_event: this worker signed it; missed: it changed while the worker was not running, and the install skips what it missed.
 */
readonly reason: ("first_look" | "own_run" | "own_event" | "missed")
readonly cause?: TriggerCause
readonly baseline?: FileBaseline
}
}
/**
 * It cannot be watched for now: too many files match, a folder may not be read. It is tried again now and then.
 */
export interface TriggerWatchFailed {
readonly event_type: "trigger.watch_failed"
readonly data: {
readonly install_id: string
/**
 * Place in the manifest's list of triggers.
 */
readonly trigger: number
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly refusal: WatchRefusal
}
}
/**
 * It is watched again after it could not be.
 */
export interface TriggerWatchRestored {
readonly event_type: "trigger.watch_restored"
readonly data: {
readonly install_id: string
/**
 * Place in the manifest's list of triggers.
 */
readonly trigger: number
/**
 * Unix time of the decision.
 */
readonly at_ms: number
}
}
/**
 * What was noted waits. One run follows when it may start.
 */
export interface TriggerDeferred {
readonly event_type: "trigger.deferred"
readonly data: {
readonly install_id: string
/**
 * Unix time of the decision.
 */
readonly at_ms: number
/**
 * rate: the install has run for its triggers as often as it may for now; window: its window is closed; constraints: the machine is not as the schedule asks.
 */
readonly reason: ("rate" | "window" | "constraints")
/**
 * When it is looked at again.
 */
readonly until_ms: number
/**
 * @maxItems 32
 */
readonly constraints?: readonly ConstraintTrace[]
}
}
/**
 * One run is to be started for everything noted so far; `cause` is the first of it.
 */
export interface TriggerFired {
readonly event_type: "trigger.fired"
readonly data: {
readonly install_id: string
/**
 * Counts the install's fires. With the install it identifies the run: started twice, it is one run.
 */
readonly fire: number
/**
 * Place in the manifest's list of triggers.
 */
readonly trigger: number
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly cause?: TriggerCause
/**
 * How many this run answers for.
 */
readonly causes: number
/**
 * When the first of them was noted.
 */
readonly first_ms: number
/**
 * Nostr events that came in a flood meanwhile, were not noted one by one, and are answered for too.
 */
readonly passed_over?: number
/**
 * How the ids of the last of these begin, so that they count once as well.
 * 
 * @maxItems 1000
 */
readonly passed_over_ids?: readonly string[]
/**
 * Each declared constraint beside what was measured.
 * 
 * @maxItems 32
 */
readonly constraints?: readonly ConstraintTrace[]
}
}
/**
 * The run that was fired exists.
 */
export interface TriggerRunStarted {
readonly event_type: "trigger.run_started"
readonly data: {
readonly install_id: string
/**
 * Counts the install's fires. With the install it identifies the run: started twice, it is one run.
 */
readonly fire: number
readonly run_id: string
}
}
/**
 * The run that was fired could not be started.
 */
export interface TriggerRunRefused {
readonly event_type: "trigger.run_refused"
readonly data: {
readonly install_id: string
/**
 * Counts the install's fires. With the install it identifies the run: started twice, it is one run.
 */
readonly fire: number
/**
 * Unix time of the decision.
 */
readonly at_ms: number
readonly code: string
readonly message: string
/**
 * It was only the wrong moment: the same cause fires again later.
 */
readonly again: boolean
}
}
/**
 * A secret was kept, or replaced.
 */
export interface VaultSecretSet {
readonly event_type: "vault.secret_set"
readonly data: {
readonly name: string
readonly replaced: boolean
}
}
/**
 * A secret was deleted.
 */
export interface VaultSecretRemoved {
readonly event_type: "vault.secret_removed"
readonly data: {
readonly name: string
}
}
/**
 * The vault was encrypted anew, under another passphrase.
 */
export interface VaultPassphraseChanged {
readonly event_type: "vault.passphrase_changed"
readonly data: {

}
}
/**
 * A secret is put into a request of a step, which leaves once this is kept. Once for each step, secret and host.
 */
export interface VaultSecretUsed {
readonly event_type: "vault.secret_used"
readonly data: {
readonly name: string
/**
 * Where it is sent: host or host:port.
 */
readonly host: string
readonly run_id: string
readonly step_id: (string | null)
readonly install_id: (string | null)
}
}
/**
 * Install, or update to another release, inputs or schedule.
 */
export interface InstallOrder {
readonly config_version: 1
readonly action: "install"
readonly worker: Hex64
readonly signer: Hex64
readonly install_id: InstallId
readonly revision: InstallRevision
readonly issued_at: UnixSeconds
readonly expires_at: UnixSeconds
readonly listing: ListingAddress
readonly manifest_event_id: Hex64
readonly release_event_id: Hex64
readonly manifest_sha256: Hex64
/**
 * Of the permissions shown to the signer: the plan's, with these inputs, before ~ is expanded.
 */
readonly permission_hash: string
readonly inputs: {
[k: string]: InputValue | undefined
}
readonly schedule?: UpgradeSchedule
/**
 * Where to post completion notes. Absent: the worker's own setting.
 * 
 * @maxItems 32
 */
readonly completion_relays?: readonly RelayUrl[]
readonly manifest_event?: NostrEvent
readonly release_event?: NostrEvent
}
export interface InstallChange {
readonly config_version: 1
readonly action: ("enable" | "disable" | "remove")
readonly worker: Hex64
readonly signer: Hex64
readonly install_id: InstallId
readonly revision: InstallRevision
readonly issued_at: UnixSeconds
readonly expires_at: UnixSeconds
}
/**
 * A machine's state as its owner gives it, in the file that config.json names as machine_state_file: read instead of the sensors whenever a constraint is measured. What is absent is unknown.
 */
export interface MachineStateFile {
/**
 * On mains power.
 */
readonly plugged_in?: boolean
readonly network?: MachineNetwork
/**
 * Load of the whole machine.
 */
readonly cpu_percentage?: number
/**
 * Since the last input of its user.
 */
readonly idle_ms?: number
/**
 * Do Not Disturb, or a Focus, is on.
 */
readonly dnd?: boolean
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
 * JSON Schema of the step's parameters. x-secret marks text that may hold ${secrets.<name>}: what is sent, and to a host.
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
/**
 * Whether it starts other programs: each runs in the system's sandbox, and the step records which.
 */
readonly sandboxed?: boolean
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
/**
 * fixtures.json of a folder that `oa upgrade test` runs a pipeline against. Beside it: home/, the home folder before the run, and clones/<step>/, what git.clone brings.
 */
export interface UpgradeFixtures {
readonly inputs: {
[k: string]: InputValue | undefined
}
/**
 * Answers of http.request. Each is given once, in order, to a request of the same method, address and body.
 * 
 * @maxItems 1000
 */
readonly http: readonly FixtureHttp[]
/**
 * Answers of model.generate, each given once, in order.
 * 
 * @maxItems 1000
 */
readonly generate: readonly FixtureGenerate[]
/**
 * Results of git.clone; the files lie in clones/<step>/.
 * 
 * @maxItems 64
 */
readonly clones: readonly FixtureClone[]
readonly expect?: FixtureExpectation
}
export interface FixtureHttp {
readonly method: string
readonly url: string
/**
 * Of the request's body. Absent: any body.
 */
readonly request_sha256?: string
readonly status: number
readonly headers: {
[k: string]: string | undefined
}
readonly body: string
readonly encoding: ("utf8" | "base64")
}
export interface FixtureGenerate {
readonly backend: string
/**
 * Of the prompt, the home folder written as ~. Absent: any prompt.
 */
readonly prompt_sha256?: string
readonly model: string
readonly text: string
}
export interface FixtureClone {
readonly step: string
readonly repo: string
readonly commit: string
readonly branch: (string | null)
}
/**
 * What the run must leave behind, exactly. Absent: only that every step succeeds.
 */
export interface FixtureExpectation {
/**
 * @maxItems 10000
 */
readonly files: readonly FixtureFile[]
/**
 * @maxItems 1000
 */
readonly published: readonly FixtureEvent[]
}
export interface FixtureFile {
/**
 * Below the home folder, clones left out; state:/… is its own state.
 */
readonly path: string
readonly sha256: string
/**
 * Its content, where that is a short text: only to show what differs.
 */
readonly text?: string
}
export interface FixtureEvent {
readonly kind: number
readonly content: string
readonly tags: readonly string[][]
}
/**
 * config.json in the worker's data folder: what its owner may set. Everything is optional; options of a command and OA_ variables win over it. Secrets never stand here.
 */
export interface WorkerConfig {
/**
 * Of the control API on 127.0.0.1; 0 takes any free one. Default 6767.
 */
readonly port?: number
/**
 * The edge whose catalog and mailbox this worker uses, e.g. https://edge.example.
 */
readonly edge_url?: string
/**
 * Relays read for install configs and listings.
 * 
 * @maxItems 32
 */
readonly relays?: readonly string[]
/**
 * Where a finished run is told of; none by default.
 * 
 * @maxItems 32
 */
readonly completion_note_relays?: readonly string[]
/**
 * Exact host:port pairs in private address ranges that granted network access may reach.
 * 
 * @maxItems 50
 */
readonly private_allow?: readonly string[]
/**
 * Runs at a time. Default 1.
 */
readonly concurrency?: number
/**
 * Whether upgrades may bring programs of their own (code.run). Off by default; each install that does still waits for approval here.
 */
readonly code_packages?: boolean
readonly run_caps?: RunCaps
/**
 * MiB that the outputs of all runs may take together; the oldest make room. Default 10,240.
 */
readonly artifacts_mb?: number
/**
 * MiB that the worker's own log may take, older files included. Default 50.
 */
readonly log_mb?: number
/**
 * A JSON file that stands for the machine's sensors (power, network, load, idle time, Do Not Disturb), to try schedules out. Without it the sensors are read.
 */
readonly machine_state_file?: string
readonly backends?: BackendsConfig
/**
 * How strictly what an upgrade is for is judged. strict, the default: any prohibited use is denied. balanced: those of high severity; others are shown. permissive: those of high severity.
 */
readonly aup?: ("strict" | "balanced" | "permissive")
readonly aup_classifier?: AupClassifierConfig
/**
 * Denies every write to the outside world, whatever was approved. Default false.
 */
readonly kill_switch?: boolean
readonly zone?: PolicyZone1
readonly quotas?: QuotasConfig
/**
 * Keys whose decisions apply to what is installed, with the curators that their signed lists name. Absent: the operator of the edge; empty: nobody.
 * 
 * @maxItems 10
 */
readonly moderators?: readonly string[]
/**
 * What happens to an install that such a moderator takes down or holds: stop (default), or only tell.
 */
readonly on_take_down?: ("stop" | "tell")
/**
 * The Lightning networks on which a payment for a licence counts. Default ["bitcoin"]; regtest is that of the development node, where anyone makes money.
 * 
 * @minItems 1
 * @maxItems 4
 */
readonly payment_networks?: readonly ("bitcoin" | "testnet" | "signet" | "regtest")[]
/**
 * Tell the relays, under the worker's key, that a run of a published release succeeded: at most once a day for each install, naming release, manifest and you as its owner, and nothing of what the run did. It is the proof by which your ratings count. Default false.
 */
readonly attest_runs?: boolean
/**
 * No relay, no edge, no completion note and no trace leaves this machine; only steps reach out, and only to the hosts their upgrades are granted.
 */
readonly local_only?: boolean
/**
 * A file, readable by the owner alone, with the passphrase of the secrets vault. Absent: the service manager's credential oa-vault, else it is asked for.
 */
readonly vault_passphrase_file?: string
/**
 * Days after which what a finished run took and gave is deleted, where its upgrade does not say. Absent: kept.
 */
readonly retention_days?: number
/**
 * What signs as author: local (this machine's author key, the default), the path of a key file (nsec, 64 hex digits or ncryptsec), or bunker://<key>?relay=… of a remote signer (NIP-46), without its secret.
 */
readonly signer?: string
/**
 * The least that the worker's own log keeps. Default info.
 */
readonly log_level?: ("error" | "warn" | "info" | "debug")
/**
 * An OpenTelemetry collector (OTLP over HTTP, JSON) that is sent traces of runs, e.g. http://127.0.0.1:4318. Absent: none are made.
 */
readonly otel_endpoint?: string
}
/**
 * Model backends on this machine. lexical-v1 needs none.
 */
export interface BackendsConfig {
readonly "llama.cpp"?: {
/**
 * A GGUF file.
 */
readonly generate_model_path?: string
/**
 * A GGUF file.
 */
readonly embed_model_path?: string
/**
 * Processor threads it may use. Absent: as many as it likes.
 */
readonly threads?: number
}
readonly ollama?: OpenAiBackendConfig
readonly mlx?: OpenAiBackendConfig
readonly foundation_models?: OpenAiBackendConfig
}
/**
 * A server that speaks OpenAI's API.
 */
export interface OpenAiBackendConfig {
/**
 * E.g. http://127.0.0.1:11434/v1
 */
readonly base_url: string
readonly generate_model?: string
readonly embed_model?: string
}
/**
 * A model that also reads what upgrades are for and what comes of them. It can only make a verdict stricter; where it gives no answer, what it was to read is denied.
 */
export interface AupClassifierConfig {
readonly backend: ("llama.cpp" | "ollama" | "mlx" | "foundation_models")
/**
 * Another model of a server than the configured one.
 */
readonly model?: string
}
/**
 * The most that each install may use. Where absent: 120 external writes an hour, 1000 a day, 10000 sats a day, and as much as it likes of the others.
 */
export interface QuotasConfig {
/**
 * Writes outside, within an hour.
 */
readonly external_writes_per_hour?: number
/**
 * Writes outside, within 24 hours.
 */
readonly external_writes_per_day?: number
/**
 * Sats spent, within 24 hours; what could not be told to have failed counts. 0: nothing is ever spent.
 */
readonly sats_per_day?: number
/**
 * Bytes sent and received over HTTP, within 24 hours.
 */
readonly egress_bytes_per_day?: number
/**
 * Tokens read and written by models, within 24 hours.
 */
readonly model_tokens_per_day?: number
/**
 * Milliseconds of models at work, within 24 hours.
 */
readonly model_ms_per_day?: number
}
/**
 * The note a worker posts when a run has ended: which upgrade and how it went, nothing of what it did.
 */
export interface CompletionNoteEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 1
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * Whom one key follows (NIP-02): an option of reputation's web of trust.
 */
export interface FollowListEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 3
/**
 * @maxItems 2000
 */
readonly tags: (unknown[][] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A report of a listing for moderators (NIP-56).
 */
export interface ReportEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 1984
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A moderator's decision about a listing (a), an event (e) or a key (p), or an author's appeal. When it ends is not in NIP-40's tag: relays keep what was decided.
 */
export interface ModerationLabelEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 1985
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A worker's word that one run of one release succeeded there; nothing of what it did.
 */
export interface RunAttestationEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 1985
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A statement about its signer's own key, its content a KeyRotationContent. Label key-rotation: p names the successor. Label key-acceptance: p names the key that is succeeded; it stands inside a rotation as its proof. Label key-revocation: the key has none.
 */
export interface KeyRotationEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 3164
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A zap receipt for a listing (NIP-57), signed by the recipient's LNURL provider.
 */
export interface ZapReceiptEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 9735
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * Keys that one key wants to see nothing of (NIP-51): a blocklist to those who choose it as a moderator. Its content, if any, is encrypted and not read.
 */
export interface MuteListEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 10000
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * The inner event of an install config, its content an InstallConfig. Never sent in the clear.
 */
export interface InstallConfigEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 24051
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * The inner event of a pairing claim, its content a PairingClaim: a coordinator shows the one-time secret its owner read from the worker. Never sent in the clear.
 */
export interface PairingClaimEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 24052
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * An edge says that it found a receipt valid: unrevoked, and its payment claimed by no other. Good until its expiration; checked offline with the edge's key.
 */
export interface ReceiptProofEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 24054
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * The inner event of a capability report, its content a WorkerReport: a worker tells a paired key what it measured about itself, since its owner chose so. Never sent in the clear.
 */
export interface WorkerCapabilitiesEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 24055
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * The inner event of a status, its content a WorkerStatus: a worker tells a coordinator's key where its pairing stands and what became of what it ordered. Never sent in the clear.
 */
export interface WorkerStatusEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 24056
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * Authorises one HTTP request (NIP-98): its URL, its method and, where there is a body, the hash of its bytes.
 */
export interface HttpAuthEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 27235
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * Curators with their roles, or trusted authors, as one key names them (NIP-51 follow set).
 */
export interface PeopleListEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30000
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A list of upgrades of the kind that NIP-51 gave up: read, never written.
 */
export interface OldListEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30001
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * Authors whose upgrades one key wants to see nothing of (NIP-51): a blocklist.
 */
export interface KindMuteEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30007
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * An upgrade manifest as its author lists it: the manifest as content, its facts as tags.
 */
export interface ManifestEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30051
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * One release: pins the manifest event and the manifest hash it was made from.
 */
export interface ReleaseEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30052
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A licence receipt: the seller says that a buyer has paid for one release. Its content is the LicenseOffer that was paid. Invoice and preimage are never in it.
 */
export interface LicenseReceiptEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30053
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
/**
 * A LicenseOffer as JSON.
 */
readonly content: string
readonly sig: string
}
/**
 * One rater's stars and review for one listing. Its d is the listing's full address, so each rater has one.
 */
export interface RatingEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30054
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * What a mirror of the catalog shows, as one Merkle root over event ids (application data, NIP-78).
 */
export interface SnapshotEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30078
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * Listings that one key put together (NIP-51 app curation set).
 */
export interface CuratedListEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30267
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * A listing's reputation as an indexer signs it (NIP-85); the content is a ReputationRollUp.
 */
export interface ReputationEvent {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: 30384
/**
 * @maxItems 2000
 */
readonly tags: (unknown[] & string[][])
readonly content: string
readonly sig: string
}
/**
 * The content of a statement about its signer's own key (kind 3164). A rotation has the successor's own signed acceptance as proof.
 */
export interface KeyRotationContent {
readonly reason: string
readonly proof?: NostrEvent
}
/**
 * What a seller offers one buyer for one price, before the invoice. Its hash is the SHA-256 of its RFC 8785 form; the invoice commits to that hash, and the receipt carries the offer as its content.
 */
export interface LicenseOffer {
readonly offer_version: 1
/**
 * 30051:<author>:<slug>
 */
readonly listing: string
readonly version: string
readonly release_event_id: string
readonly manifest_sha256: string
/**
 * The key that may use the licence.
 */
readonly buyer: string
/**
 * The key that will sign the receipt: the author, or the coordinator the manifest names.
 */
readonly seller: string
readonly model: ("per-run" | "per-month")
/**
 * Runs or months, as the model says.
 */
readonly quantity: number
readonly price_msats: number
readonly network: ("bitcoin" | "testnet" | "signet" | "regtest")
/**
 * The Lightning node that will sign the invoice.
 */
readonly node_pubkey: string
/**
 * Unix seconds.
 */
readonly issued_at: number
/**
 * Unix seconds. An invoice made later is not for this offer.
 */
readonly expires_at: number
/**
 * Random: two offers of the same thing to the same buyer differ.
 */
readonly nonce: string
}
/**
 * The content of a pairing claim: the one-time secret that the worker showed its owner.
 */
export interface PairingClaim {
readonly secret: string
}
/**
 * The content of a release event (kind 30052).
 */
export interface ReleaseContent {
/**
 * What changed, as Markdown.
 */
readonly notes: string
/**
 * @maxItems 32
 */
readonly artifacts?: readonly UpgradeArtifact[]
readonly manifest_event?: NostrEvent4
}
/**
 * A signed Nostr event (NIP-01). Shape only: id and signature are checked by verifying it.
 */
export interface NostrEvent4 {
readonly id: string
readonly pubkey: string
/**
 * Unix seconds.
 */
readonly created_at: number
readonly kind: number
/**
 * @maxItems 2000
 */
readonly tags: readonly string[][]
readonly content: string
readonly sig: string
}
/**
 * What a remote signer answers, decrypted (NIP-46, kind 24133). An answer with the result auth_url has an address for its owner as error; the real one comes later under the same id. Fields that are not listed are not looked at.
 */
export interface RemoteSigningAnswer {
readonly id: string
readonly result?: (string | null)
readonly error?: (string | null)
[k: string]: unknown | undefined
}
export interface PairingStatus {
readonly about: "pairing"
readonly seq: StatusSeq
/**
 * claimed: the secret was right, and the owner has yet to confirm the key.
 */
readonly state: ("claimed" | "confirmed" | "removed")
readonly label: string
/**
 * Whether its owner lets the worker tell what becomes of orders and runs.
 */
readonly results: boolean
/**
 * What orders get without asking the owner.
 * 
 * @maxItems 500
 */
readonly ceiling: readonly string[]
}
export interface InstallStatus {
readonly about: "install"
readonly seq: StatusSeq
readonly install_id: string
/**
 * kind:pubkey:d of what runs, or waits; null: nothing does.
 */
readonly listing: (string | null)
readonly title: (string | null)
readonly version: (string | null)
/**
 * pending: it waits for the owner at the worker. quarantined: enabled, and nothing of it starts until its owner lifts that.
 */
readonly state: ("none" | "pending" | "enabled" | "quarantined" | "disabled" | "yanked" | "removed")
/**
 * Why the owner must approve, in sentences.
 * 
 * @maxItems 50
 */
readonly waits_for: readonly string[]
/**
 * To the order that led to this; null: something else did.
 */
readonly answer: (StatusAnswer | null)
/**
 * The run that ended; null: none did.
 */
readonly run: (StatusRun | null)
}
export interface StatusAnswer {
readonly config_event_id: string
readonly revision: number
/**
 * Why it was refused; null: it was taken.
 */
readonly code: (string | null)
readonly message: (string | null)
}
export interface StatusRun {
readonly run_id: string
readonly status: ("succeeded" | "failed" | "canceled")
readonly reason: ("manual" | "schedule" | "catch_up" | "trigger")
readonly code: (string | null)
readonly message: (string | null)
readonly started_at: (string | null)
/**
 * ISO 8601 in UTC.
 */
readonly finished_at: string
readonly steps_done: number
readonly steps_total: number
/**
 * What it made, by name and size: never what is in it.
 * 
 * @maxItems 50
 */
readonly outputs: readonly StatusOutput[]
}
export interface StatusOutput {
readonly name: string
readonly media_type: string
readonly bytes: number
}
export interface CodeRunParams {
/**
 * A WebAssembly module for WASI preview 1, or a program for macOS that Apple has notarized.
 */
readonly kind?: ("wasi" | "macos_plugin")
/**
 * Where it is fetched from, once; the same as in the manifest's artifacts.
 */
readonly url: string
readonly sha256: string
readonly bytes: number
/**
 * @maxItems 64
 */
readonly args?: readonly string[]
readonly stdin?: string
/**
 * Folders it may read; the module sees them as /read/0, /read/1 and so on.
 * 
 * @maxItems 16
 */
readonly read?: readonly string[]
/**
 * Folders it may read and write, which are there already: /write/0, /write/1 and so on.
 * 
 * @maxItems 16
 */
readonly write?: readonly string[]
/**
 * The most memory the module may have.
 */
readonly memory_mb?: number
readonly max_output_bytes?: number
}
export interface CodeRunResult {
readonly stdout: string
readonly stderr: string
readonly duration_ms: number
}
export interface FsReadParams {
readonly path: string
readonly max_bytes?: number
readonly encoding?: ("utf8" | "base64")
/**
 * The content where there is no such file, as on a first run; absent: that fails.
 */
readonly if_missing?: string
}
export interface FsReadResult {
readonly content: string
readonly bytes: number
readonly sha256: string
}
export interface FsWriteParams {
readonly path: string
/**
 * Text as it is; any other value is written as indented JSON.
 */
readonly content: (string | number | boolean | null | unknown[] | {

})
}
export interface FsWriteResult {
/**
 * As the parameter named it.
 */
readonly path: string
readonly bytes: number
readonly sha256: string
}
export interface GitCloneParams {
/**
 * An https:// address, or the absolute path of a repository on this machine.
 */
readonly repo: string
/**
 * The folder of the clone.
 */
readonly dest: string
/**
 * Whether a clone that is already there is brought up to date; if not, it is left as it is.
 */
readonly update?: boolean
/**
 * A branch, a tag or a full commit id; the repository's default branch where absent.
 */
readonly ref?: string
/**
 * Commits of history to fetch; all where absent.
 */
readonly depth?: number
/**
 * Where the submodules are that are brought along, those of submodules too: each as repo is written. No other is followed; its folder stays empty.
 * 
 * @minItems 1
 * @maxItems 32
 */
readonly submodules?: readonly string[]
}
export interface GitCloneResult {
/**
 * The folder, as dest named it.
 */
readonly path: string
readonly commit: string
/**
 * null for a tag or a commit.
 */
readonly branch: (string | null)
/**
 * Whether the folder's content changed.
 */
readonly updated: boolean
/**
 * What was brought along; absent where nothing was asked for.
 * 
 * @maxItems 64
 */
readonly submodules?: {
/**
 * The folder, as dest named it.
 */
readonly path: string
readonly repo: string
readonly commit: string
}[]
}
export interface HttpRequestParams {
/**
 * A secret may stand in its path or query, never in its host.
 */
readonly url: string
/**
 * GET and HEAD read; the others change something out there and carry an Idempotency-Key.
 */
readonly method?: ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")
readonly headers?: {
[k: string]: string | undefined
}
/**
 * Text as it is; any other value is sent as JSON.
 */
readonly body?: (string | number | boolean | null | unknown[] | {

})
/**
 * The step fails on any other status; 200 to 299 where absent.
 * 
 * @minItems 1
 * @maxItems 32
 */
readonly expect_status?: readonly number[]
readonly max_bytes?: number
}
export interface HttpRequestResult {
readonly status: number
/**
 * Where the answer came from, after redirects.
 */
readonly url: string
/**
 * Names in lower case.
 */
readonly headers: {
[k: string]: string | undefined
}
readonly body: string
/**
 * How body holds the bytes: base64 where they are not text.
 */
readonly encoding: ("utf8" | "base64")
/**
 * The parsed body, where the answer says it is JSON and it is valid and exact.
 */
readonly json?: (string | number | boolean | null | unknown[] | {

})
readonly bytes: number
}
export interface ModelEmbedParams2 {
readonly backend: ("lexical-v1" | "llama.cpp" | "ollama" | "mlx" | "foundation_models")
/**
 * Embed this index's passages that have no vector yet.
 */
readonly index?: string
/**
 * Embed these and return their vectors.
 * 
 * @maxItems 1000
 */
readonly texts?: readonly string[]
/**
 * The vectors' length. A model has one length; lexical-v1 takes any up to 2048.
 */
readonly dim?: number
}
export interface ModelEmbedResult {
/**
 * Vectors made now.
 */
readonly embedded: number
/**
 * Vectors there are.
 */
readonly total: number
readonly dim: number
readonly model: string
/**
 * Of length 1 each, in the order of texts; absent for an index.
 */
readonly vectors?: readonly number[][]
}
export interface ModelGenerateParams {
readonly backend: ("llama.cpp" | "ollama" | "mlx" | "foundation_models")
readonly prompt: string
readonly max_tokens: number
readonly temperature?: number
/**
 * A hint: which model of a server to use instead of the configured one.
 */
readonly model?: string
}
export interface ModelGenerateResult {
readonly text: string
readonly tokens_in?: number
readonly tokens_out?: number
/**
 * The model that answered.
 */
readonly model: string
}
export interface NostrPublishParams {
readonly kind: number
readonly content: string
/**
 * @maxItems 2000
 */
readonly tags?: readonly string[][]
/**
 * Some of the relays its owner chose; all of them where absent.
 * 
 * @minItems 1
 * @maxItems 32
 */
readonly relays?: readonly string[]
}
export interface NostrPublishResult {
readonly event_id: string
/**
 * Relays that acknowledged it.
 */
readonly accepted: readonly string[]
/**
 * The others, each with its reason.
 */
readonly refused: readonly string[]
}
export interface SearchkitIndexParams {
/**
 * The folder to index, usually a git checkout.
 */
readonly path: string
/**
 * The index's name on this worker.
 */
readonly index: string
/**
 * Index only these: a language (swift, ts, python) or a file extension. Absent or empty: every text file.
 * 
 * @maxItems 64
 */
readonly languages?: readonly string[]
/**
 * Index only paths that match one of these globs, relative to path. Absent or empty: all.
 * 
 * @maxItems 256
 */
readonly include?: readonly string[]
/**
 * Never index paths that match one of these globs, relative to path.
 * 
 * @maxItems 256
 */
readonly exclude?: readonly string[]
}
export interface SearchkitIndexResult {
readonly index: string
/**
 * Text files in the index.
 */
readonly files: number
readonly chunks: number
readonly symbols: number
/**
 * Files that were not in the index before.
 */
readonly added: number
/**
 * Files whose content is another than before.
 */
readonly changed: number
/**
 * Files that are gone or no longer wanted.
 */
readonly removed: number
/**
 * Files in scope whose content is not stored.
 */
readonly skipped: number
readonly skipped_by_reason: {
readonly binary: number
readonly secret: number
readonly too_large: number
readonly unreadable: number
}
/**
 * HEAD of the git checkout, null where there is none.
 */
readonly commit: (string | null)
}
export interface SearchkitQueryParams {
/**
 * The index's name on this worker.
 */
readonly index: string
/**
 * One line: a literal string, an identifier or a question.
 */
readonly query: string
/**
 * How many hits text shows, and how many passages may follow the exact matches.
 */
readonly limit?: number
}
export interface SearchkitQueryResult {
readonly hits: readonly SearchHit[]
/**
 * The best hits as text, short enough for a prompt.
 */
readonly text: string
/**
 * Lines of indexed files that contain the query, case and all.
 */
readonly exact_matches_total: number
readonly index: SearchedIndex
}
export interface SearchHit {
/**
 * Relative to the indexed folder.
 */
readonly path: string
readonly line_start: number
/**
 * Inclusive.
 */
readonly line_end: number
/**
 * The innermost definition around line_start.
 */
readonly symbol: (string | null)
readonly score: number
readonly reasons: readonly ("exact" | "symbol" | "bm25" | "vector")[]
/**
 * The lines between line_start and line_end that contain the query.
 */
readonly exact_lines?: readonly number[]
readonly snippet: string
}
export interface SearchedIndex {
readonly name: string
/**
 * HEAD when the index was made.
 */
readonly commit: (string | null)
/**
 * Files changed, added or deleted since; null where the folder could not be compared.
 */
readonly stale_files: (number | null)
/**
 * Files in scope that are not searched: binary, holding secrets, too large or unreadable.
 */
readonly skipped_files: number
/**
 * When the index was last complete, ISO 8601 UTC.
 */
readonly finished_at: string
/**
 * Which embedding took part, or why none did.
 */
readonly vectors?: string
}
export interface SiteBuildParams {
/**
 * The edge whose catalog is mirrored, without a path.
 */
readonly edge: string
/**
 * Where the site will be served; the edge's address where absent. It is written into pages, not connected to.
 */
readonly url?: string
/**
 * The site's name on this worker: its folder is below sites/ in the worker's data folder.
 */
readonly site?: string
/**
 * How many files the host takes; pictures of the oldest listings are left out.
 */
readonly files?: number
}
export interface SiteBuildResult {
/**
 * False: the site that is there is of the same catalog.
 */
readonly built: boolean
readonly listings: number
/**
 * Merkle root of the events it shows.
 */
readonly root: string
/**
 * Unix seconds that its pages are dated with.
 */
readonly created_at: number
/**
 * The site's folder.
 */
readonly path: string
}
