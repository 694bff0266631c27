import { type Command, defineCommand } from "./command.ts";
import { curate, LIST, RELAY } from "./curate-list.ts";
import { LISTING_NAME } from "./find-install.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["curate", "remove"],
  summary: "Take something off a list of yours and publish it; a curator taken off decides nothing any more",
  arguments: { ...LIST, item: { summary: `${LISTING_NAME}; or a key in hex or npub`, repeat: true } },
  options: { relay: RELAY, signer: OWNER_SIGNER },
  examples: ["oa curate remove top 30051:7f3…:me.watch", "oa curate remove curators npub1…"],
  run: (context) => {
    const { list, item } = context.args;
    return curate(context, { list, remove: [...item], relays: [...context.options.relay] });
  },
});
