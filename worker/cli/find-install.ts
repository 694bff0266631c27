import type { ShownInstall } from "@oa/shared/api/ports.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { ControlClient } from "./control-client.ts";
import { suggestion } from "./parse.ts";

/** The install a person means: its id, its upgrade's id, or the last part of that, where only one has it. */
export async function findInstall(api: ControlClient, name: string): Promise<ShownInstall | Rejection> {
  if (name.startsWith("install_")) return api.get<ShownInstall>(`/v1/installs/${encodeURIComponent(name)}`);
  const answer = await api.get<{ readonly installs: readonly ShownInstall[] }>("/v1/installs");
  if (isRejection(answer)) return answer;
  const named = answer.installs.map((install) => ({ install, upgrade_id: upgradeOf(install)?.upgrade_id ?? "" }));
  const exact = named.filter(({ upgrade_id }) => upgrade_id === name);
  const found = exact.length > 0 ? exact : named.filter(({ upgrade_id }) => upgrade_id.endsWith(`.${name}`));
  const [one, two] = found;
  if (one === undefined) {
    const near = suggestion(
      name,
      named.map(({ upgrade_id }) => upgrade_id),
      "",
    );
    return reject("not_found", `nothing called ${name} is installed${near}; see oa installs`);
  }
  if (two === undefined) return one.install;
  const ids = found.map(({ install }) => install.install_id).join(", ");
  return reject("usage", `${name} is installed more than once; name one of ${ids}`);
}

/** What an install is of: what runs, else what waits for approval. */
export function upgradeOf(install: InstallView): InstallView["active"] {
  return install.active ?? install.pending;
}
