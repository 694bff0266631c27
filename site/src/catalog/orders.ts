/** The orders of the whole catalog, each a list of its own, so that they need no JavaScript. */
export const ORDERS = [
  { path: "/browse/", name: "Newest" },
  { path: "/browse/top/", name: "Best rated" },
] as const;
