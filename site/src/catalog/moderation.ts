import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type MirroredModeration, moderationView } from "@oa/shared/moderation/mirror.ts";
import { type Judgeable, judge } from "@oa/shared/moderation/reader.ts";
import type { CuratedList } from "@oa/shared/nostr/30267-curated.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { snapshot } from "./snapshot.ts";

const said = read(process.env.OA_SNAPSHOT);
const events = new Map(said.events.map((event) => [event.id, event]));

/** What the edge's moderators decided, reckoned here from their signed events as of the snapshot. */
export const moderation: MirroredModeration = moderationView(said, snapshot?.created_at ?? 0);

/** A decision or a list as it was signed. */
export function signedEvent(id: string): VerifiedEvent | undefined {
  return events.get(id);
}

function read(folder: string | undefined): Parameters<typeof moderationView>[0] {
  const file = folder === undefined ? undefined : join(folder, "moderation.json");
  const nothing = { operator: null, events: [] };
  // The mirror verified the events before it wrote them.
  return file === undefined || !existsSync(file) ? nothing : JSON.parse(readFileSync(file, "utf8"));
}

/** What stands of a listing. */
export function saidOf({ address, pubkey, event_id }: Judgeable): ReturnType<typeof judge> {
  return judge(moderation, { address, pubkey, event_id });
}

export function listPath({ signer, name }: Pick<CuratedList, "signer" | "name">): string {
  return `/lists/${signer}/${name}/`;
}
