import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { schemaSentence } from "@oa/shared/core/schema-sentence.ts";
import type { Validator } from "@oa/shared/generated/validators.cjs";
import { checkHttpAuth } from "@oa/shared/nostr/27235-http-auth.ts";
import type { Context } from "hono";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import type { Caller } from "../adapters/spent-auth.ts";
import { authorHex } from "../catalog/page-cursor.ts";

/**
 * The body's exact bytes, which a signature covers. A request that is too large is read on for a while, and thrown away:
 * who is answered while still sending may lose the answer with the connection, and the next request on it.
 * Refusal: too_large.
 */
export async function readBytes(message: Request | Response, bytes_max: number): Promise<Uint8Array | Rejection> {
  const tooLarge = (): Rejection => reject("too_large", `the body is larger than ${bytes_max} bytes`);
  const read_max = bytes_max + (message instanceof Request ? LIMITS.body_drained_bytes : 0);
  if (Number(message.headers.get("content-length") ?? 0) > read_max) return tooLarge();
  if (message.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = message.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > read_max) {
      await reader.cancel();
      return tooLarge();
    }
    if (bytes <= bytes_max) chunks.push(value);
  }
  if (bytes > bytes_max) return tooLarge();
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** Who signed this request (NIP-98), and its body. Refusals: too_large, auth_required, auth_invalid, auth_stale. */
export async function authenticate(
  context: Context,
  bytes_max: number = LIMITS.mailbox_body_bytes,
): Promise<{ caller: Caller; body: Uint8Array } | Rejection> {
  const body = await readBytes(context.req.raw, bytes_max);
  if (isRejection(body)) return body;
  const event = checkHttpAuth(
    context.req.header("authorization"),
    { url: context.req.url, method: context.req.method, body },
    Math.floor(Date.now() / 1000),
    edgeSchnorr(),
  );
  if (isRejection(event)) return event;
  return { caller: { pubkey: event.pubkey, auth_id: event.id, signed_at_s: event.created_at }, body };
}

/** A body's bytes as a value valid by its schema. Refusals: the JSON codes and schema_invalid. */
export function readValue<T>(body: Uint8Array, validator: Validator<T>): T | Rejection {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body);
  } catch {
    return reject("json_invalid", "the body is not UTF-8");
  }
  const parsed = parseStrict(text);
  if (isRejection(parsed)) return parsed;
  return validator(parsed.value)
    ? parsed.value
    : reject("schema_invalid", schemaSentence(validator.errors, { what: "the body" }));
}

/** The query string as a value valid by its schema. Refusal: schema_invalid. */
export function readQuery<T>(context: Context, validator: Validator<T>): T | Rejection {
  const query: unknown = { ...context.req.query() }; // Hono’s has no prototype, which cannot be sent to an object
  return validator(query)
    ? query
    : reject("schema_invalid", schemaSentence(validator.errors, { what: "the query", value: query }));
}

/**
 * Whose decisions a reader chose by `?moderators=`: keys in hex or npubs with commas between, or `none`; `keys` null where
 * they chose nothing. Refusal: usage.
 */
export function chosenIn(text: string | undefined): { readonly keys: readonly string[] | null } | Rejection {
  if (text === undefined) return { keys: null };
  if (text === "none") return { keys: [] };
  const names = text.split(",");
  if (names.length > LIMITS.moderation_chosen) {
    return reject("usage", `at most ${LIMITS.moderation_chosen} moderators apply at once`);
  }
  const keys: string[] = [];
  for (const name of names) {
    const key = authorHex(name);
    if (isRejection(key)) return key;
    keys.push(key);
  }
  return { keys };
}
