import type { APIRoute } from "astro";
import { feed } from "../../../catalog/feed.ts";
import { allListings, authorPath, type Entry } from "../../../catalog/listings.ts";

export async function getStaticPaths() {
  const authors = Map.groupBy(await allListings(), ({ listing }) => listing.npub);
  return [...authors].map(([npub, entries]) => ({ params: { npub }, props: { entries } }));
}

export const GET: APIRoute<{ readonly entries: readonly Entry[] }, { readonly npub: string }> = ({
  site,
  params: { npub },
  props: { entries },
}) =>
  feed({
    site: site ?? new URL("http://localhost/"),
    path: `${authorPath({ npub })}atom.xml`,
    page: authorPath({ npub }),
    title: `Agent upgrades by ${entries[0]?.listing.author_name ?? npub}`,
    entries,
    updated: 0,
  });
