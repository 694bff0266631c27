import type { APIRoute } from "astro";
import { type Place, sitemapParts } from "../catalog/sitemap.ts";
import { xml } from "../catalog/xml.ts";

export async function getStaticPaths() {
  return (await sitemapParts()).map((places, part) => ({ params: { part: String(part) }, props: { places } }));
}

export const GET: APIRoute<{ readonly places: readonly Place[] }> = ({ site, props }) => {
  const urls = props.places.map(({ path, modified }) => {
    const when = modified === undefined ? "" : `<lastmod>${new Date(modified * 1000).toISOString()}</lastmod>`;
    return `  <url><loc>${xml(new URL(path, site).href)}</loc>${when}</url>`;
  });
  const body = `<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
${urls.join("\n")}
</urlset>
`;
  return new Response(body, { headers: { "Content-Type": "application/xml; charset=utf-8" } });
};
