import type { Entry } from "./listings.ts";
import { xml } from "./xml.ts";

const ENTRIES_MAX = 50;

/** An Atom feed (RFC 4287) of listings, newest first. */
export function feed(options: {
  readonly site: URL;
  readonly path: string;
  readonly page: string;
  readonly title: string;
  readonly entries: readonly Entry[];
  /** Unix seconds; when there are no entries, what the feed is dated with. */
  readonly updated: number;
}): Response {
  const { site, path, page, title, entries, updated } = options;
  const shown = entries.slice(0, ENTRIES_MAX);
  const at = (unix_s: number): string => new Date(unix_s * 1000).toISOString();
  const items = shown.map(({ listing, path: to, manifest }) => {
    const url = new URL(to, site).href;
    return `  <entry>
    <id>${xml(`nostr:${listing.event_id}`)}</id>
    <title>${xml(`${listing.title} ${listing.version}`)}</title>
    <link href="${xml(url)}"/>
    <updated>${at(listing.created_at)}</updated>
    <author><name>${xml(listing.author_name ?? listing.npub)}</name><uri>${xml(`nostr:${listing.npub}`)}</uri></author>
    ${(manifest.categories ?? []).map((category) => `<category term="${xml(category)}"/>`).join("")}
    <summary>${xml(listing.summary)}</summary>
  </entry>`;
  });
  const body = `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <id>${xml(new URL(path, site).href)}</id>
  <title>${xml(title)}</title>
  <link rel="self" href="${xml(new URL(path, site).href)}"/>
  <link href="${xml(new URL(page, site).href)}"/>
  <updated>${at(shown[0]?.listing.created_at ?? updated)}</updated>
${items.join("\n")}
</feed>
`;
  return new Response(body, { headers: { "Content-Type": "application/atom+xml; charset=utf-8" } });
}
