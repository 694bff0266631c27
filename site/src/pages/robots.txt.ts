import type { APIRoute } from "astro";

export const GET: APIRoute = ({ site }) =>
  new Response(`User-agent: *\nAllow: /\nDisallow: /v1/\nSitemap: ${new URL("/sitemap.xml", site).href}\n`);
