import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { Mirror } from "./catalog-mirror.ts";

/**
 * Writes what pages are made from: `catalog.ndjson`, `moderation.json` and `head.json`; in `public/` what is served beside
 * them. That is the signed head, all events in the order of ids, one a line, in parts, and the style sheet by which every
 * page says how fresh it is: the pages themselves do not change with the time.
 */
export async function writeSnapshot(
  folder: string,
  { details, events, moderation, root }: Mirror,
  { head, created_at }: { readonly head: string; readonly created_at: number },
): Promise<void> {
  const shared = join(folder, "public");
  await mkdir(shared, { recursive: true });
  await writeFile(join(folder, "catalog.ndjson"), details.map((detail) => `${JSON.stringify(detail)}\n`).join(""));
  await writeFile(join(folder, "moderation.json"), `${JSON.stringify(moderation)}\n`);
  await writeFile(join(folder, "head.json"), head);
  const parts = partsOf(events, "");
  for (const { name, text } of parts) await writeFile(join(shared, name), text);
  await writeFile(join(shared, "head.json"), head);
  await writeFile(join(shared, "parts.json"), `${JSON.stringify(parts.map(({ name }) => name))}\n`);
  await writeFile(join(shared, "fresh.css"), freshness({ created_at, listings: details.length, root }));
}

/** By the first digits of ids, so many as keep a part small: an event that comes changes one part, and no other. */
function partsOf(
  events: readonly NostrEvent[],
  prefix: string,
): readonly { readonly name: string; readonly text: string }[] {
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
  if (Buffer.byteLength(text) <= LIMITS.snapshot_part_bytes || prefix.length === 8) {
    return [{ name: `events${prefix === "" ? "" : `-${prefix}`}.ndjson`, text }];
  }
  const groups = Map.groupBy(events, ({ id }) => id.slice(0, prefix.length + 1));
  return [...groups].flatMap(([longer, group]) => partsOf(group, longer));
}

/** What stands in every footer: pages of one text would otherwise differ with every build, and all be sent again. */
function freshness(of: { readonly created_at: number; readonly listings: number; readonly root: string }): string {
  const at = new Date(of.created_at * 1_000).toISOString().slice(0, 16).replace("T", " ");
  const text = `As of ${at} UTC: ${of.listings.toLocaleString("en")} listings, snapshot ${of.root.slice(0, 16)}… · `;
  return `@charset "utf-8";\n.fresh::before{content:"${text}"}\n`;
}
