import { answer } from "@oa/shared/api/answer.ts";
import { readBytes } from "@oa/shared/api/body.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { Hono } from "hono";
import { receiptsOf } from "../addresses.ts";
import type { Env } from "../env.ts";
import { claimPayment, publicClaim, verifyReceipts } from "../receipts.ts";
import { authenticate, readValue } from "./request.ts";

/** `/v1/receipts`: licence receipts. Invoice and preimage are read from a body, never kept and never logged. */
export const receiptRoutes = new Hono<{ Bindings: Env }>();

receiptRoutes.post("/verify", async (context) => {
  const body = await readBytes(context.req.raw, LIMITS.receipt_body_bytes);
  if (isRejection(body)) return answer(context, body);
  const batch = readValue(body, validators.isReceiptBatch);
  if (isRejection(batch)) return answer(context, batch);
  return answer(context, { results: await verifyReceipts(context.env, batch.receipts) });
});

/** Signed by the buyer (NIP-98). */
receiptRoutes.post("/claim", async (context) => {
  const request = await authenticate(context, LIMITS.receipt_body_bytes);
  if (isRejection(request)) return answer(context, request);
  const bundle = readValue(request.body, validators.isReceiptBundle);
  if (isRejection(bundle)) return answer(context, bundle);
  return answer(context, await claimPayment(context.env, request.caller, bundle));
});

receiptRoutes.get("/:payment_hash", async (context) => {
  const payment_hash = context.req.param("payment_hash");
  if (!isHex32(payment_hash)) {
    return answer(context, reject("usage", "a payment is named in the path by its hash: 64 lower-case hex digits"));
  }
  const held = await receiptsOf(context.env, payment_hash).find(payment_hash);
  if (held === null) return answer(context, reject("not_found", `no receipt has claimed the payment ${payment_hash}`));
  return answer(context, publicClaim(held));
});
