import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { npubToHex } from "../nostr/npub.ts";
import { isHex32 } from "../nostr/verify.ts";

/**
 * Whose decisions somebody chose, as people and queries write it: keys in hex or npubs with commas between, or `none`;
 * each key once. Refusal: usage.
 */
export function chosenIn(text: string): readonly string[] | Rejection {
  if (text === "none") return [];
  const keys = new Set<string>();
  for (const name of text.split(",").map((one) => one.trim())) {
    const key = isHex32(name) ? name : npubToHex(name);
    if (key === null) return reject("usage", `a key is 64 hex digits or an npub, not ${name.slice(0, 80)}`);
    keys.add(key);
  }
  return keys.size <= LIMITS.moderation_chosen
    ? [...keys]
    : reject("usage", `at most ${LIMITS.moderation_chosen} moderators apply at once`);
}

/** The same as `chosenIn` reads it. */
export function chosenText(keys: readonly string[]): string {
  return keys.length === 0 ? "none" : keys.join();
}
