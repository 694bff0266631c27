/** Pictures are made after the pages, for the newest listings as far as the files of a host go: the worker says for which. */
const pictured = new Set((process.env.OA_IMAGES ?? "").split(",").filter((id) => id !== ""));

/** The path of the picture that stands for a page elsewhere (Open Graph), 1200 by 630. */
export function imageOf(event_id: string | undefined): string {
  return event_id !== undefined && pictured.has(event_id) ? `/og/${event_id}.png` : "/og/site.png";
}
