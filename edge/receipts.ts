import type { ClaimCommand } from "@oa/shared/claim/decider.ts";
import type { HeldClaim } from "@oa/shared/claim/views.ts";
import { LIGHTNING_NETWORKS, type LightningNetwork } from "@oa/shared/core/bolt11.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type {
  NostrEvent,
  ReceiptBundle,
  ReceiptClaim,
  ReceiptClaimed,
  ReceiptVerification,
} from "@oa/shared/generated/types.ts";
import { type Evidence, readEvidence } from "@oa/shared/license/evidence.ts";
import { judgeReceipt, type Knowledge, refuseClaim, UNCLAIMED } from "@oa/shared/license/verify.ts";
import { toEvent as proofEvent } from "@oa/shared/nostr/24054-receipt-proof.ts";
import { type Receipt, withdrawalFilters } from "@oa/shared/nostr/30053-license-receipt.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { edgeKey } from "./adapters/edge-key.ts";
import { edgeSchnorr } from "./adapters/schnorr.ts";
import type { Caller } from "./adapters/spent-auth.ts";
import { receiptsOf } from "./addresses.ts";
import type { Env } from "./env.ts";
import { relayOf } from "./relay/whole.ts";

/** Every check of each receipt, with a proof for those that are valid. */
export async function verifyReceipts(
  env: Env,
  bundles: readonly ReceiptBundle[],
): Promise<ReceiptVerification["results"]> {
  const examined = await examine(env, bundles);
  return examined.map(({ evidence, knowledge }) => {
    const report = judgeReceipt(evidence, knowledge);
    const receipt = readableReceipt(evidence);
    const proved = report.verdict === "valid" && receipt !== null;
    return { report, proof: proved ? proofOf(env, receipt, knowledge.now_s) : null };
  });
}

/**
 * Claims the payment of a receipt for its buyer, once in the world; a repeat gives the same answer. Refusals: the codes
 * of the checks, with all that fail as details; receipt_claim, event_superseded, auth_replayed.
 */
export async function claimPayment(
  env: Env,
  caller: Caller,
  bundle: ReceiptBundle,
): Promise<ReceiptClaimed | Rejection> {
  const [first] = await examine(env, [bundle]);
  assert(first !== undefined, "one bundle gives one examination");
  const { evidence, knowledge } = first;
  const refused = refuseClaim(judgeReceipt(evidence, { ...knowledge, holder: null, buyer: caller.pubkey }));
  if (refused !== null) return refused;
  const receipt = readableReceipt(evidence);
  assert(receipt !== null, "a receipt whose checks hold is readable");
  const command: ClaimCommand = {
    payment_hash: receipt.payment_hash,
    receipt_event_id: receipt.event_id,
    receipt_created_at: receipt.created_at,
    receipt_address_sha256: sha256Hex(receipt.address),
  };
  const held = await receiptsOf(env, receipt.payment_hash).claim(caller, command);
  if (isRejection(held)) return held;
  return { claim: publicClaim(held), proof: proofOf(env, receipt, knowledge.now_s) };
}

/** A claim as anyone may see it. */
export function publicClaim({ payment_hash, receipt_event_id, claimed_at }: HeldClaim): ReceiptClaim {
  return { payment_hash, receipt_event_id, claimed_at };
}

interface Examined {
  readonly evidence: Evidence;
  readonly knowledge: Knowledge;
}

/** What each bundle says, and what this edge knows about it: from the relay what its seller has published since. */
async function examine(env: Env, bundles: readonly ReceiptBundle[]): Promise<readonly Examined[]> {
  const now_s = Math.floor(Date.now() / 1000);
  const networks = acceptedNetworks(env);
  const evidences = bundles.map((bundle) => readEvidence(bundle, edgeSchnorr()));
  const readable = evidences.filter((evidence) => readableReceipt(evidence) !== null);
  const receipts = readable.flatMap((evidence) => readableReceipt(evidence) ?? []);
  const [found, holders] = await Promise.all([
    receipts.length === 0 ? [] : relayOf(env).find(receipts.map(withdrawalFilters)),
    Promise.all(receipts.map(({ payment_hash }) => receiptsOf(env, payment_hash).find(payment_hash))),
  ]);
  return evidences.map((evidence) => {
    const at = readable.indexOf(evidence);
    // The relay has verified what it stores.
    const withdrawals = found[at]?.map((raw) => JSON.parse(raw) as VerifiedEvent) ?? null;
    const holder = at < 0 ? null : (holders[at] ?? UNCLAIMED);
    return { evidence, knowledge: { now_s, networks, withdrawals, holder } };
  });
}

function readableReceipt({ receipt }: Evidence): Receipt | null {
  return receipt === null || isRejection(receipt) ? null : receipt;
}

/** A proof that a worker can keep; null where this edge has no key. */
function proofOf(env: Env, receipt: Receipt, now_s: number): NostrEvent | null {
  const secret_key = edgeKey(env);
  if (secret_key === null) return null;
  const { event_id: receipt_event_id, payment_hash } = receipt;
  const expires_at = Math.min(now_s + LIMITS.receipt_proof_s, receipt.expires_at ?? Number.POSITIVE_INFINITY);
  const template = proofEvent({ receipt_event_id, payment_hash, checked_at: now_s, expires_at });
  const { tags, ...event } = signEvent(template, secret_key, crypto.getRandomValues(new Uint8Array(32)));
  return { ...event, tags: tags.map((tag) => [...tag]) };
}

/** The networks whose payments count: money's own, unless the edge's owner says otherwise. */
function acceptedNetworks(env: Env): readonly LightningNetwork[] {
  const named = (env.LIGHTNING_NETWORKS ?? "bitcoin").split(",").map((name) => name.trim());
  return LIGHTNING_NETWORKS.filter((network) => named.includes(network));
}
