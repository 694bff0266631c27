import type { LightningNetwork } from "@oa/shared/core/bolt11.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ReceiptBundle, ReceiptReport } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { joinReports, verifyReceipt } from "@oa/shared/license/verify.ts";
import { checkProof } from "@oa/shared/nostr/24054-receipt-proof.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import type { EdgeClient, SignRequest } from "../adapters/edge-client.ts";

/** A value from outside as a receipt with its evidence. Refusal: schema_invalid, which quotes nothing of it. */
export function readBundle(value: unknown): ReceiptBundle | Rejection {
  if (validators.isReceiptBundle(value)) return value;
  const [error] = validators.isReceiptBundle.errors ?? [];
  const where = error === undefined || error.instancePath === "" ? "the receipt" : error.instancePath.slice(1);
  return reject("schema_invalid", `${where} ${error?.message ?? "is not valid"}`);
}

/** Why invoice and preimage are not sent to an edge: over plain http to another machine anybody could read them. */
export function refuseInTheClear(edge_url: string): Rejection | null {
  const { protocol, hostname } = new URL(edge_url);
  if (protocol !== "http:" || ["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return null;
  return reject("usage", `${edge_url} would carry the preimage in the clear: use https`);
}

/**
 * Verifies a receipt here, and then at the edge where one is given. What fails here is not sent anywhere: a bundle is
 * bearer evidence. A proof in it counts if one of `trusted_edges` signed it. Where nothing is open but that nobody has
 * claimed the payment, it is claimed with `claim`, which signs as the buyer. Refusals: those of the edge.
 */
export async function checkReceipt(
  bundle: ReceiptBundle,
  options: {
    readonly networks: readonly LightningNetwork[];
    readonly trusted_edges: readonly string[];
    readonly edge: Pick<EdgeClient, "post"> | null;
    /** Null: the payment is not claimed, as where the buyer's key is not here. */
    readonly claim: SignRequest | null;
    readonly now_s: number;
    readonly schnorr: SchnorrVerify;
    readonly signal: AbortSignal;
  },
): Promise<ReceiptReport | Rejection> {
  const { networks, trusted_edges, edge, claim, now_s, schnorr, signal } = options;
  const checked =
    bundle.proof === undefined ? null : checkProof(bundle.proof, { edges: trusted_edges, now_s }, schnorr);
  const proof = isRejection(checked) ? null : checked;
  const here = verifyReceipt(bundle, { now_s, networks, withdrawals: null, holder: null, proof }, schnorr);
  if (edge === null || here.verdict === "invalid") return here;
  const ask = async (): Promise<ReceiptReport | Rejection> => {
    const answer = await edge.post<object>("/v1/receipts/verify", { receipts: [bundle] }, signal);
    if (isRejection(answer)) return answer;
    const [found] = validators.isReceiptVerification(answer) ? answer.results : [];
    if (found === undefined) return reject("unreachable", "the edge's answer is not that of a verification");
    return joinReports(here, found.report);
  };
  const report = await ask();
  if (claim === null || isRejection(report) || !isUnclaimed(report)) return report;
  const claimed = await edge.post("/v1/receipts/claim", bundle, signal, claim);
  return isRejection(claimed) ? claimed : ask();
}

/** Whether nothing stands against a receipt but that nobody has claimed its payment. */
function isUnclaimed({ checks }: ReceiptReport): boolean {
  return checks.every(({ code, ok }) => ok === true || (code === "receipt_claim" && ok === null));
}
