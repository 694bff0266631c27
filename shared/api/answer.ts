import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { REASONS } from "../core/reasons.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { schemaSentence } from "../core/schema-sentence.ts";
import type { Validator } from "../generated/validators.cjs";
import { asText, readBytes } from "./body.ts";

/** A result as JSON, a rejection as `{error: {code, message, details?}}` with its code's HTTP status. */
export function answer(context: Context, result: object | Rejection, status: ContentfulStatusCode = 200): Response {
  if (!isRejection(result)) return context.json(result, status);
  const { code, message, details } = result;
  const error = details === undefined ? { code, message } : { code, message, details };
  return context.json({ error }, REASONS[code].http as ContentfulStatusCode);
}

/**
 * The request's body, read within the limit, parsed strictly and valid by its schema. Refuses `media_type`,
 * `too_large`, the JSON codes and `schema_invalid`.
 */
export async function readBody<T>(context: Context, validator: Validator<T>): Promise<T | Rejection> {
  const type = context.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return reject("media_type", `the body must be application/json, not ${type || "unnamed"}`);
  }
  const bytes = await readBytes(context.req.raw, LIMITS.api_body_bytes);
  if (isRejection(bytes)) return bytes;
  const text = asText(bytes);
  if (isRejection(text)) return text;
  const parsed = parseStrict(text, { bytes: LIMITS.api_body_bytes });
  if (isRejection(parsed)) return parsed;
  if (validator(parsed.value)) return parsed.value;
  return reject("schema_invalid", schemaSentence(validator.errors, { what: "the body" }), {
    errors: (validator.errors ?? []).slice(0, 20).map(({ instancePath, message, params }) => ({
      path: instancePath,
      message: message ?? "is not valid",
      params,
    })),
  });
}

/** A whole number of the query string, or what to take where it is absent. */
export function readCount(
  context: Context,
  name: string,
  fallback: number,
  range: { readonly min: number; readonly max: number },
): number | Rejection {
  const text = context.req.query(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  return reject("usage", `${name} must be a whole number from ${range.min} to ${range.max}, not ${text.slice(0, 40)}`);
}
