import { answer } from "@oa/shared/api/answer.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { isHex32, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { Hono } from "hono";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import { mailboxOf } from "../addresses.ts";
import type { Env } from "../env.ts";
import { authenticate, readValue } from "./request.ts";

/** `/v1/workers/:pubkey`: the install mailbox of one worker. Every request is signed (NIP-98). */
export const installRoutes = new Hono<{ Bindings: Env }>();

installRoutes.put("/:pubkey/signers", async (context) => {
  const worker = workerOf(context.req.param("pubkey"));
  if (isRejection(worker)) return answer(context, worker);
  const request = await authenticate(context);
  if (isRejection(request)) return answer(context, request);
  const body = readValue(request.body, validators.isMailboxSigners);
  if (isRejection(body)) return answer(context, body);
  return answer(context, await mailboxOf(context.env, worker).setSigners(worker, request.caller, body.signers));
});

installRoutes.post("/:pubkey/installs", async (context) => {
  const worker = workerOf(context.req.param("pubkey"));
  if (isRejection(worker)) return answer(context, worker);
  const request = await authenticate(context);
  if (isRejection(request)) return answer(context, request);
  const body = readValue(request.body, validators.isMailboxDeposit);
  if (isRejection(body)) return answer(context, body);
  const event = verifyEvent(body.event, edgeSchnorr());
  if (isRejection(event)) return answer(context, event);
  if (event.kind !== KINDS.gift_wrap.kind) {
    return answer(context, reject("schema_invalid", `a sealed install config is of kind 1059, not ${event.kind}`));
  }
  return answer(context, await mailboxOf(context.env, worker).deposit(worker, request.caller, event), 201);
});

installRoutes.get("/:pubkey/installs", async (context) => {
  const worker = workerOf(context.req.param("pubkey"));
  if (isRejection(worker)) return answer(context, worker);
  const request = await authenticate(context);
  if (isRejection(request)) return answer(context, request);
  const after = context.req.query("after") ?? "0";
  if (!/^\d{1,15}$/.test(after)) {
    return answer(context, reject("usage", `after must be a whole number, not ${after.slice(0, 40)}`));
  }
  return answer(context, await mailboxOf(context.env, worker).list(worker, request.caller, Number(after)));
});

installRoutes.delete("/:pubkey/installs/:deposit_id", async (context) => {
  const worker = workerOf(context.req.param("pubkey"));
  if (isRejection(worker)) return answer(context, worker);
  const request = await authenticate(context);
  if (isRejection(request)) return answer(context, request);
  const deposit_id = context.req.param("deposit_id");
  return answer(context, await mailboxOf(context.env, worker).acknowledge(worker, request.caller, deposit_id));
});

function workerOf(pubkey: string): string | Rejection {
  if (isHex32(pubkey)) return pubkey;
  return reject("usage", "a worker is named in the path by its key: 64 lower-case hex digits");
}
