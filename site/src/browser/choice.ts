const KEY = "oa.moderators";

/** Whose decisions the reader of this browser chose, in hex: nobody's where it is empty; null: they chose nothing. */
export function readChoice(): readonly string[] | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (!Array.isArray(kept)) return null;
    const keys = kept.filter((key): key is string => typeof key === "string" && /^[0-9a-f]{64}$/.test(key));
    // A part of a choice would be another one than was made.
    return keys.length === kept.length ? keys : null;
  } catch {
    return null; // no storage, or not what this page wrote: as if nothing was chosen
  }
}

/** Remembers a choice, or with null that there is none; false where this browser keeps nothing. */
export function keepChoice(keys: readonly string[] | null): boolean {
  try {
    if (keys === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(keys));
    return true;
  } catch {
    return false;
  }
}

let started = false;

/** Where the reader chose moderators, makes the page theirs; otherwise it loads nothing and changes nothing. */
export function startChoice(): void {
  if (started) return;
  started = true;
  const chosen = readChoice();
  if (chosen !== null) void import("./apply-choice.ts").then(({ applyChoice }) => applyChoice(chosen));
}
