import type { Command } from "./command.ts";

/** Every command by its words. Only the one that runs is loaded; help and completion load all. */
export const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  "audit export": () => import("./audit-export.ts"),
  "audit verify": () => import("./audit-verify.ts"),
  completion: () => import("./completion.ts"),
};
