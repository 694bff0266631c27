/** The pack that a path can be in, of packs in the order of their first paths: the last that begins no later. */
export function packOf<Pack extends { readonly first: string }>(
  packs: readonly Pack[],
  path: string,
): Pack | undefined {
  let [low, high] = [0, packs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((packs[middle]?.first ?? "") <= path) low = middle + 1;
    else high = middle;
  }
  return packs[low - 1];
}

/** Where a request's path may be found among a site's files, most likely first; a path with a slash at its end is a page. */
export function filesFor(path: string): readonly string[] {
  if (path.endsWith("/")) return [`${path}index.html`];
  return [path, `${path}/index.html`];
}
