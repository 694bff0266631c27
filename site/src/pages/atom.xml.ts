import type { APIRoute } from "astro";
import { feed } from "../catalog/feed.ts";
import { allListings } from "../catalog/listings.ts";
import { snapshot } from "../catalog/snapshot.ts";

export const GET: APIRoute = async ({ site }) =>
  feed({
    site: site ?? new URL("http://localhost/"),
    path: "/atom.xml",
    page: "/",
    title: "Agent upgrades: new and changed",
    entries: await allListings(),
    updated: snapshot?.created_at ?? 0,
  });
