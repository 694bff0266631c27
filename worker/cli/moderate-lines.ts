import type { ModerationEntry } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { type KeyStyle, keyText } from "./key-text.ts";
import { plain } from "./terminal.ts";

/** One decision and what became of it, in lines. */
export function entryLines({ decision, state, appeal, answered }: ModerationEntry, keys: KeyStyle): readonly string[] {
  const day = new Date(decision.created_at * 1000).toISOString().slice(0, 10);
  const heard = {
    possible: "",
    open: "; an appeal waits",
    upheld: "; upheld on appeal",
    restored: "; restored on appeal",
  };
  return [
    `  ${day}  it ${sentenceOf(decision)}`,
    `    ${state}${heard[appeal]}; by ${keyText(decision.moderator, keys)} in ${decision.event_id}`,
    ...(answered === null
      ? []
      : [`    answered by ${keyText(answered.moderator, keys)}${answered.note === "" ? "" : `: ${answered.note}`}`]),
  ].map(plain);
}

/** Whose decisions they are, and who answered them. */
export function keysIn(entries: readonly ModerationEntry[]): readonly string[] {
  return entries.flatMap(({ decision, answered }) => [
    decision.moderator,
    ...(answered === null ? [] : [answered.moderator]),
  ]);
}
