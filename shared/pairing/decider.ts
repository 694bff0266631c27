import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import type { Permission } from "../core/permission.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { PairingCapabilitiesReported, PairingEvent } from "../generated/types.ts";

/** One coordinator's key and the most it may order without the owner. */
export interface PairingState {
  readonly status: "none" | "offered" | "claimed" | "confirmed" | "removed";
  readonly secret_sha256: string | null;
  readonly expires_at_ms: number;
  readonly ceiling: readonly Permission[];
  readonly pubkey: string | null;
  /** Whether this worker tells that key what it measured about itself. */
  readonly shares: boolean;
  /** Whether this worker tells that key what becomes of what it orders. */
  readonly results: boolean;
  /** Of its last report, Unix seconds by its clock; and when that was taken, Unix milliseconds. */
  readonly reported_at: number;
  readonly taken_at_ms: number;
}

/** `already_paired`: whether another pairing of the same key is in force. */
export type PairingCommand =
  | {
      readonly type: "offer";
      readonly secret_sha256: string;
      readonly expires_at_ms: number;
      readonly ceiling: readonly Permission[];
      readonly label: string;
      readonly results?: boolean;
    }
  /** The owner types the key in at the worker, which is offer, claim and confirmation in one. */
  | {
      readonly type: "pair";
      readonly pubkey: string;
      readonly already_paired: boolean;
      readonly ceiling: readonly Permission[];
      readonly label: string;
      readonly results?: boolean;
      readonly now_ms: number;
    }
  | { readonly type: "claim"; readonly secret_sha256: string; readonly pubkey: string; readonly now_ms: number }
  /** `pubkey`: the key the owner compared, where they named it. */
  | { readonly type: "confirm"; readonly pubkey: string | null; readonly already_paired: boolean }
  /** What is not said stays as it is. */
  | { readonly type: "share"; readonly capabilities?: boolean; readonly results?: boolean }
  | ({ readonly type: "report"; readonly now_ms: number } & Omit<PairingCapabilitiesReported["data"], "taken_at_ms">)
  | { readonly type: "remove"; readonly reason: string };

const SILENT = { shares: false, results: false, reported_at: 0, taken_at_ms: Number.NEGATIVE_INFINITY } as const;

/**
 * The rules of pairing: a secret works once and for a while, and a key that showed it still waits for the owner.
 * What a paired worker reports of itself is kept at a bounded rate. Refusals: not_found, pairing_used, pairing_expired,
 * pairing_secret_wrong, approval_required (sharing before the owner confirmed the key), event_superseded, rate_limited.
 */
export const pairingDecider: Decider<PairingState, PairingEvent, PairingCommand> = {
  initial: { status: "none", secret_sha256: null, expires_at_ms: 0, ceiling: [], pubkey: null, ...SILENT },
  evolve,
  decide,
};

function evolve(state: PairingState, event: PairingEvent): PairingState {
  switch (event.event_type) {
    case "pairing.offered": {
      const { secret_sha256, expires_at_ms, ceiling } = event.data;
      return { ...state, status: "offered", secret_sha256, expires_at_ms, ceiling };
    }
    case "pairing.claimed":
      return { ...state, status: "claimed", secret_sha256: null, pubkey: event.data.pubkey };
    case "pairing.confirmed":
      return { ...state, status: "confirmed", pubkey: event.data.pubkey };
    case "pairing.sharing_set":
      return { ...state, shares: event.data.capabilities };
    case "pairing.results_set":
      return { ...state, results: event.data.results };
    case "pairing.capabilities_reported":
      return { ...state, reported_at: event.data.reported_at, taken_at_ms: event.data.taken_at_ms };
    case "pairing.removed":
      return { ...state, ...SILENT, status: "removed", secret_sha256: null };
    default:
      return assertNever(event);
  }
}

function decide(state: PairingState, command: PairingCommand): readonly PairingEvent[] | Rejection {
  if (command.type === "offer" || command.type === "pair") {
    if (state.status !== "none") return reject("pairing_used", "this pairing exists already");
    const { ceiling, label, results = false } = command;
    const told: readonly PairingEvent[] = results ? [{ event_type: "pairing.results_set", data: { results } }] : [];
    if (command.type === "offer") {
      const { secret_sha256, expires_at_ms } = command;
      return [{ event_type: "pairing.offered", data: { secret_sha256, expires_at_ms, ceiling, label } }, ...told];
    }
    const { pubkey, now_ms } = command;
    if (command.already_paired) return reject("pairing_used", `the key ${pubkey} is paired already; remove that first`);
    return [
      { event_type: "pairing.offered", data: { secret_sha256: null, expires_at_ms: now_ms, ceiling, label } },
      { event_type: "pairing.confirmed", data: { pubkey } },
      ...told,
    ];
  }
  if (state.status === "none" || state.status === "removed") return reject("not_found", "there is no such pairing");
  switch (command.type) {
    case "claim": {
      const { pubkey, secret_sha256, now_ms } = command;
      if (state.status !== "offered") return reject("pairing_used", "this pairing secret has been used");
      if (secret_sha256 !== state.secret_sha256) return reject("pairing_secret_wrong", "the pairing secret is wrong");
      if (now_ms >= state.expires_at_ms) {
        return reject("pairing_expired", "the pairing secret has expired; make a new one with `oa pair add`");
      }
      return [{ event_type: "pairing.claimed", data: { pubkey } }];
    }
    case "confirm": {
      if (state.status === "confirmed") return [];
      if (state.pubkey === null) return reject("not_found", "nobody has shown this pairing's secret yet");
      if (command.pubkey !== null && command.pubkey !== state.pubkey) {
        return reject("pairing_secret_wrong", `the secret was shown by ${state.pubkey}, not by ${command.pubkey}`);
      }
      if (command.already_paired) return reject("pairing_used", `the key ${state.pubkey} is paired already`);
      return [{ event_type: "pairing.confirmed", data: { pubkey: state.pubkey } }];
    }
    case "share": {
      if (state.status !== "confirmed")
        return reject("approval_required", "confirm the key before you tell it anything");
      const { capabilities = state.shares, results = state.results } = command;
      const changed: PairingEvent[] = [];
      if (capabilities !== state.shares) changed.push({ event_type: "pairing.sharing_set", data: { capabilities } });
      if (results !== state.results) changed.push({ event_type: "pairing.results_set", data: { results } });
      return changed;
    }
    case "report":
      return decideReport(state, command);
    case "remove":
      return [{ event_type: "pairing.removed", data: { reason: command.reason } }];
    default:
      return assertNever(command);
  }
}

function decideReport(
  state: PairingState,
  { type: _, now_ms, ...data }: Extract<PairingCommand, { type: "report" }>,
): readonly PairingEvent[] | Rejection {
  if (state.status !== "confirmed") return reject("not_found", "there is no such pairing");
  if (data.reported_at <= state.reported_at) return reject("event_superseded", "a later report was taken before");
  if (now_ms - state.taken_at_ms < LIMITS.capabilities_report_ms_min) {
    return reject("rate_limited", "it reports about itself too often");
  }
  return [{ event_type: "pairing.capabilities_reported", data: { ...data, taken_at_ms: now_ms } }];
}
