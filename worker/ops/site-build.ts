import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { SiteBuildParams, SiteBuildResult } from "@oa/shared/generated/types.ts";
import type { OpContext } from "./op.ts";

/**
 * Builds a mirror where its catalog has moved; a build that fails leaves the site that is there. The catalog is read
 * through the run's own egress; the pages are made by the worker's own program, to which it is data. Faults: those of
 * egress, catalog_invalid, site_build_failed, not_found where sites are not built, and the edge's own refusals.
 */
export async function siteBuild(params: SiteBuildParams, context: OpContext): Promise<SiteBuildResult> {
  const { edge, url = edge, site = "mirror", files = LIMITS.site_files } = params;
  const { sites, egress, signal } = context;
  if (sites === undefined) throw new Fault("not_found", "nothing here builds sites");
  const built = await sites.build({ site, edge_url: edge, site_url: url, files_max: files, egress, signal });
  if (isRejection(built)) throw new Fault(built.code, built.message, { retryable: built.code === "unreachable" });
  const { listings, root } = built;
  context.log("info", `${built.built ? "built" : "unchanged"}: ${listings} listings, root ${root.slice(0, 16)}`, {});
  return { ...built };
}
