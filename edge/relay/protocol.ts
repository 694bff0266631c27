import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { assertNever, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { type NostrFilter, parseFilter } from "@oa/shared/nostr/filter.ts";

/** What a client can say (NIP-01, 42, 45, 77). Events are still unverified here. */
export type ClientMessage =
  | { readonly verb: "EVENT"; readonly event: unknown; readonly id: string }
  | { readonly verb: "AUTH"; readonly event: unknown; readonly id: string }
  | { readonly verb: "REQ" | "COUNT"; readonly subscription: string; readonly filters: readonly NostrFilter[] }
  | { readonly verb: "CLOSE"; readonly subscription: string }
  | SyncMessage
  /** Said badly: the answer is a CLOSED or a NEG-ERR where the subscription is known, else a NOTICE. */
  | {
      readonly verb: "REFUSED";
      readonly subscription: string | null;
      readonly rejection: Rejection;
      readonly sync?: true;
    };

/** The messages of a comparison (NIP-77). */
export type SyncMessage =
  | { readonly verb: "NEG-OPEN"; readonly subscription: string; readonly filter: NostrFilter; readonly message: string }
  | { readonly verb: "NEG-MSG"; readonly subscription: string; readonly message: string }
  | { readonly verb: "NEG-CLOSE"; readonly subscription: string };

/** Reads one client message. Refusals inside REFUSED: json_invalid, too_large, filter_invalid, usage. */
export function parseMessage(text: string): ClientMessage {
  if (text.length > LIMITS.relay_message_chars) {
    return refused(null, reject("too_large", `the message is over ${LIMITS.relay_message_chars} characters`));
  }
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return refused(null, reject("json_invalid", "the message is not JSON"));
  }
  if (!Array.isArray(message)) return refused(null, reject("json_invalid", "the message is not a JSON array"));
  const [verb, first, ...rest] = message as readonly unknown[];
  switch (verb) {
    case "EVENT":
    case "AUTH":
      return { verb, event: first, id: idOf(first) };
    case "CLOSE":
      return isSubscriptionId(first) ? { verb, subscription: first } : badSubscription();
    case "REQ":
    case "COUNT":
      return isSubscriptionId(first) ? readFilters(verb, first, rest) : badSubscription();
    case "NEG-OPEN":
    case "NEG-MSG":
    case "NEG-CLOSE":
      return isSubscriptionId(first) ? readSync(verb, first, rest) : badSubscription();
    default:
      return refused(null, reject("usage", `${named(verb)} is not a message this relay knows`));
  }
}

/** Only text is repeated: a value may be nested too deeply to be written. */
function named(verb: unknown): string {
  return typeof verb === "string" ? JSON.stringify(verb.slice(0, 40)) : "a message that begins with no text";
}

function readFilters(verb: "REQ" | "COUNT", subscription: string, raw: readonly unknown[]): ClientMessage {
  if (raw.length === 0) return refused(subscription, reject("filter_invalid", `${verb} needs a filter`));
  if (raw.length > LIMITS.relay_filters) {
    return refused(subscription, reject("filter_invalid", `${verb} has over ${LIMITS.relay_filters} filters`));
  }
  const filters: NostrFilter[] = [];
  for (const item of raw) {
    const filter = parseFilter(item);
    if (isRejection(filter)) return refused(subscription, filter);
    filters.push(filter);
  }
  return { verb, subscription, filters };
}

function readSync(verb: SyncMessage["verb"], subscription: string, rest: readonly unknown[]): ClientMessage {
  if (verb === "NEG-CLOSE") return { verb, subscription };
  const refuse = (rejection: Rejection): ClientMessage => ({
    ...{ verb: "REFUSED", subscription, rejection },
    sync: true,
  });
  const message = verb === "NEG-OPEN" ? rest[1] : rest[0];
  if (typeof message !== "string") return refuse(reject("sync_invalid", `${verb} needs a message in hex`));
  if (verb === "NEG-MSG") return { verb, subscription, message };
  const filter = parseFilter(rest[0]);
  if (isRejection(filter)) return refuse(filter);
  if (filter.search !== undefined) return refuse(reject("filter_invalid", "a search cannot be compared"));
  return { verb, subscription, filter, message };
}

function refused(subscription: string | null, rejection: Rejection): ClientMessage {
  return { verb: "REFUSED", subscription, rejection };
}

function badSubscription(): ClientMessage {
  const max = LIMITS.relay_subscription_id_chars;
  return refused(null, reject("usage", `a subscription id is a text of 1 to ${max} characters`));
}

function isSubscriptionId(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= LIMITS.relay_subscription_id_chars;
}

/** The id an OK must name, even where the event around it is wrong. */
function idOf(event: unknown): string {
  if (typeof event !== "object" || event === null) return "";
  const { id } = event as { readonly id?: unknown };
  return typeof id === "string" && id.length <= 64 ? id : "";
}

const PREFIXES: Partial<Readonly<Record<ReasonCode, string>>> = {
  event_duplicate: "duplicate",
  event_superseded: "duplicate",
  event_deleted: "blocked",
  event_protected: "restricted",
  not_permitted: "restricted",
  sync_too_large: "blocked",
  kind_not_relayed: "blocked",
  pubkey_banned: "blocked",
  auth_required: "auth-required",
  rate_limited: "rate-limited",
  busy: "rate-limited",
  internal: "error",
  disk_full: "error",
};

/** A refusal as NIP-01 words it: a prefix for machines, then a sentence for people. */
export function nostrReason(rejection: Rejection): string {
  return `${PREFIXES[rejection.code] ?? "invalid"}: ${rejection.message}`;
}

export const frames = {
  ok: (id: string, accepted: boolean, reason: string) => JSON.stringify(["OK", id, accepted, reason]),
  /** `raw` is an event's JSON: it was written once, when it was stored. */
  event: (subscription: string, raw: string) => `["EVENT",${JSON.stringify(subscription)},${raw}]`,
  eose: (subscription: string) => JSON.stringify(["EOSE", subscription]),
  closed: (subscription: string, reason: string) => JSON.stringify(["CLOSED", subscription, reason]),
  count: (subscription: string, count: number, approximate: boolean) =>
    JSON.stringify(["COUNT", subscription, approximate ? { count, approximate } : { count }]),
  notice: (reason: string) => JSON.stringify(["NOTICE", reason]),
  auth: (challenge: string) => JSON.stringify(["AUTH", challenge]),
  sync: (subscription: string, message: string) => JSON.stringify(["NEG-MSG", subscription, message]),
  syncError: (subscription: string, reason: string) => JSON.stringify(["NEG-ERR", subscription, reason]),
};

/** The answer that ends the sender's wait for this message. */
export function refusalFrame(message: ClientMessage, rejection: Rejection): string {
  const reason = nostrReason(rejection);
  switch (message.verb) {
    case "EVENT":
    case "AUTH":
      return frames.ok(message.id, false, reason);
    case "REQ":
    case "COUNT":
      return frames.closed(message.subscription, reason);
    case "NEG-OPEN":
    case "NEG-MSG":
      return frames.syncError(message.subscription, reason);
    case "CLOSE":
    case "NEG-CLOSE":
      return frames.notice(reason);
    case "REFUSED":
      if (message.subscription === null) return frames.notice(reason);
      return message.sync === true
        ? frames.syncError(message.subscription, reason)
        : frames.closed(message.subscription, reason);
    default:
      return assertNever(message);
  }
}
