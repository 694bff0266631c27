import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { DAY_S } from "@oa/shared/core/durations.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { DECISION_DAYS, MODERATION_ACTIONS, MODERATION_REASONS } from "@oa/shared/core/moderation-words.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type {
  ControlModeration,
  ModerationCase,
  ModerationDecision,
  ModerationLedger,
  ModerationRoles,
  ModerationTarget,
} from "@oa/shared/generated/types.ts";
import { caseIdOf } from "@oa/shared/moderation/case.ts";
import { fromEvent as decisionIn, toEvent as decisionTo, whyUnfit } from "@oa/shared/nostr/01985-moderation.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import { ownEvent } from "@oa/shared/policy/own-publish.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Signer } from "../adapters/signer.ts";
import { passOwn } from "../engine/own-publish.ts";
import { curate, listShown } from "./curate.ts";
import { NO_EDGE } from "./market.ts";
import type { AddressNamed } from "./naming.ts";
import { type OwnPublishOptions, relaysFor, signOwn } from "./own-publish.ts";
import { requestSigner } from "./request-signer.ts";

export interface ModerationOptions extends OwnPublishOptions {
  readonly edge: EdgeClient | null;
  /** What publishes: an appeal is its author's alone. */
  readonly author: () => Promise<Pick<Signer, "public_key" | "sign"> | Rejection>;
  readonly random: RandomBytes;
  readonly addressNamed: AddressNamed;
}

const APPROVAL = "owner/moderate";

/** What the owner decides as a curator, appeals as an author, and puts together in lists. */
export function moderationPort(options: ModerationOptions): ControlPorts["moderation"] {
  const { edge } = options;
  const sign = requestSigner(options);
  return {
    roles: async (signal) => (edge === null ? NO_EDGE : edge.get<ModerationRoles>("/v1/moderation/roles", signal)),
    ledger: async (cursor, signal) =>
      edge === null ? NO_EDGE : edge.get<ModerationLedger>(`/v1/moderation/ledger${paged(cursor)}`, signal),
    cases: async (cursor, signal) =>
      edge === null ? NO_EDGE : edge.get(`/v1/moderation/cases${paged(cursor)}`, signal, sign),
    case: async (text, signal) => {
      const id = await caseName(text, options, signal);
      if (isRejection(id)) return id;
      return edge === null ? NO_EDGE : edge.get<ModerationCase>(`/v1/moderation/cases/${id}`, signal, sign);
    },
    decide: async (request, signal) => {
      if (edge === null) return NO_EDGE;
      const said = await decisionOf(request, options, signal);
      if (isRejection(said)) return said;
      const { created_at, ...decision } = said;
      const signer = decision.action === "appeal" ? await options.author() : options.signer;
      if (isRejection(signer)) return signer;
      const by = { ...options, signer };
      const event = await signOwn(decisionTo(decision, { created_at }), APPROVAL, by);
      if (isRejection(event)) return event;
      const path = `/v1/moderation/${decision.action.replace("_", "-")}`;
      const done = await passOwn(
        { ...ownEvent(event.kind, APPROVAL), content: event.id },
        options,
        () => edge.post<ModerationCase>(path, { event }, signal, requestSigner(by)),
        () => ({ accepted: ["the edge"], refused: [] }),
      );
      return isRejection(done) ? done : { ...done, event_id: event.id };
    },
    list: (name, signal) => listShown(name, options, signal),
    curate: (request, signal) => curate(request, options, signal),
  };
}

function paged(cursor: string | null): string {
  return cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
}

/** A case by its id, or by what it is about. */
async function caseName(text: string, options: ModerationOptions, signal: AbortSignal): Promise<string | Rejection> {
  if (/^case_[0-9a-f]{32}$/.test(text)) return text;
  const target = await targetOf(text, options, signal);
  return isRejection(target) ? target : caseIdOf(target);
}

type Said = Omit<ModerationDecision, "event_id" | "moderator">;

/** The decision as it will be signed. Refusals: usage, not_found, schema_invalid with what it lacks. */
async function decisionOf(
  request: ControlModeration,
  options: ModerationOptions,
  signal: AbortSignal,
): Promise<Said | Rejection> {
  const { action, reason = null, status = null, blast_radius = null, evidence_sha256 = null, note = "" } = request;
  const { decision: answers = null } = request;
  const target = await targetIn(request, options, signal);
  if (isRejection(target)) return target;
  const created_at = Math.floor(options.now_ms() / 1_000);
  const { measure } = MODERATION_ACTIONS[action];
  const said: Said = {
    ...{ created_at, action, target, reason, status, blast_radius, evidence_sha256, answers, note },
    expires_at: measure ? endOf(request, created_at) : null,
    appeal:
      action === "appeal" ? "open" : action === "uphold" ? "upheld" : action === "restore" ? "restored" : "possible",
  };
  const why = whyUnfit(said);
  return why === null ? said : reject("schema_invalid", `the decision is not whole: ${why}`);
}

/** As many days as were said, else the most there may be; a take-down for a lasting reason is without end. */
function endOf({ action, reason, days }: ControlModeration, created_at: number): number | null {
  const lasting = action === "take_down" && reason !== undefined && MODERATION_REASONS[reason].lasting;
  if (days === undefined && lasting) return null;
  const most = DECISION_DAYS[action as keyof typeof DECISION_DAYS] ?? 0;
  return created_at + (days ?? most) * DAY_S;
}

async function targetIn(
  { target, decision }: ControlModeration,
  options: ModerationOptions,
  signal: AbortSignal,
): Promise<ModerationTarget | Rejection> {
  if (target !== undefined) return targetOf(target, options, signal);
  if (decision === undefined) return reject("usage", "name what it is about: a listing, an event's id or an npub");
  const relays = relaysFor(options, undefined);
  if (isRejection(relays)) return relays;
  const filters = [{ kinds: [KINDS.label.kind], ids: [decision] }];
  const [event] = await options.pool.query(relays, filters, { timeout_ms: LIMITS.publish_timeout_ms, signal });
  const found = event === undefined ? null : decisionIn(event);
  if (found === null || isRejection(found))
    return reject("not_found", `no relay of yours has the decision ${decision}`);
  return found.target;
}

/** An event by its id, a key by its npub, or a listing by what names one. Refusals: those of `listingNamed`. */
async function targetOf(
  text: string,
  { addressNamed }: ModerationOptions,
  signal: AbortSignal,
): Promise<ModerationTarget | Rejection> {
  if (/^[0-9a-f]{64}$/.test(text)) return { kind: "event", value: text };
  const key = text.startsWith("npub1") ? npubToHex(text) : null;
  if (key !== null) return { kind: "key", value: key };
  const address = await addressNamed(text, signal);
  return isRejection(address) ? address : { kind: "listing", value: address };
}
