import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationReport, ModerationTarget } from "@oa/shared/generated/types.ts";
import type { Trust } from "@oa/shared/moderation/trust.ts";
import type { Report } from "@oa/shared/nostr/01984-report.ts";
import { keyOfTarget } from "@oa/shared/nostr/01985-moderation.ts";
import { filter as attestationFilter, fromEvent as attestationIn } from "@oa/shared/nostr/01985-run-attestation.ts";
import { fromEvent as receiptIn } from "@oa/shared/nostr/30053-license-receipt.ts";
import { authorOf } from "@oa/shared/nostr/30054-rating.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { WholeRelay } from "../relay/whole.ts";

/** How much of what the relay has on a reporter is looked at. */
const EVIDENCE = 20;

/** What is known of a reporter, from what the relay has verified; null where there is no such listing. */
export async function standings(
  relay: WholeRelay,
  { listing, reporter }: Pick<Report, "listing" | "reporter">,
  trust: Trust,
  trusted_authors: readonly string[],
): Promise<ModerationReport["standing"] | null> {
  const author = authorOf(listing);
  const [manifests = [], receipts = [], runs = []] = await relay.find([
    [{ kinds: [KINDS.manifest.kind], authors: [author], "#d": [listing.slice(`30051:${author}:`.length)], limit: 1 }],
    [{ kinds: [KINDS.receipt.kind], "#a": [listing], "#p": [reporter], limit: EVIDENCE }],
    [attestationFilter({ listings: [listing], owners: [reporter], limit: EVIDENCE })],
  ]);
  if (manifests.length === 0) return null;
  if (trust.has(reporter)) return "curator";
  const bought = receipts.some((raw) => {
    const receipt = receiptIn(read(raw));
    return (
      !isRejection(receipt) && receipt.buyer === reporter && read(raw).pubkey === author && receipt.status === "paid"
    );
  });
  if (bought) return "buyer";
  if (trusted_authors.includes(reporter)) return "trusted_author";
  const ran = runs.some((raw) => {
    const run = attestationIn(read(raw));
    return !isRejection(run) && run.owner === reporter;
  });
  return ran ? "attested" : "unknown";
}

/** Whose a target is: the author of a listing, the signer of an event that the relay has, the key itself; else null. */
export async function keyBehind(relay: WholeRelay, target: ModerationTarget): Promise<string | null> {
  if (target.kind !== "event") return keyOfTarget(target);
  const [[raw] = []] = await relay.find([[{ ids: [target.value], limit: 1 }]]);
  return raw === undefined ? null : (JSON.parse(raw) as NostrEvent).pubkey;
}

function read(raw: string): VerifiedEvent {
  return JSON.parse(raw) as VerifiedEvent; // the relay verified it before it kept it
}
