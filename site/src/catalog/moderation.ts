import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type MirroredModeration, moderationView } from "@oa/shared/moderation/mirror.ts";
import { type Judgeable, judge } from "@oa/shared/moderation/reader.ts";
import type { CuratedList } from "@oa/shared/nostr/30267-curated.ts";
import { snapshot } from "./snapshot.ts";

/** What the edge's moderators decided, reckoned here from their signed events as of the snapshot. */
export const moderation: MirroredModeration = read(process.env.OA_SNAPSHOT);

function read(folder: string | undefined): MirroredModeration {
  const file = folder === undefined ? undefined : join(folder, "moderation.json");
  const nothing = { operator: null, events: [] };
  // The mirror verified the events before it wrote them.
  const said = file === undefined || !existsSync(file) ? nothing : JSON.parse(readFileSync(file, "utf8"));
  return moderationView(said, snapshot?.created_at ?? 0);
}

/** What stands of a listing. */
export function saidOf({ address, pubkey, event_id }: Judgeable): ReturnType<typeof judge> {
  return judge(moderation, { address, pubkey, event_id });
}

export function listPath({ signer, name }: Pick<CuratedList, "signer" | "name">): string {
  return `/lists/${signer}/${name}/`;
}
