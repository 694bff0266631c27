import { asText, readBytes } from "@oa/shared/api/body.ts";
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
  const text = asText(body);
  if (isRejection(text)) return text;
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
