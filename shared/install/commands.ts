import type { Permission } from "../core/permission.ts";
import type {
  InstallInspected,
  InstallPins,
  InstallReleaseSeen,
  InstallRequested,
  InstallSigner,
  InstallTakedownLifted,
  InstallTakenDown,
  InstallUpdatesSet,
  RevokedPermission,
  RunCaps,
  ScheduleChanges,
  UpgradeManifest,
} from "../generated/types.ts";

/** What the worker found out about a signed config, besides what it says. */
export interface SignedOrder {
  readonly signed_by: InstallSigner;
  /** Addressed to, and this worker's own key. */
  readonly recipient: string;
  readonly worker: string;
  readonly expires_at_ms: number;
  readonly now_ms: number;
  /** The most this signer may order without the owner, home folder expanded; null: the signer is not paired. */
  readonly ceiling: readonly Permission[] | null;
}

export type InstallCommand =
  | ({
      readonly type: "order";
      readonly pins: Omit<InstallPins, "signed_by" | "manifest_sha256" | "permission_hash">;
      readonly manifest: UpgradeManifest;
      readonly inputs: NonNullable<InstallRequested["data"]["inputs"]>;
      /** The hashes the config names, and those of what was really found. */
      readonly named: { readonly manifest_sha256: string; readonly permission_hash: string };
      readonly found: { readonly manifest_sha256: string; readonly permission_hash: string };
      readonly grant: readonly Permission[];
      /** In sentences, what the owner did not agree to with the release that runs; null where nothing runs. */
      readonly widened?: readonly string[] | null;
      /** The keys from the author's that is known here to that of these pins, each named by the one before it. */
      readonly author_keys?: readonly string[] | undefined;
      /** The worker takes it by itself, since the owner chose so: then it is stricter. */
      readonly unattended?: boolean;
    } & SignedOrder)
  | ({ readonly type: "change"; readonly action: "enable" | "disable" | "remove" } & SignedOrder)
  /** Keeps a refusal of a correctly signed config in the log. */
  | { readonly type: "refuse"; readonly signed_by: InstallSigner; readonly code: string; readonly message: string }
  /** The owner was shown exactly what has this hash. */
  | ({ readonly type: "inspect"; readonly permission_hash: string } & Pick<
      InstallInspected["data"],
      "widened" | "known_for_ms"
    >)
  | {
      readonly type: "approve";
      readonly permission_hash: string;
      readonly grant: readonly Permission[];
      /** On trial first, where something runs. */
      readonly staged?: boolean;
      /** False: a first install stays disabled. */
      readonly enable?: boolean;
    }
  | { readonly type: "deny"; readonly reason: string }
  | { readonly type: "enable" }
  | { readonly type: "disable" | "remove"; readonly reason: string }
  | ({ readonly type: "set_updates" } & Partial<InstallUpdatesSet["data"]>)
  /** Null: what the upgrade declares, again. What was chosen before and is not named now stays chosen. */
  | { readonly type: "set_schedule"; readonly changes: ScheduleChanges | null }
  | { readonly type: "set_caps"; readonly caps: RunCaps | null }
  | {
      readonly type: "yank";
      readonly release_event_id: string;
      readonly yank_event_id: string;
      readonly reason: string;
    }
  /** A moderator that the owner trusts hides it; `stops`: it may not run while that stands, as the owner chose. */
  | ({ readonly type: "take_down"; readonly stops: boolean } & Omit<InstallTakenDown["data"], "stopped" | "blocks">)
  | ({ readonly type: "lift_takedown" } & InstallTakedownLifted["data"])
  | { readonly type: "override_takedown"; readonly reason: string }
  | ({ readonly type: "see_release" } & InstallReleaseSeen["data"])
  /** A run of the release ended well; the first time it is proved, and one on trial takes its place. */
  | { readonly type: "ran_through"; readonly release_event_id: string; readonly run_id: string }
  /** A run of the release failed, as many in a row as `failures` says. */
  | {
      readonly type: "ran_aground";
      readonly release_event_id: string;
      readonly run_id: string;
      readonly failures: number;
      readonly message: string;
    }
  /** The owner goes back; `to` is a version or a release's event id, null the last that ran through. */
  | { readonly type: "roll_back"; readonly to: string | null; readonly reason: string }
  /** All that the owner takes away, with what was before. */
  | { readonly type: "set_revocations"; readonly revoked: readonly RevokedPermission[] };
