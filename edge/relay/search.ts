import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

const SEARCHED = new Set<number>([KINDS.profile.kind, KINDS.note.kind, KINDS.manifest.kind, KINDS.release.kind]);

/** The words an event can be found by (NIP-50), or null for kinds that are not searched. */
export function searchText(event: NostrEvent): string | null {
  if (!SEARCHED.has(event.kind)) return null;
  const tags = event.tags.flatMap(([name, value]) => (name !== undefined && /^[cdt]$/.test(name) ? [value] : []));
  return [...textOf(event.content), ...tags].join(" ");
}

/** The texts inside JSON content, not its keys; other content as it is. */
function textOf(content: string): readonly string[] {
  if (!content.startsWith("{")) return [content];
  try {
    const found: string[] = [];
    JSON.parse(content, (_key, value) => {
      if (typeof value === "string") found.push(value);
      return value;
    });
    return found;
  } catch {
    return [content];
  }
}

/**
 * A user's words as an FTS5 query: each must begin a word of the text. `key:value` extensions (NIP-50) are left out;
 * null when no word is left.
 */
export function matchExpression(search: string): string | null {
  const words = search
    .split(/\s+/)
    .filter((word) => !/^[a-z]+:\S+$/.test(word))
    .flatMap((word) => word.split(/[^\p{L}\p{N}]+/u))
    .filter((word) => word !== "");
  return words.length === 0 ? null : words.map((word) => `"${word}"*`).join(" ");
}
