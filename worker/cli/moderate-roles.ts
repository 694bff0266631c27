import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationRoles } from "@oa/shared/generated/types.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { type Command, defineCommand } from "./command.ts";
import { FULL_OPTION, keyText } from "./key-text.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["moderate", "roles"],
  summary: "Show who moderates the edge's catalog, and whom its operator offers for --moderators",
  options: { full: FULL_OPTION },
  examples: ["oa moderate roles", "oa moderate roles --full", "oa moderate roles --json"],
  run: async ({ api, options, print, progress, signal }) => {
    progress("asking the edge …");
    const roles = await (await api()).get<ModerationRoles>("/v1/moderation/roles", signal);
    if (isRejection(roles)) return roles;
    print(roles, () => lines(roles, options.full).join("\n"));
    return 0;
  },
});

/** The operator, then its curators with their roles, then whom readers may choose beside them. */
function lines({ operator, curators, moderators }: ModerationRoles, full: boolean): readonly string[] {
  if (!isHex32(operator ?? undefined)) return ["This edge names no operator: nobody moderates its catalog."];
  const own = curators.map(({ pubkey, name, roles }) => [
    ...[name, keyText(pubkey, { full }), "curator", roles.join(", ").replaceAll("_", " ")],
  ]);
  const offered = moderators.map(({ pubkey, name }) => [
    ...[name, keyText(pubkey, { full }), "offered", "decides for those who choose it"],
  ]);
  const names = ["the operator", keyText(operator, { full }), "operator", "everything"];
  return [
    table(["NAME", "KEY", "IS", "MAY"], [names, ...own, ...offered]),
    "Without a choice the operator and its curators apply. Choose others for one command with --moderators KEY,KEY (whole",
    "keys: --full), or for all with the setting moderators.",
  ];
}
