import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { serviceOf } from "./service-of.ts";

export const command: Command = defineCommand({
  words: ["service", "uninstall"],
  summary: "Stop the service and remove its unit; the data folder stays",
  examples: ["oa service uninstall"],
  run: async (context) => {
    const { data_dir, print, signal } = context;
    const unit = await serviceOf(context);
    if (isRejection(unit)) return unit;
    const { manager, path } = unit;
    const removed = await unit.uninstall(signal);
    const text = removed ? `Removed ${path}. The data in ${data_dir} is untouched.` : "There was no service to remove.";
    print({ manager, path, removed, data_dir }, text);
    return 0;
  },
});
