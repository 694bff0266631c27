import { LIMITS } from "../core/limits.ts";
import { priceInWords } from "../core/price-words.ts";
import { assertNever } from "../core/refusal.ts";
import type { InstallPins, LicenceTrace, UpgradePricing } from "../generated/types.ts";
import { type LicenseCommand, licenseSubject, type StartedRun, trialSubject } from "./decider.ts";
import type { LicenceView } from "./views.ts";

export interface LicenceFacts {
  readonly pricing: UpgradePricing | undefined;
  readonly pins: Pick<InstallPins, "upgrade_address" | "upgrade_id" | "upgrade_version" | "manifest_sha256">;
  /** The licences held for any release of the listing. */
  readonly held: readonly LicenceView[];
  /** Whether a buyer is this worker, its owner, or a key that is paired with it. */
  readonly isOurs: (buyer: string) => boolean;
  /** How many runs of the listing were started on trial. */
  readonly trial_used: number;
  readonly now_ms: number;
}

/** What a run that is started uses up: a licence, or the author's gift. */
export type Payment =
  | { readonly type: "licence"; readonly payment_hash: string }
  | { readonly type: "trial"; readonly listing: string; readonly trial_runs: number };

/** Whether a run is paid for, and what a run started now would use; null where it is free, and where it may not run. */
export interface Licence {
  readonly trace: LicenceTrace | "not_applicable";
  readonly payment: Payment | null;
}

const FREE: Licence = { trace: "not_applicable", payment: null };

/**
 * Whether a release may run by its price: what is free may; what costs may under a receipt for exactly this release, made
 * out to a key of ours, that has neither ended nor been used up. One that no edge has vouched for within
 * `LIMITS.licence_grace_ms` of its being added counts no more: it may have been taken back; nor does one that an edge
 * said was taken back. Where no licence lets it run, the runs do that its author gives away. Pure; asks nobody.
 */
export function licenceFor({ pricing, pins, held, isOurs, trial_used, now_ms }: LicenceFacts): Licence {
  if (pricing === undefined || pricing.model === "free") return FREE;
  const weighed = held.filter(({ added_ms }) => added_ms <= now_ms).map((one) => weigh(one, pins, isOurs, now_ms));
  const best = weighed.sort((a, b) => a.rank - b.rank || a.ends_ms - b.ends_ms)[0];
  if (best?.trace.allowed) return { trace: best.trace, payment: { type: "licence", payment_hash: best.payment_hash } };
  const { upgrade_address: listing, upgrade_id, upgrade_version } = pins;
  const { trial_runs = 0 } = pricing;
  const runs_left = trial_runs - trial_used;
  if (runs_left > 0) {
    const message = `it runs on trial: ${runs_left} of ${trial_runs} runs that need no licence are left`;
    const trace = { allowed: true, verdict: "trial", message, runs_left } as const;
    return { trace, payment: { type: "trial", listing, trial_runs } };
  }
  if (best !== undefined) return { trace: best.trace, payment: null };
  const { model, amount_sats = 0 } = pricing;
  const price = priceInWords({ model, amount_sats });
  const over = trial_runs > 0 ? `, its ${trial_runs} trial runs are used` : "";
  const message = `${upgrade_id} ${upgrade_version} costs ${price}${over} and no licence for it is held: ${BUY}`;
  return { trace: { allowed: false, code: "licence_missing", message }, payment: null };
}

/** What records that a run used up what pays for it. */
export function usePayment(
  payment: Payment,
  run: StartedRun,
): { readonly subject_id: string; readonly command: LicenseCommand } {
  switch (payment.type) {
    case "licence":
      return { subject_id: licenseSubject(payment.payment_hash), command: { type: "use", ...run } };
    case "trial": {
      const { listing, trial_runs } = payment;
      return { subject_id: trialSubject(listing), command: { type: "try", listing, trial_runs, ...run } };
    }
    default:
      return assertNever(payment);
  }
}

const BUY = "buy one from its seller and add the receipt with `oa receipt add FILE`";

interface Weighed {
  readonly trace: LicenceTrace;
  readonly payment_hash: string;
  /** The less, the nearer it is to allowing the run. */
  readonly rank: number;
  readonly ends_ms: number;
}

function weigh(
  licence: LicenceView,
  { upgrade_version, manifest_sha256 }: LicenceFacts["pins"],
  isOurs: LicenceFacts["isOurs"],
  now_ms: number,
): Weighed {
  const { receipt_event_id, payment_hash, proved_ms, withdrawn_ms, model, quantity, runs_used } = licence;
  const ends_ms = licence.expires_at === null ? Number.POSITIVE_INFINITY : licence.expires_at * 1_000;
  const grace_ms = Math.max(licence.added_ms, proved_ms ?? 0) + LIMITS.licence_grace_ms;
  const until_ms = Math.min(ends_ms, grace_ms);
  const left = model === "per-run" ? { runs_left: Math.max(0, quantity - runs_used) } : {};
  const verdict: LicenceTrace["verdict"] = isProved(proved_ms, now_ms) ? "valid" : "unproven";
  const about = { receipt_event_id, verdict, ...left };
  const no = (rank: number, code: NonNullable<LicenceTrace["code"]>, message: string): Weighed => ({
    ...{ payment_hash, rank, ends_ms },
    trace: { allowed: false, code, message, ...about },
  });
  if (licence.manifest_sha256 !== manifest_sha256) {
    const of = licence.version === upgrade_version ? "another release" : `version ${licence.version}`;
    return no(6, "licence_missing", `the licence that is held is for ${of}, not for ${upgrade_version}: ${BUY}`);
  }
  if (!isOurs(licence.buyer)) {
    const message = `the licence that is held is ${licence.buyer}'s: pair that key with \`oa pair add\`, or ${BUY}`;
    return no(5, "licence_missing", message);
  }
  if (withdrawn_ms !== null) {
    return no(4, "licence_missing", `an edge said at ${iso(withdrawn_ms)} that its licence was taken back: ${BUY}`);
  }
  if (now_ms >= ends_ms) return no(4, "licence_expired", `its licence ended at ${iso(ends_ms)}: ${BUY}`);
  if (left.runs_left === 0) return no(3, "licence_used_up", `the ${quantity} runs of its licence are used: ${BUY}`);
  if (now_ms >= grace_ms) {
    const since = `since ${iso(grace_ms - LIMITS.licence_grace_ms)} no edge has vouched for its licence`;
    const fix = "add the receipt again with `oa receipt add FILE --online`";
    return no(2, "licence_unproven", `${since}, and it may have been taken back: ${fix}`);
  }
  const until = until_ms === ends_ms ? `until ${iso(ends_ms)}` : `${ends(ends_ms)}, unproven after ${iso(until_ms)}`;
  const runs = left.runs_left === undefined ? "" : `, ${left.runs_left} of ${quantity} runs left`;
  const message = `it is paid for by the receipt ${receipt_event_id.slice(0, 12)}…, ${until}${runs}`;
  // One that is not used up by runs goes first.
  return {
    ...{ payment_hash, ends_ms, rank: model === "per-run" ? 1 : 0 },
    trace: { allowed: true, message, ...about, until_ms },
  };
}

/** An edge's word is good for as long as its proofs are. */
function isProved(proved_ms: number | null, now_ms: number): boolean {
  return proved_ms !== null && now_ms < proved_ms + LIMITS.receipt_proof_s * 1_000;
}

function ends(ends_ms: number): string {
  return Number.isFinite(ends_ms) ? `until ${iso(ends_ms)}` : "for good";
}

function iso(at_ms: number): string {
  return new Date(at_ms).toISOString();
}
