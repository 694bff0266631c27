import type { Decider } from "../core/decider.ts";
import { sha256Hex } from "../core/hash.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { LicenseAdded, LicenseEvent, ReceiptBundle, ReceiptReport } from "../generated/types.ts";
import type { Receipt } from "../nostr/30053-license-receipt.ts";
import { refuseInvalid } from "./verify.ts";

/** A receipt as it is held; what proves it stays in the log. */
export type HeldReceipt = Omit<LicenseAdded["data"], "bundle">;

/** One licence, folded from its events: what a payment bought. */
export interface LicenseState {
  readonly held: HeldReceipt | null;
  /** When an edge last said that the held receipt stands; null: never. */
  readonly proved_ms: number | null;
  /** Why the held receipt counts no more, as an edge said; null: nobody said that it was taken back. */
  readonly withdrawn: string | null;
  /** How many runs were started with it. */
  readonly runs_used: number;
}

export type LicenseCommand =
  | {
      readonly type: "add";
      readonly receipt: HeldReceipt;
      readonly bundle: ReceiptBundle;
      /** What its checks found. */
      readonly report: ReceiptReport;
      /** When the edge looked that said so; null: none did. */
      readonly proved_ms: number | null;
    }
  | {
      readonly type: "withdraw";
      readonly receipt_event_id: string;
      /** What the edge said. */
      readonly reason: string;
      readonly now_ms: number;
    }
  | ({ readonly type: "use" } & StartedRun)
  | ({ readonly type: "try"; readonly listing: string; readonly trial_runs: number } & StartedRun);

/** A run that begins to exist. */
export interface StartedRun {
  readonly install_id: string;
  readonly run_id: string;
  readonly now_ms: number;
}

/** One payment is one licence, whichever version of its receipt is held. */
export function licenseSubject(payment_hash: string): string {
  return `license_${payment_hash}`;
}

/** All trial runs of a listing, `30051:<author>:<slug>`, are counted together, whichever install or release runs. */
export function trialSubject(listing: string): string {
  return `license_trial_${sha256Hex(listing)}`;
}

/**
 * The rules of a licence: a receipt is held unless a check of it fails, its payment pays once, and a licence by runs is
 * used up by them, as a trial is. What an edge said to be taken back counts no more, until one vouches for it again.
 * Refusals: the code of the check that failed, receipt_claim, receipt_superseded, receipt_withdrawal, licence_missing,
 * licence_used_up.
 */
export const licenseDecider: Decider<LicenseState, LicenseEvent, LicenseCommand> = {
  initial: { held: null, proved_ms: null, withdrawn: null, runs_used: 0 },
  evolve,
  decide,
};

function evolve(state: LicenseState, event: LicenseEvent): LicenseState {
  switch (event.event_type) {
    case "license.added": {
      const { bundle: _, ...held } = event.data;
      return { ...state, held, proved_ms: null, withdrawn: null };
    }
    case "license.proved":
      return { ...state, proved_ms: event.data.proved_ms, withdrawn: null };
    case "license.withdrawn":
      return { ...state, proved_ms: null, withdrawn: event.data.reason };
    case "license.used":
    case "license.trial_used":
      return { ...state, runs_used: state.runs_used + 1 };
    default:
      return assertNever(event);
  }
}

function decide(state: LicenseState, command: LicenseCommand): readonly LicenseEvent[] | Rejection {
  switch (command.type) {
    case "add":
      return add(state, command);
    case "withdraw": {
      const { receipt_event_id, reason, now_ms: withdrawn_ms } = command;
      if (state.held?.receipt_event_id !== receipt_event_id || state.withdrawn !== null) return [];
      const { payment_hash } = state.held;
      return [{ event_type: "license.withdrawn", data: { payment_hash, receipt_event_id, withdrawn_ms, reason } }];
    }
    case "use": {
      const { held, withdrawn, runs_used } = state;
      const { install_id, run_id, now_ms: used_ms } = command;
      if (held === null) return reject("licence_missing", "no receipt of this payment is held");
      if (withdrawn !== null) return reject("receipt_withdrawal", `its licence was taken back: ${withdrawn}`);
      if (held.model === "per-month") return [];
      if (runs_used >= held.quantity) {
        return reject("licence_used_up", `all runs of the licence are used: ${runs_used} of ${held.quantity}`);
      }
      const { payment_hash } = held;
      return [{ event_type: "license.used", data: { payment_hash, install_id, run_id, used_ms } }];
    }
    case "try": {
      const { listing, trial_runs, install_id, run_id, now_ms: used_ms } = command;
      if (state.runs_used >= trial_runs) {
        return reject("licence_used_up", `the trial is over: ${state.runs_used} of ${trial_runs} runs are used`);
      }
      return [{ event_type: "license.trial_used", data: { listing, install_id, run_id, used_ms } }];
    }
    default:
      return assertNever(command);
  }
}

function add(
  { held, proved_ms: known_ms, withdrawn }: LicenseState,
  { receipt, bundle, report, proved_ms }: Extract<LicenseCommand, { type: "add" }>,
): readonly LicenseEvent[] | Rejection {
  const invalid = refuseInvalid(report);
  if (invalid !== null) return invalid;
  const { payment_hash, receipt_event_id, receipt_address, receipt_created_at } = receipt;
  const same = held?.receipt_event_id === receipt_event_id;
  if (held !== null && held.receipt_address !== receipt_address) {
    return reject("receipt_claim", `its payment is held already by the receipt ${held.receipt_event_id}`);
  }
  if (held !== null && !same && held.receipt_created_at >= receipt_created_at) {
    return reject("receipt_superseded", `a later version of it is held already, event ${held.receipt_event_id}`);
  }
  if (same && withdrawn !== null && proved_ms === null) {
    return reject("receipt_withdrawal", `an edge said that it was taken back: ${withdrawn}`);
  }
  const added: LicenseEvent = { event_type: "license.added", data: { ...receipt, bundle } };
  const news = proved_ms !== null && !(same && known_ms !== null && known_ms >= proved_ms);
  const data = { payment_hash, receipt_event_id, proved_ms: proved_ms ?? 0 };
  return [...(same ? [] : [added]), ...(news ? [{ event_type: "license.proved", data } as const] : [])];
}

/** What of a receipt is held. */
export function heldReceipt(receipt: Receipt, added_ms: number): HeldReceipt {
  const { event_id, address, created_at, signer, offer } = receipt;
  const { listing, version, release_event_id, manifest_sha256, buyer } = receipt;
  return {
    ...{ receipt_event_id: event_id, receipt_address: address, receipt_created_at: created_at },
    ...{ listing, version, release_event_id, manifest_sha256, buyer, seller: signer },
    payment_hash: receipt.payment_hash,
    network: offer.network,
    amount_msats: receipt.amount_msats,
    ...{ model: offer.model, quantity: offer.quantity, expires_at: receipt.expires_at, added_ms },
  };
}
