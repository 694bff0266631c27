import { type Command, defineCommand } from "./command.ts";
import { curate, LIST, RELAY } from "./curate-list.ts";
import { LISTING_NAME } from "./find-install.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["curate", "create"],
  summary: "Make a list of listings and publish it in your own name",
  arguments: LIST,
  options: {
    title: { type: "text", value: "TEXT", summary: "What it is called", required: true },
    description: { type: "text", value: "TEXT", summary: "What is in it, and why", default: "" },
    add: { type: "text", value: "ADDRESS", summary: LISTING_NAME, repeat: true },
    ...{ relay: RELAY, signer: OWNER_SIGNER },
  },
  examples: ["oa curate create top --title 'Top upgrades' --add 30051:7f3…:me.watch"],
  run: (context) => {
    const { title, description, add, relay: relays } = context.options;
    return curate(context, {
      list: context.args.list,
      create: true,
      title,
      description,
      add: [...add],
      relays: [...relays],
    });
  },
});
