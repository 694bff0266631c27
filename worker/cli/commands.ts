import type { Command } from "./command.ts";

/** Every command by its words. Only the one that runs is loaded; help and completion load all. */
export const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  up: () => import("./up.ts"),
  "market list": () => import("./market-list.ts"),
  "market search": () => import("./market-search.ts"),
  "market show": () => import("./market-show.ts"),
  install: () => import("./install.ts"),
  installs: () => import("./installs.ts"),
  "installs approve": () => import("./installs-approve.ts"),
  "installs deny": () => import("./installs-deny.ts"),
  "installs enable": () => import("./installs-enable.ts"),
  "installs disable": () => import("./installs-disable.ts"),
  "installs remove": () => import("./installs-remove.ts"),
  run: () => import("./run.ts"),
  runs: () => import("./runs.ts"),
  "pair add": () => import("./pair-add.ts"),
  "pair confirm": () => import("./pair-confirm.ts"),
  "pair list": () => import("./pair-list.ts"),
  "pair remove": () => import("./pair-remove.ts"),
  "audit verify": () => import("./audit-verify.ts"),
  "audit export": () => import("./audit-export.ts"),
  doctor: () => import("./doctor.ts"),
  completion: () => import("./completion.ts"),
};
