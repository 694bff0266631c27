import type { ShownInstall } from "@oa/shared/api/ports.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import type { ControlClient } from "./control-client.ts";
import { suggestion } from "./parse.ts";

/** How help says what names an install, a listing, and what may be a file as well. */
export const INSTALL_NAME = "An install's id, its upgrade's name or address, or the id of an event of its release";
export const LISTING_NAME = "A listing's address (30051:… or naddr1…), or what names an install of it";
export const UPGRADE_NAME = `${LISTING_NAME}, or a file with a manifest or its signed events`;

/** The install a person means, as the worker reads names. Refusals: not_found, usage where several have the name. */
export async function findInstall(api: ControlClient, name: string): Promise<ShownInstall | Rejection> {
  const found = await api.get<ShownInstall>(`/v1/installs/${encodeURIComponent(name)}`);
  if (!isRejection(found) || found.details?.known === undefined) return found;
  const known = (found.details.known as readonly string[]).flatMap((id) => [id, id.slice(id.lastIndexOf(".") + 1)]);
  const near = suggestion(name, known, "");
  return reject(found.code, `${found.message}${near}; see oa installs`);
}

/** What an install is of: what runs, else what waits for approval. */
export function upgradeOf(install: InstallView): InstallView["active"] {
  return install.active ?? install.pending;
}
