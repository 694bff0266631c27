import type { APIRoute } from "astro";
import { sitemapParts } from "../catalog/sitemap.ts";
import { xml } from "../catalog/xml.ts";

/** The index of the parts, each within the protocol's 50,000 addresses. */
export const GET: APIRoute = async ({ site }) => {
  const parts = (await sitemapParts()).map(
    (_, index) => `  <sitemap><loc>${xml(new URL(`/sitemap-${index}.xml`, site).href)}</loc></sitemap>`,
  );
  const body = `<?xml version="1.0" encoding="utf-8"?>
<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
${parts.join("\n")}
</sitemapindex>
`;
  return new Response(body, { headers: { "Content-Type": "application/xml; charset=utf-8" } });
};
