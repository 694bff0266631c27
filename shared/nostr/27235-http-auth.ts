import { base64, utf8 } from "@scure/base";
import { sha256Hex } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { KINDS, tagValue } from "./kinds.ts";
import { type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/** An HTTP request as NIP-98 signs it: absolute URL with its query, method, and the exact body bytes. */
export interface HttpRequestClaim {
  readonly url: string;
  readonly method: string;
  readonly body?: Uint8Array | string;
}

/**
 * The unsigned event that authorises one request (NIP-98). The caller signs it. `nonce` is fresh random text: an event's
 * id is a hash of its fields, so without it the same request twice in a second would be one event, which is used once.
 */
export function httpAuthTemplate(
  request: HttpRequestClaim,
  created_at: number,
  nonce: string,
): { readonly kind: number; readonly created_at: number; readonly tags: string[][]; readonly content: string } {
  const tags = [
    ["u", request.url],
    ["method", request.method.toUpperCase()],
    ["nonce", nonce],
  ];
  if (hasBody(request)) tags.push(["payload", sha256Hex(request.body)]);
  return { kind: KINDS.http_auth.kind, created_at, tags, content: "" };
}

/** The `Authorization` header that carries a signed authorisation. */
export function httpAuthHeader(event: NostrEvent): string {
  return `Nostr ${base64.encode(utf8.decode(JSON.stringify(event)))}`;
}

/**
 * Checks the `Authorization` header of one request: signature, kind, URL, method, time within 60 s of `now_s`, and the
 * body's hash, which is mandatory where there is a body. An id may be used once: the caller stores it until it is
 * stale. Refusals: auth_required, auth_invalid, auth_stale. NIP-98.
 */
export function checkHttpAuth(
  header: string | null | undefined,
  request: HttpRequestClaim,
  now_s: number,
  schnorr: SchnorrVerify,
): VerifiedEvent | Rejection {
  if (header === null || header === undefined || header === "") {
    return reject("auth_required", "this request needs a NIP-98 Authorization header");
  }
  const raw = decodeHeader(header);
  if (isRejection(raw)) return raw;
  const event = verifyEvent(raw, schnorr);
  if (isRejection(event)) return reject("auth_invalid", `the Authorization event is refused: ${event.message}`);
  if (event.kind !== KINDS.http_auth.kind) {
    return reject("auth_invalid", `the Authorization event is of kind ${event.kind}, not ${KINDS.http_auth.kind}`);
  }
  if (Math.abs(event.created_at - now_s) > LIMITS.http_auth_skew_s) {
    return reject("auth_stale", `the Authorization event is more than ${LIMITS.http_auth_skew_s} s off this clock`);
  }
  if (onlyValue(event, "u") !== request.url) {
    return reject("auth_invalid", `the Authorization event is for another URL than ${request.url}`);
  }
  if (onlyValue(event, "method") !== request.method.toUpperCase()) {
    return reject("auth_invalid", `the Authorization event is for another method than ${request.method.toUpperCase()}`);
  }
  const payload = onlyValue(event, "payload");
  if (hasBody(request) ? payload !== sha256Hex(request.body) : payload !== undefined && payload !== sha256Hex("")) {
    return reject("auth_invalid", "the Authorization event's payload is not the SHA-256 of this body");
  }
  return event;
}

function hasBody(request: HttpRequestClaim): request is HttpRequestClaim & { readonly body: Uint8Array | string } {
  return request.body !== undefined && request.body.length > 0;
}

/** The tag's value if the event carries the tag exactly once: two would let two readers see two requests. */
function onlyValue(event: NostrEvent, name: string): string | undefined {
  return event.tags.filter((tag) => tag[0] === name).length === 1 ? tagValue(event, name) : undefined;
}

function decodeHeader(header: string): unknown {
  const encoded = /^Nostr ([A-Za-z0-9+/]+={0,2})$/.exec(header)?.[1];
  if (encoded === undefined || encoded.length > LIMITS.http_auth_header_bytes) {
    return reject("auth_invalid", "the Authorization header is not `Nostr <base64 of an event>`");
  }
  try {
    return JSON.parse(utf8.encode(base64.decode(encoded)));
  } catch {
    return reject("auth_invalid", "the Authorization header does not hold base64 of a JSON event");
  }
}
