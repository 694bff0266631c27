import { assert } from "./refusal.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * RFC 8785 (JCS) form of a JSON value: keys sorted by UTF-16 code units, numbers as ECMAScript prints them, no space.
 * Members that are `undefined` are left out, as JSON.stringify does. A lone surrogate, a number that is not finite or a
 * value that is not JSON is a broken assumption and throws: outside input has been through `parseStrict` before.
 */
export function canonicalize(value: unknown): string {
  switch (typeof value) {
    case "string":
      return canonicalString(value);
    case "number":
      assert(Number.isFinite(value), "only finite numbers have a canonical form");
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map(canonicalize).join(",")}]`;
      const record = value as Readonly<Record<string, unknown>>;
      let members = "";
      for (const key of Object.keys(record).sort()) {
        const member = record[key];
        if (member === undefined) continue;
        members += `${members === "" ? "" : ","}${canonicalString(key)}:${canonicalize(member)}`;
      }
      return `{${members}}`;
    }
    default:
      throw new Error(`assertion failed: ${typeof value} is not JSON`);
  }
}

function canonicalString(value: string): string {
  assert(!/\p{Surrogate}/u.test(value), "a lone surrogate has no canonical form");
  return JSON.stringify(value);
}
