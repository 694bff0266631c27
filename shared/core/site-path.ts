import { sha256Hex } from "./hash.ts";

/** Which of a site's shards a path is in. */
export function shardOf(path: string, shards: number): number {
  return Number.parseInt(sha256Hex(path).slice(0, 2), 16) % shards;
}

/** Where a request's path may be found among a site's files, most likely first; a path with a slash at its end is a page. */
export function filesFor(path: string): readonly string[] {
  if (path.endsWith("/")) return [`${path}index.html`];
  return [path, `${path}/index.html`];
}
