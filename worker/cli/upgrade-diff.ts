import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlInstallSource } from "@oa/shared/generated/types.ts";
import type { UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import { type Command, type CommandContext, defineCommand } from "./command.ts";
import { diffLines } from "./diff-lines.ts";
import { UPGRADE_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["upgrade", "diff"],
  summary: "Show what changes for an owner from one version to another",
  arguments: {
    before: { summary: `${UPGRADE_NAME}; NAME@VERSION for a version of a listing` },
    after: { summary: "The same, for the later version" },
  },
  examples: [
    "oa upgrade diff old.json new.json",
    "oa upgrade diff nightly-index ./upgrade.json",
    "oa upgrade diff 30051:7f3…:me.watch@1.0.0 30051:7f3…:me.watch --json",
  ],
  run: async (context) => {
    const before = await sideSource(context.args.before, context);
    if (isRejection(before)) return before;
    const after = await sideSource(context.args.after, context);
    if (isRejection(after)) return after;
    const diff = await compare(before, after, context);
    if (isRejection(diff)) return diff;
    context.print(diff, () => diffLines(diff, context.style).join("\n") || "Nothing changes for an owner.");
    return 0;
  },
});

async function sideSource(text: string, { cwd }: CommandContext): Promise<ControlInstallSource | Rejection> {
  const { installSource, listingIn } = await import("./install-source.ts");
  const [, name = "", version = ""] = /^([^@]+)@([^@/]+)$/.exec(text) ?? [];
  const listing = version === "" ? null : await listingIn(name, cwd);
  return listing === null ? installSource(text, cwd) : { ...listing, version };
}

/** Two files are compared right here; only an address needs the worker. */
async function compare(
  before: ControlInstallSource,
  after: ControlInstallSource,
  { api, signal }: CommandContext,
): Promise<UpgradeDiff | Rejection> {
  if ("address" in before || "address" in after) {
    return (await api()).post<UpgradeDiff>("/v1/upgrades/diff", { before, after }, signal);
  }
  const [{ diffHeld }, { loadSchnorr }] = await Promise.all([
    import("../admin/upgrades.ts"),
    import("../adapters/schnorr.ts"),
  ]);
  return diffHeld(before, after, await loadSchnorr());
}
