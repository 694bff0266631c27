import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { PublishedOwn } from "@oa/shared/api/published.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ListingReputation, ReputationInputs } from "@oa/shared/generated/types.ts";
import { toEvent as reportEvent } from "@oa/shared/nostr/01984-report.ts";
import { filter as attestationFilter, fromEvent as attestationFrom } from "@oa/shared/nostr/01985-run-attestation.ts";
import { fromEvent as receiptFrom } from "@oa/shared/nostr/30053-license-receipt.ts";
import { type RatingEvidence, toEvent as ratingEvent, STARS } from "@oa/shared/nostr/30054-rating.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import { isHex32, type SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import { NO_EDGE } from "./market.ts";
import type { AddressNamed } from "./naming.ts";
import { type OwnPublishOptions, relaysFor, sendOwn, signOwn } from "./own-publish.ts";
import { verifyReputation } from "./reputation-verify.ts";

export interface ReputationOptions extends OwnPublishOptions {
  readonly edge: EdgeClient | null;
  readonly schnorr: SchnorrVerify;
  readonly addressNamed: AddressNamed;
}

/** What the owner says of listings, and what is said of them. */
export function reputationPort(options: ReputationOptions): ControlPorts["reputation"] {
  const { edge, pool, signer, now_ms } = options;
  const query = (relays: readonly string[]) => (filters: readonly WireFilter[], signal: AbortSignal) =>
    pool.query(relays, filters, { timeout_ms: LIMITS.publish_timeout_ms, signal });

  const publish = async (
    template: EventTemplate,
    approval_id: string,
    relays: readonly string[],
    signal: AbortSignal,
  ): Promise<PublishedOwn | Rejection> => {
    const event = await signOwn(template, approval_id, options);
    return isRejection(event) ? event : sendOwn(event, relays, approval_id, options, signal);
  };

  /** The best proof of use that relays have for the owner; a rating goes without where they have none. */
  const evidenceFor = async (
    listing: string,
    relays: readonly string[],
    signal: AbortSignal,
  ): Promise<RatingEvidence | null> => {
    const owner = signer.public_key;
    const bought = { kinds: [KINDS.receipt.kind], "#a": [listing], "#p": [owner] };
    try {
      const ask = query(relays);
      for (const event of await ask([bought], signal)) {
        const receipt = receiptFrom(event);
        if (isRejection(receipt) || receipt.buyer !== owner || receipt.status !== "paid") continue;
        return { kind: "receipt", event_id: event.id };
      }
      for (const event of await ask([attestationFilter({ listings: [listing], owners: [owner], limit: 20 })], signal)) {
        const run = attestationFrom(event);
        if (!isRejection(run) && run.owner === owner) return { kind: "attestation", event_id: event.id };
      }
    } catch (error) {
      if (!(error instanceof Fault) || signal.aborted) throw error;
      // No relay answers a question: whether one takes the rating is about to be seen.
    }
    return null;
  };

  return {
    get: async (text, signal) => {
      const listing = await options.addressNamed(text, signal);
      if (isRejection(listing)) return listing;
      if (edge === null) return NO_EDGE;
      return edge.get<ListingReputation>(`/v1/listings/${encodeURIComponent(listing)}/reputation`, signal);
    },
    rate: async (text, request, signal) => {
      const listing = await options.addressNamed(text, signal);
      const relays = relaysFor(options, request.relays);
      const stars = STARS.find((value) => value === request.stars);
      if (isRejection(listing)) return listing;
      if (isRejection(relays)) return relays;
      if (stars === undefined) return reject("usage", `a rating is 1 to 5 stars, not ${request.stars}`);
      const evidence = await evidenceFor(listing, relays, signal);
      const template = ratingEvent(
        { listing, stars, review: request.review ?? "", evidence },
        { created_at: Math.floor(now_ms() / 1000) },
      );
      const done = await publish(template, "owner/rate", relays, signal);
      return isRejection(done) ? done : { ...done, listing, stars, evidence };
    },
    report: async (text, request, signal) => {
      const listing = await options.addressNamed(text, signal);
      const relays = relaysFor(options, request.relays);
      if (isRejection(listing)) return listing;
      if (isRejection(relays)) return relays;
      const { manifest_event_id = null, reason, text: said = "" } = request;
      const template = reportEvent(
        { listing, manifest_event_id, reason, text: said },
        { created_at: Math.floor(now_ms() / 1000) },
      );
      const done = await publish(template, "owner/report", relays, signal);
      return isRejection(done) ? done : { ...done, listing, reason };
    },
    verify: async (text, { indexer = null, relays: named }, signal) => {
      const listing = await options.addressNamed(text, signal);
      const relays = relaysFor(options, named);
      if (isRejection(listing)) return listing;
      if (isRejection(relays)) return relays;
      if (indexer !== null && !isHex32(indexer)) return reject("usage", "an indexer is named by its key in hex");
      const inputs =
        edge === null
          ? null
          : (of: string, after: string, stop: AbortSignal) =>
              edge.get<ReputationInputs>(
                `/v1/listings/${encodeURIComponent(of)}/reputation/inputs${after === "" ? "" : `?after=${after}`}`,
                stop,
              );
      return verifyReputation(listing, indexer, { query: query(relays), inputs, schnorr: options.schnorr }, signal);
    },
  };
}

/** The relays that the owner's own events go to: those of the settings, else the edge's. */
export function ownRelays(relays: readonly string[], edge_url: string | null): readonly string[] {
  if (relays.length > 0 || edge_url === null) return relays;
  return [`${edge_url.replace(/^http/, "ws")}/`];
}
