import { readBytes } from "@oa/shared/api/body.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { checkHttpAuth } from "@oa/shared/nostr/27235-http-auth.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { Context } from "hono";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import { moderationOf } from "../addresses.ts";
import type { Env } from "../env.ts";
import { needsCases } from "../relay/management.ts";
import { relayOf } from "../relay/whole.ts";
import { readValue } from "./request.ts";

export const MANAGEMENT_TYPE = "application/nostr+json+rpc";

/**
 * POST to the relay's own address (NIP-86): one call, signed (NIP-98, with `payload`) for the relay's URL in either form
 * by a key with the role `relay`. Answers `{result}` or `{error}`; 401 where the signature is missing or wrong.
 */
export async function manageRelay(context: Context<{ Bindings: Env }>): Promise<Response> {
  const no = ({ message }: Rejection, status: 200 | 401 | 403): Response => context.json({ error: message }, status);
  const body = await readBytes(context.req.raw, LIMITS.moderation_body_bytes);
  if (isRejection(body)) return no(body, 200);
  const signed = await signedBy(context, body);
  if (isRejection(signed)) return no(signed, 401);
  if (!(await moderationOf(context.env).managesRelay(signed.pubkey))) {
    return no(reject("not_permitted", `the key ${signed.pubkey} does not manage this relay`), 403);
  }
  const request = readValue(body, validators.isRelayManagementRequest);
  if (isRejection(request)) return no(request, 200);
  const caller = { pubkey: signed.pubkey, auth_id: signed.id, signed_at_s: signed.created_at };
  const done = await relayOf(context.env).manage(caller, request);
  if ("error" in done) return context.json({ error: done.error }, done.replayed ? 401 : 200);
  if (!needsCases(request)) return context.json({ result: JSON.parse(done.result) });
  return context.json({ result: await moderationOf(context.env).waitingEvents() });
}

/** `u` is the relay's URL: clients write it as the socket's or as the page's, with a slash at the end or without. */
async function signedBy(context: Context<{ Bindings: Env }>, body: Uint8Array): Promise<VerifiedEvent | Rejection> {
  const { origin } = new URL(context.req.url);
  const socket = origin.replace(/^http/, "ws");
  const now_s = Math.floor(Date.now() / 1000);
  let refusal = reject("auth_required", "this request needs a NIP-98 Authorization header");
  for (const url of [`${origin}/`, origin, `${socket}/`, socket]) {
    const claim = { url, method: "POST", body };
    const event = checkHttpAuth(context.req.header("authorization"), claim, now_s, edgeSchnorr());
    if (!isRejection(event)) return event;
    refusal = event;
  }
  return refusal;
}
