import { type Command, defineCommand } from "./command.ts";
import { curate, LIST, RELAY } from "./curate-list.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["curate", "publish"],
  summary: "Send a list of yours as it stands to relays again, or to more of them",
  arguments: LIST,
  options: { relay: RELAY, signer: OWNER_SIGNER },
  examples: ["oa curate publish top --relay wss://relay.example.com"],
  run: (context) => curate(context, { list: context.args.list, relays: [...context.options.relay] }),
});
