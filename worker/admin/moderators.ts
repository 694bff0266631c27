import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationRoles } from "@oa/shared/generated/types.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Config } from "../config.ts";

/** Whose decisions apply here: whom the settings name, else the edge's operator; null where the edge does not say now. */
export function chosenModerators(
  { moderators, local_only }: Pick<Config, "moderators" | "local_only">,
  edge: EdgeClient | null,
): (signal: AbortSignal) => Promise<readonly string[] | null> {
  return async (signal) => {
    if (local_only) return [];
    if (moderators !== null) return moderators;
    if (edge === null) return [];
    const roles = await edge.get<ModerationRoles>("/v1/moderation/roles", signal);
    if (isRejection(roles)) return null;
    return isHex32(roles.operator ?? undefined) ? [roles.operator as string] : [];
  };
}
