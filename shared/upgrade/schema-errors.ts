import { LIMITS } from "../core/limits.ts";
import type { ReasonCode } from "../core/reasons.ts";
import { schemaRule, shown, valueAt } from "../core/schema-sentence.ts";
import { pointerToken } from "../core/wiring.ts";
import type { ValidationError } from "../generated/validators.cjs";

/** As Ajv reports it. */
export type SchemaError = ValidationError & { readonly schemaPath?: string; readonly propertyName?: string };

/** One thing wrong with a manifest: where (JSON Pointer, RFC 6901), what (a stable code) and a sentence for people. */
export interface ManifestError {
  readonly path: string;
  readonly code: ReasonCode;
  readonly message: string;
}

/** Forms that a failed alternative or pattern should have had, in words. */
const FORMS: readonly (readonly [RegExp, ReasonCode, string])[] = [
  [/^\/version$/, "version_invalid", "a SemVer 2.0.0 version such as 1.2.3 or 1.0.0-beta.1"],
  [/^\/id$/, "schema_invalid", "lower-case letters, digits, dots, hyphens and underscores"],
  [/\/(?:npub|coordinator)$/, "npub_invalid", "a public key in npub form (npub1 and 58 characters)"],
  [
    /^\/triggers\/\d+$/,
    "schema_invalid",
    "a file_change trigger (type, glob) or a nostr_event one (type, kinds, filter)",
  ],
  [
    /^\/permissions\/filesystem\/\d+$/,
    "schema_invalid",
    'a glob, or {"path", "access": "read" | "write" | "read_write"}',
  ],
  [/^\/inputs\/[^/]+(?:\/default)?$/, "schema_invalid", "text, a number, true or false, or a list of texts"],
  [/\/(?:homepage|url)$/, "schema_invalid", "an http:// or https:// address"],
  [/\/sha256$/, "schema_invalid", "64 lower-case hexadecimal digits"],
];

/**
 * Ajv's errors as sentences, about a value that stands at `base` of the manifest. Errors of the branches of a failed
 * alternative are folded into one; of very many errors only the first are told.
 */
export function describeSchemaErrors(
  found: readonly SchemaError[],
  value: unknown,
  base = "",
): readonly ManifestError[] {
  const errors = found.slice(0, LIMITS.manifest_errors);
  const alternatives = errors.filter(isAlternative).map((error) => error.instancePath);
  const isBranch = (error: SchemaError): boolean =>
    alternatives.some((path) =>
      path === "" ? /\/(?:anyOf|oneOf)\//.test(error.schemaPath ?? "") : isWithin(error.instancePath, path),
    );
  const missing = errors.filter((error) => error.keyword === "required" && isBranch(error));
  const described = errors
    .filter((error) => isAlternative(error) || !isBranch(error))
    .filter((error) => error.keyword !== "if" && error.keyword !== "propertyNames")
    .map((error): ManifestError => {
      if (!isAlternative(error) || error.instancePath !== "") return describe(error, value, base);
      const names = missing.map(({ params }) => String(params.missingProperty)).join(" or ");
      const wanted = names === "" ? "mixes parameters that exclude each other" : `needs ${names}`;
      return { path: base, code: "schema_invalid", message: `${place(base)} ${wanted}` };
    });
  return described.filter(
    (error, index) => described.findIndex((other) => other.path === error.path && other.code === error.code) === index,
  );
}

/** Whether a JSON Pointer is `outer` or below it. */
export function isWithin(pointer: string, outer: string): boolean {
  return pointer === outer || pointer.startsWith(`${outer}/`);
}

export function isAlternative(error: SchemaError): boolean {
  return error.keyword === "anyOf" || error.keyword === "oneOf";
}

function describe(error: SchemaError, value: unknown, base: string): ManifestError {
  const path = base + error.instancePath;
  switch (error.keyword) {
    case "required": {
      const missing = `${path}/${pointerToken(String(error.params.missingProperty))}`;
      return { path: missing, code: "schema_invalid", message: `${place(missing)} is missing` };
    }
    case "additionalProperties": {
      const extra = `${path}/${pointerToken(String(error.params.additionalProperty))}`;
      return { path: extra, code: "unknown_field", message: `${place(extra)} is not a field this version knows` };
    }
  }
  if (error.propertyName !== undefined) {
    const named = `${path}/${pointerToken(error.propertyName)}`;
    const message = `${place(path)} has a member whose name is not allowed: ${shown(error.propertyName)}`;
    return { path: named, code: "schema_invalid", message };
  }
  const found = shown(valueAt(value, error.instancePath));
  const message = `${place(path)} ${complaint(error, path)}, not ${found}`;
  return { path, code: codeOf(path), message };
}

function codeOf(path: string): ReasonCode {
  return FORMS.find(([where]) => where.test(path))?.[1] ?? "schema_invalid";
}

function complaint(error: SchemaError, path: string): string {
  switch (error.keyword) {
    case "pattern":
    case "anyOf":
    case "oneOf": {
      const form = FORMS.find(([where]) => where.test(path))?.[2];
      return form === undefined
        ? `must match ${String(error.params.pattern ?? "one of its forms")}`
        : `must be ${form}`;
    }
    default:
      return schemaRule(error);
  }
}

/** A JSON Pointer as people write it: `pipeline[0].repo`. */
export function place(pointer: string): string {
  if (pointer === "") return "the manifest";
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((token, index) => (/^\d+$/.test(token) ? `[${token}]` : `${index === 0 ? "" : "."}${token}`))
    .join("");
}
