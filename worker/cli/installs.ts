import type { InstallStates, InstallUse, ShownInstall } from "@oa/shared/api/ports.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { byteSize } from "./byte-size.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME, upgradeOf } from "./find-install.ts";
import { keyText } from "./key-text.ts";
import { table } from "./table.ts";
import { plain } from "./terminal.ts";
import { hereText } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["installs"],
  summary: "List what is installed, or show one install",
  arguments: { install: { summary: INSTALL_NAME, optional: true } },
  examples: ["oa installs", "oa installs nightly-index", "oa installs --json"],
  run: async ({ api, args, print }) => {
    const client = await api();
    if (args.install !== undefined) {
      const install = await findInstall(client, args.install);
      if (isRejection(install)) return install;
      const use = await client.get<InstallUse>(`/v1/installs/${install.install_id}/use`);
      const unused = isRejection(use) || !use.offered ? [] : use.unused;
      const kept = await client.get<InstallStates>(`/v1/installs/${install.install_id}/state`);
      const states = isRejection(kept) ? [] : kept.states;
      const lines = () => [details(install), ...stateLines(states), ...unusedLines(unused, args.install ?? "")];
      print({ ...install, states }, () => lines().join("\n"));
      return 0;
    }
    const answer = await client.get<{ readonly installs: readonly ShownInstall[] }>("/v1/installs");
    if (isRejection(answer)) return answer;
    print(answer, () =>
      answer.installs.length === 0
        ? "Nothing is installed. `oa market list` shows what there is."
        : table(["INSTALL", "UPGRADE", "VERSION", "STATUS"], answer.installs.map(row)),
    );
    return 0;
  },
});

function row(install: ShownInstall): readonly string[] {
  const upgrade = upgradeOf(install);
  const waiting =
    install.active !== null && install.pending !== null ? `, ${install.pending.upgrade_version} waits` : "";
  const moderated = install.takedown === null || install.takedown.overridden ? "" : ", moderated";
  const quarantined = install.quarantine === null ? "" : ", quarantined";
  const status = `${install.status}${quarantined}${waiting}${moderated}`;
  return [install.install_id, upgrade?.upgrade_id ?? "", upgrade?.upgrade_version ?? "", status];
}

function details(install: ShownInstall): string {
  const upgrade = upgradeOf(install);
  const permissions = install.pending?.permissions ?? install.active?.permissions ?? [];
  return [
    `${upgrade?.title ?? install.install_id} ${upgrade?.upgrade_version ?? ""}: ${install.status}`,
    `  install   ${install.install_id}`,
    `  listing   ${upgrade?.upgrade_address ?? ""}`,
    `  manifest  ${upgrade?.manifest_sha256 ?? ""}`,
    `  updates   ${install.auto_update === "ask" ? "asks before each" : "asks only where one widens anything"}, channel ${install.channel}`,
    ...(install.yanked === null
      ? []
      : [`  TAKEN BACK by its author: ${install.yanked.reason || "no reason was given"}`]),
    ...(install.updates.pinned === true ? ["  pinned    no other release takes its place"] : []),
    ...(install.candidate === null ? [] : [`  on trial  ${install.candidate.upgrade_version}, at the next start`]),
    ...(install.earlier.length === 0
      ? []
      : [`  earlier   ${install.earlier.map((one) => one.upgrade_version).join(", ")} (oa rollback)`]),
    ...quarantineLines(install),
    ...takedownLines(install),
    "  It may:",
    ...permissions.map((permission) => `    ${sentenceOf(permission)}`),
    ...install.revoked.map(({ permission }) => `    taken away by you: ${permission}`),
    ...(install.pending === null ? [] : ["  It waits for your approval:"]),
    ...install.approval_reasons.map((reason) => `    ${reason}`),
    ...(install.refusal === null ? [] : [`  Last refused: ${install.refusal.message} (${install.refusal.code})`]),
  ]
    .map(plain)
    .join("\n");
}

/** What it keeps for itself: the release that runs first. */
function stateLines(states: InstallStates["states"]): readonly string[] {
  if (states.length === 0) return [];
  const line = ({ version, made, bytes, files, most_mb }: InstallStates["states"][number]): string =>
    `    ${version}: ${made ? `${byteSize(bytes)} in ${files} files and folders` : "not used yet"}, at most ${most_mb} MB`;
  return ["  It keeps for itself:", ...states.map(line)].map(plain);
}

/** After enough runs, what was never used is offered to be taken away. */
function unusedLines(unused: InstallUse["unused"], name: string): readonly string[] {
  if (unused.length === 0) return [];
  return [
    `  ${unused.length} of these were never used: oa installs unused ${name}`,
    ...unused.map(({ permission }) => `    ${permission}`),
  ].map(plain);
}

function quarantineLines({ quarantine, install_id }: ShownInstall): readonly string[] {
  if (quarantine === null) return [];
  const since = hereText(new Date(quarantine.at_ms).toISOString());
  return [
    `  QUARANTINED since ${since}, nothing of it starts: ${quarantine.reason}`,
    `    to let it run again: oa policy lift ${install_id}`,
  ];
}

function takedownLines({ takedown, install_id }: ShownInstall): readonly string[] {
  if (takedown === null) return [];
  const { why, moderator, decision_event_id, stopped, overridden } = takedown;
  return [
    `  MODERATED: it ${why}`,
    `    decided by ${keyText(moderator, { full: true })} in ${decision_event_id}`,
    overridden
      ? "    you run it all the same"
      : stopped
        ? `    it was stopped; to run it all the same: oa installs override ${install_id} --reason TEXT`
        : "    it was not stopped by this",
  ];
}
