import type { ModerationEntry } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { plain } from "./terminal.ts";

/** One decision and what became of it, in lines. */
export function entryLines({ decision, state, appeal, answered }: ModerationEntry): readonly string[] {
  const day = new Date(decision.created_at * 1000).toISOString().slice(0, 10);
  const heard = {
    possible: "",
    open: "; an appeal waits",
    upheld: "; upheld on appeal",
    restored: "; restored on appeal",
  };
  return [
    `  ${day}  it ${sentenceOf(decision)}`,
    `    ${state}${heard[appeal]}; by ${decision.moderator} in ${decision.event_id}`,
    ...(answered === null
      ? []
      : [`    answered by ${answered.moderator}${answered.note === "" ? "" : `: ${answered.note}`}`]),
  ].map(plain);
}
