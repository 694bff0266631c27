import { MODERATION_ROLES } from "@oa/shared/core/moderation-words.ts";
import type { ControlCurate } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { curate, LIST, RELAY } from "./curate-list.ts";
import { LISTING_NAME } from "./find-install.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["curate", "add"],
  summary: "Add to a list of yours and publish it: listings, or keys with what they may do",
  arguments: { ...LIST, item: { summary: `${LISTING_NAME}; or a key in hex or npub`, repeat: true } },
  options: {
    role: { type: "text", value: "ROLE", summary: "What a curator may do", choices: MODERATION_ROLES, repeat: true },
    name: { type: "text", value: "TEXT", summary: "What a key is called", default: "" },
    ...{ relay: RELAY, signer: OWNER_SIGNER },
  },
  examples: [
    "oa curate add top 30051:7f3…:me.watch",
    "oa curate add curators npub1… --name Mo --role hold --role label --role take_down",
    "oa curate add moderators npub1… --name Watch",
    "oa curate add blocklist npub1…",
  ],
  run: (context) => {
    const { role, name, relay: relays } = context.options;
    const request = { list: context.args.list, add: [...context.args.item], name, relays: [...relays] };
    // The parser took only words of the table.
    return curate(context, { ...request, roles: [...role] } as ControlCurate);
  },
});
