import { copyFile, link, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { priceInWords } from "@oa/shared/core/price-words.ts";
import type { CatalogDetail } from "@oa/shared/generated/types.ts";
import { IMAGE_VERSION, type ImageText, openImages } from "./site-image.ts";

const SITE: ImageText = {
  title: "Work done on your own machine while you sleep",
  summary: "Signed upgrades that say what they may touch before you agree. Found by anyone, run by you.",
  facts: "",
};

/**
 * Which listings get a picture of their own: the newest, as many as the host takes files beside the pages; `files_max`
 * null: all.
 */
export function pictured(details: readonly CatalogDetail[], files_max: number | null): readonly CatalogDetail[] {
  const room = files_max === null ? details.length : Math.max(0, files_max - filesAtMost(details) - 1);
  return details.toSorted((a, b) => b.listing.created_at - a.listing.created_at).slice(0, room);
}

/** No fewer files than a site of these listings has, its pictures left out. */
export function filesAtMost(details: readonly CatalogDetail[]): number {
  const sizes = (valuesOf: (detail: CatalogDetail) => readonly string[]): readonly number[] => {
    const counts = new Map<string, number>();
    for (const detail of details) for (const value of valuesOf(detail)) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts.values()];
  };
  const lists = (counts: readonly number[]): number =>
    counts.reduce((sum, count) => sum + Math.ceil(count / LIMITS.site_list_page), 0);
  const authors = sizes(({ listing }) => [listing.pubkey]);
  const categories = sizes(({ listing }) => listing.categories);
  const tags = sizes(({ listing }) => listing.tags);
  const feeds = authors.length + categories.length;
  const all = 2 * lists([details.length]);
  return details.length + lists(authors) + lists(categories) + lists(tags) + feeds + all + OTHERS;
}

/** Documentation, moderation, scripts, parts of the index, the sitemap and the snapshot. */
const OTHERS = 2_000;

/**
 * Draws pictures into `folder`, one for each listing by its event's id, and `site.png`. What `cache` has from an earlier
 * build is not drawn again; what no listing uses any more leaves it.
 */
export async function drawPictures(options: {
  readonly details: readonly CatalogDetail[];
  readonly cache: string;
  readonly folder: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { details, cache, folder, signal } = options;
  await Promise.all([mkdir(cache, { recursive: true }), mkdir(folder, { recursive: true })]);
  const kept = new Set(await readdir(cache));
  const wanted = [
    { name: "site", text: SITE },
    ...details.map(({ listing }) => ({ name: listing.event_id, text: textOf(listing) })),
  ].map((picture) => ({ ...picture, file: `${IMAGE_VERSION}-${picture.name}.png` }));
  const images = await openImages();
  const waiting = wanted.values();
  const draw = async (): Promise<void> => {
    for (const { name, text, file } of waiting) {
      signal.throwIfAborted();
      if (!kept.has(file)) {
        await writeFile(join(cache, `${file}.new`), await images.draw(text));
        await rename(join(cache, `${file}.new`), join(cache, file));
      }
      await place(join(cache, file), join(folder, `${name}.png`));
    }
  };
  await Promise.all(Array.from({ length: LIMITS.site_pictures_at_once }, draw));
  const used = new Set(wanted.map(({ file }) => file));
  for (const file of kept) if (!used.has(file)) await rm(join(cache, file), { force: true });
}

function textOf({ title, summary, pricing, author_name, npub }: CatalogDetail["listing"]): ImageText {
  return { title, summary, facts: `${priceInWords(pricing)} · by ${author_name ?? `${npub.slice(0, 16)}…`}` };
}

/** One picture on the disk under two names, where the file system can. */
async function place(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to); // which says why, if that cannot be either
  }
}
