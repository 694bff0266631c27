import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlInstallSource } from "@oa/shared/generated/types.ts";
import { chosenIn, chosenText } from "@oa/shared/moderation/chosen.ts";
import type { TextOption } from "./command.ts";

/** `--moderators` of every command that reads the catalog. */
export const MODERATORS_OPTION = {
  type: "text",
  value: "KEYS",
  summary:
    "Whose decisions apply to this command: npubs or hex keys with commas between, or none (the setting moderators)",
} as const satisfies TextOption;

/** The option as the API takes it, its keys checked; undefined: as the setting has it. Refusal: usage. */
export function moderatorsIn(text: string | undefined): string | undefined | Rejection {
  if (text === undefined) return undefined;
  const keys = chosenIn(text);
  return isRejection(keys) ? { ...keys, message: `--moderators: ${keys.message}` } : chosenText(keys);
}

/** A source that is looked up as these moderators leave the catalog. Refusal: usage, for a file and for what is no key. */
export function lookedUpBy(
  source: ControlInstallSource | Rejection,
  text: string | undefined,
): ControlInstallSource | Rejection {
  const moderators = moderatorsIn(text);
  if (moderators === undefined || isRejection(source)) return source;
  if (isRejection(moderators)) return moderators;
  if ("address" in source) return { ...source, moderators };
  return reject("usage", "--moderators is about listings of the catalog, and this is a file");
}
