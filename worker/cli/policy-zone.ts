import { changePolicy } from "./change-policy.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["policy", "zone"],
  summary: "Say how much is at stake with an install",
  arguments: {
    install: { summary: INSTALL_NAME },
    zone: { summary: "sandbox, supervised, high_stakes, or default" },
  },
  examples: ["oa policy zone nightly-index sandbox", "oa policy zone nightly-index default"],
  run: (context) => {
    const { install, zone } = context.args;
    return changePolicy(context, install, { zone: zone === "default" ? null : (zone as "sandbox") }); // the API validates
  },
});
