import type { APIRoute } from "astro";
import type { Indexed } from "../../browser/indexed.ts";
import { allListings } from "../../catalog/listings.ts";
import { INDEX_PART, indexed } from "../../catalog/search-index.ts";

export async function getStaticPaths() {
  const entries = await allListings();
  const parts = Math.max(1, Math.ceil(entries.length / INDEX_PART));
  return Array.from({ length: parts }, (_, part) => ({
    params: { part: String(part) },
    props: { parts, rows: entries.slice(part * INDEX_PART, (part + 1) * INDEX_PART).map(indexed) },
  }));
}

export const GET: APIRoute<{ readonly parts: number; readonly rows: readonly Indexed[] }> = ({ props }) =>
  new Response(JSON.stringify(props), { headers: { "Content-Type": "application/json" } });
