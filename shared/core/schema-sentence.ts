import type { ValidationError } from "../generated/validators.cjs";
import { holdsSecret } from "./secrets.ts";
import { pointerToken } from "./wiring.ts";

/** What a value would have to be, in words: `must be one of a, b`. */
export function schemaRule({ keyword, params, message }: ValidationError): string {
  switch (keyword) {
    case "type":
      return `must be of type ${[params.type].flat().join(" or ")}`;
    case "enum":
      return `must be one of ${[params.allowedValues].flat().join(", ")}`;
    case "const":
      return `must be ${shown(params.allowedValue)}`;
    case "minLength":
      return `must have at least ${params.limit} characters`;
    case "maxLength":
      return `must have at most ${params.limit} characters`;
    case "minItems":
      return `must have at least ${params.limit} entries`;
    case "maxItems":
      return `must have at most ${params.limit} entries`;
    case "maxProperties":
      return `must have at most ${params.limit} members`;
    case "minimum":
      return `must be at least ${params.limit}`;
    case "maximum":
      return `must be at most ${params.limit}`;
    case "format":
      return params.format === "date-time"
        ? "must be an instant like 2026-03-08T02:00:00Z"
        : (message ?? "is not valid");
    case "uniqueItems":
      return "must not name the same thing twice";
    default:
      return message ?? `breaks the rule ${keyword}`;
  }
}

/**
 * The first thing that a generated validator found wrong, as a sentence: `/zone must be one of a, b, not "c"`. `what`
 * names the whole. The value is quoted only where `value`, the whole, is given, and where it is short and no secret: a
 * body with a passphrase must not come back in a refusal.
 */
export function schemaSentence(
  errors: readonly ValidationError[] | null | undefined,
  { what, value }: { readonly what: string; readonly value?: unknown },
): string {
  const [error] = errors ?? [];
  if (error === undefined) return `${what} is not valid`;
  const { instancePath: path, keyword, params } = error;
  const member = (name: unknown): string => `${path}/${pointerToken(String(name))}`;
  if (keyword === "required") return `${member(params.missingProperty)} is missing`;
  if (keyword === "additionalProperties") {
    return `${member(params.additionalProperty)} is not a field this version knows`;
  }
  if (keyword === "discriminator") {
    const wrong = params.error === "tag" ? "is missing, or is no text" : "is not one that this version knows";
    return `${member(params.tag)} ${wrong}`;
  }
  const found = valueAt(value, path);
  const scalar = ["string", "number", "boolean"].includes(typeof found);
  const quoted = scalar && !holdsSecret(String(found)) && !String(found).includes("@") ? `, not ${shown(found)}` : "";
  return `${path || what} ${schemaRule(error)}${quoted}`;
}

/** A value as it stands in a sentence. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** What stands at a JSON Pointer (RFC 6901); undefined where nothing does. */
export function valueAt(value: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>(
      (at, token) =>
        typeof at === "object" && at !== null && Object.hasOwn(at, token)
          ? (at as Readonly<Record<string, unknown>>)[token]
          : undefined,
      value,
    );
}
