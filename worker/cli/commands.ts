import type { Command } from "./command.ts";

/** Every command by its words. Only the one that runs is loaded; help and completion load all. */
export const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  completion: () => import("./completion.ts"),
};
