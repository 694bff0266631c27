import type { FollowList } from "../nostr/00003-follows.ts";
import type { RunAttestation } from "../nostr/01985-run-attestation.ts";
import type { Zap } from "../nostr/09735-zap.ts";
import { authorOf, type Rating } from "../nostr/30054-rating.ts";
import { FORMULA } from "./formula.ts";
import { type Input, type LicenceProof, standing } from "./inputs.ts";

/** What an indexer decides beside the formula; it is told in every roll-up. */
export interface ReputationSettings {
  /** Whose word on a licence counts: the author, and the coordinators that the manifest names. */
  readonly receipt_signers: readonly string[];
  /** The key that signs zap receipts for the author, as the LNURL server of the author's profile names it. */
  readonly zap_provider: string | null;
  /** Whose follow lists the web of trust starts from; none: it is not used. */
  readonly anchors: readonly string[];
}

/** Everything that stands about one listing at one time. */
export interface ReputationFacts {
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly author: string;
  readonly as_of_s: number;
  readonly settings: ReputationSettings;
  readonly ratings: readonly Rating[];
  /** Ratings of other listings, by its author or its raters. */
  readonly others: readonly Rating[];
  readonly attestations: readonly RunAttestation[];
  readonly receipts: readonly LicenceProof[];
  readonly zaps: readonly Zap[];
  readonly follows: readonly FollowList[];
}

/** Sorts inputs into facts; what was signed after that time has not happened yet. */
export function factsOf(
  listing: string,
  inputs: readonly Input[],
  settings: ReputationSettings,
  as_of_s: number,
): ReputationFacts {
  const stand = standing(inputs.filter(({ is }) => is.created_at <= as_of_s + FORMULA.ahead_s));
  const of = <T extends Input["type"]>(type: T) =>
    stand.flatMap((input) => (input.type === type ? [input.is as Extract<Input, { type: T }>["is"]] : []));
  const here = ({ listing: about }: { readonly listing: string }): boolean => about === listing;
  const signers = new Set(settings.receipt_signers);
  return {
    listing,
    author: authorOf(listing),
    as_of_s,
    settings,
    ratings: of("rating").filter(here),
    others: of("rating").filter((rating) => !here(rating)),
    attestations: of("attestation").filter(here),
    receipts: of("receipt").filter((receipt) => here(receipt) && signers.has(receipt.signer) && !receipt.revoked),
    zaps: of("zap").filter(here),
    follows: of("follows"),
  };
}
