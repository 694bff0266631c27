import { ageSentence } from "@oa/shared/api/updates.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import type { CommandContext } from "./command.ts";
import { diffLines } from "./diff-lines.ts";
import { findInstall } from "./find-install.ts";
import { keyText } from "./key-text.ts";
import { plain } from "./terminal.ts";

/** Shows what waits for approval and records that it was looked at. Refusal: not_found, where nothing waits. */
export async function inspectInstall(
  { api, note }: Pick<CommandContext, "api" | "note">,
  name: string,
): Promise<{ readonly install: InstallView; readonly pending: NonNullable<InstallView["pending"]> } | Rejection> {
  const client = await api();
  const found = await findInstall(client, name);
  if (isRejection(found)) return found;
  const { pending, install_id, seen } = found;
  if (pending === null) return reject("not_found", `nothing waits for approval in ${install_id}`);
  note(plain(`${pending.title} ${pending.upgrade_version} by ${keyText(pending.author_pubkey, { full: true })} may:`));
  for (const permission of pending.permissions) note(plain(`  ${sentenceOf(permission)}`));
  const known = seen.find(({ release_event_id }) => release_event_id === pending.release_event_id);
  const known_for_ms = known === undefined ? null : Date.now() - known.seen_at_ms;
  if (pending.released_at !== undefined) note(ageSentence(known_for_ms, pending.released_at));
  const diff = await client.get<UpgradeDiff>(`/v1/installs/${install_id}/diff`);
  if (!isRejection(diff)) for (const line of diffLines(diff)) note(line);
  const { permission_hash } = pending;
  const install = await client.post<InstallView>(`/v1/installs/${install_id}/inspect`, { permission_hash });
  return isRejection(install) ? install : { install, pending };
}
