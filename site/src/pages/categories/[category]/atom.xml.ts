import type { APIRoute } from "astro";
import { feed } from "../../../catalog/feed.ts";
import { type Entry, groupedBy, segment } from "../../../catalog/listings.ts";

export async function getStaticPaths() {
  return (await groupedBy("categories")).map(({ value, entries }) => ({
    params: { category: segment(value) },
    props: { value, entries },
  }));
}

export const GET: APIRoute<{ readonly value: string; readonly entries: readonly Entry[] }> = ({
  site,
  params,
  props,
}) =>
  feed({
    site: site ?? new URL("http://localhost/"),
    path: `/categories/${params.category}/atom.xml`,
    page: `/categories/${params.category}/`,
    title: `Agent upgrades: ${props.value}`,
    entries: props.entries,
    updated: 0,
  });
