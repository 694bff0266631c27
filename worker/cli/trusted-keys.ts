import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import { plain } from "./terminal.ts";

/** The keys of edges, as hex or npub. Refusal: usage. */
export function trustedKeys(given: readonly string[]): readonly string[] | Rejection {
  const keys: string[] = [];
  for (const text of given) {
    const key = /^[0-9a-f]{64}$/.test(text) ? text : npubToHex(text);
    if (key === null)
      return reject("usage", `--trust ${plain(text.slice(0, 80))} is neither 64 hex digits nor an npub`);
    keys.push(key);
  }
  return keys;
}
