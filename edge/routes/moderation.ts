import { answer } from "@oa/shared/api/answer.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ModerationCase, ModerationDecision } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { fromEvent as decisionIn } from "@oa/shared/nostr/01985-moderation.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type Context, Hono } from "hono";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import { catalogOf, moderationOf } from "../addresses.ts";
import type { Env } from "../env.ts";
import { keyBehind } from "../moderation/reporters.ts";
import { relayOf } from "../relay/whole.ts";
import { authenticate, chosenIn, readValue } from "./request.ts";

/**
 * `/v1/moderation`: cases for curators, decisions by them, appeals by authors, and for everybody who may decide and what
 * was decided. A decision is a label that its curator signed: the edge checks the role, keeps it and sends it on.
 */
export const moderationRoutes = new Hono<{ Bindings: Env }>();

/** The path of each action. */
const PATHS: Readonly<Record<string, ModerationDecision["action"]>> = {
  hold: "hold",
  label: "label",
  "take-down": "take_down",
  feature: "feature",
  restore: "restore",
  uphold: "uphold",
  dismiss: "dismiss",
  appeal: "appeal",
};

moderationRoutes.get("/roles", async (context) => answer(context, await moderationOf(context.env).roles()));

moderationRoutes.get("/ledger", async (context) => {
  const before = cursorIn(context);
  return answer(context, isRejection(before) ? before : await moderationOf(context.env).ledger(before.at));
});

moderationRoutes.get("/events", async (context) => {
  const after = cursorIn(context);
  if (isRejection(after)) return answer(context, after);
  const chosen = chosenIn(context.req.query("moderators"));
  if (isRejection(chosen)) return answer(context, chosen);
  return answer(context, await catalogOf(context.env).moderationEvents(after.at ?? 0, chosen.keys));
});

moderationRoutes.get("/cases", async (context) => {
  const request = await authenticate(context);
  if (isRejection(request)) return answer(context, request);
  return answer(context, await moderationOf(context.env).cases(request.caller, context.req.query("cursor") ?? null));
});

moderationRoutes.get("/cases/:id", async (context) => {
  const request = await authenticate(context);
  if (isRejection(request)) return answer(context, request);
  return answer(context, await moderationOf(context.env).case(request.caller, context.req.param("id")));
});

for (const [path, action] of Object.entries(PATHS)) {
  moderationRoutes.post(`/${path}`, async (context) => answer(context, await decide(context, action)));
}

async function decide(
  context: Context<{ Bindings: Env }>,
  action: ModerationDecision["action"],
): Promise<ModerationCase | Rejection> {
  const request = await authenticate(context, LIMITS.moderation_body_bytes);
  if (isRejection(request)) return request;
  const body = readValue(request.body, validators.isModerationSubmission);
  if (isRejection(body)) return body;
  const event = verifyEvent(body.event, edgeSchnorr());
  if (isRejection(event)) return event;
  const decision = decisionIn(event);
  if (isRejection(decision)) return decision;
  if (decision.action !== action) {
    return reject("usage", `the label says ${decision.action}; it belongs at the path of that name, not at ${action}`);
  }
  if (decision.moderator !== request.caller.pubkey) {
    return reject("not_permitted", "a decision is handed in by the key that signed it");
  }
  const relay = relayOf(context.env);
  const done = await moderationOf(context.env).decide(
    request.caller,
    decision,
    await keyBehind(relay, decision.target),
  );
  if (isRejection(done)) return done;
  const refused = await relay.publish(event);
  // It is recorded already, and handing the same label in again changes nothing but sends it on.
  return refused === null
    ? done
    : reject("busy", `the decision is recorded, but not sent on yet (${refused}); repeat it`);
}

function cursorIn(context: Context): { readonly at: number | null } | Rejection {
  const text = context.req.query("cursor");
  if (text === undefined || text === "") return { at: null };
  return /^\d{1,15}$/.test(text)
    ? { at: Number(text) }
    : reject("usage", "cursor is not one that this address returned");
}

/** `/v1/lists`: curated lists by the moderators that the reader chose. */
export const listRoutes = new Hono<{ Bindings: Env }>();

listRoutes.get("/", async (context) => {
  const chosen = chosenIn(context.req.query("moderators"));
  return answer(context, isRejection(chosen) ? chosen : await catalogOf(context.env).lists(chosen.keys));
});
