import type { Change, UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import type { CommandContext } from "./command.ts";
import { plain } from "./terminal.ts";

/** A diff for people, what they did not agree to first. No lines where nothing is different. */
export function diffLines(
  { widened, narrowed, changed }: UpgradeDiff,
  style: CommandContext["style"] = (_, text) => text,
): readonly string[] {
  const part = (title: string, sign: string, changes: readonly Change[]): readonly string[] =>
    changes.length === 0 ? [] : [title, ...changes.map(({ sentence }) => `  ${sign} ${plain(sentence)}`)];
  return [
    ...part(style("red", "It may do more than before:"), "+", widened),
    ...part(style("green", "It may do less than before:"), "-", narrowed),
    ...part("Other changes:", "~", changed),
  ];
}
