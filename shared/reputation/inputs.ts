import { DAY_S } from "../core/durations.ts";
import type { FollowList } from "../nostr/00003-follows.ts";
import type { RunAttestation } from "../nostr/01985-run-attestation.ts";
import type { Zap } from "../nostr/09735-zap.ts";
import type { Rating } from "../nostr/30054-rating.ts";

/** A licence receipt as far as reputation asks: who bought what, and who says so. */
export interface LicenceProof {
  readonly event_id: string;
  readonly created_at: number;
  /** `30053:<signer>:<d>`. */
  readonly address: string;
  readonly listing: string;
  readonly buyer: string;
  readonly signer: string;
  /** The licence was taken back. */
  readonly revoked: boolean;
}

/** One signed event, read and checked, as reputation takes it in. */
export type Input =
  | { readonly type: "rating"; readonly is: Rating }
  | { readonly type: "attestation"; readonly is: RunAttestation }
  | { readonly type: "receipt"; readonly is: LicenceProof }
  | { readonly type: "zap"; readonly is: Zap }
  | { readonly type: "follows"; readonly is: FollowList };

/** Events of one place, of which one stands: a rater has one rating, a worker's day one run, a payment one zap. */
export function slotOf({ type, is }: Input): string {
  switch (type) {
    case "rating":
      return `rating ${is.listing} ${is.rater}`;
    case "attestation":
      return `run ${is.listing} ${is.worker} ${Math.floor(is.created_at / DAY_S)}`;
    case "receipt":
      return `receipt ${is.address}`;
    case "zap":
      return `zap ${is.payment_hash}`;
    case "follows":
      return `follows ${is.author}`;
  }
}

/** Whether `next` stands where `held` stood: what its author may replace by the newest, else the first (NIP-01 ties). */
export function replaces({ type, is: next }: Input, { is: held }: Input): boolean {
  if (next.created_at === held.created_at) return next.event_id < held.event_id;
  const newest = type === "rating" || type === "receipt" || type === "follows";
  return newest === next.created_at > held.created_at;
}

/** The inputs that stand, whatever their order: one of each place, and one attestation of each run. */
export function standing(inputs: Iterable<Input>): readonly Input[] {
  const held = new Map<string, Input>();
  for (const input of inputs) {
    const slot = slotOf(input);
    const before = held.get(slot);
    if (before === undefined || replaces(input, before)) held.set(slot, input);
  }
  const all = [...held.values()].sort((a, b) => (a.is.event_id < b.is.event_id ? -1 : 1));
  const runs = new Set<string>();
  const first = all.filter((input) => input.type === "attestation").sort((a, b) => (replaces(a, b) ? -1 : 1));
  const doubles = new Set(first.filter(({ is }) => runs.has(is.run_sha256) || !runs.add(is.run_sha256)));
  return all.filter((input) => input.type !== "attestation" || !doubles.has(input));
}
