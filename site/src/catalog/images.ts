import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Pictures are drawn beside the pages, as far as a host takes their files: the snapshot says of which events. */
const pictured = read(process.env.OA_SNAPSHOT);

function read(folder: string | undefined): ReadonlySet<string> | null {
  const file = folder === undefined ? undefined : join(folder, "pictures.json");
  if (file === undefined || !existsSync(file)) return null;
  return new Set(JSON.parse(readFileSync(file, "utf8")) as readonly string[]);
}

/** The path of the picture that stands for a page elsewhere (Open Graph), 1200 by 630; null where none are drawn. */
export function pictureOf(event_id: string | undefined): string | null {
  if (pictured === null) return null;
  return event_id !== undefined && pictured.has(event_id) ? `/og/${event_id}.png` : "/og/site.png";
}
