import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { SearchHit, SearchkitQueryResult } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

/** How many hits people are shown; `--json` holds them all. */
const SHOWN = 10;

export const command: Command = defineCommand({
  words: ["search"],
  summary: "Search the indexed code: every line grep would find, and the passages nearest to it",
  arguments: {
    query: { summary: "Literal text, case and all; an identifier or a question also finds what is near it" },
  },
  options: {
    index: { type: "text", value: "NAME", summary: "Which index; without it, the one completed last" },
    limit: {
      type: "integer",
      value: "N",
      summary: "How many passages beside the exact matches",
      min: 1,
      max: LIMITS.search_hits_max,
      default: LIMITS.search_hits_default,
    },
  },
  examples: [
    "oa search openSqlite",
    'oa search "where is the lease renewed" --limit 5',
    "oa search 'throw new Error(' --index dev-repo --json",
  ],
  run: async ({ api, args, options, print, signal, style }) => {
    const { index, limit } = options;
    const request = { query: args.query, limit, ...(index === undefined ? {} : { index }) };
    const answer = await (await api()).post<SearchkitQueryResult>("/v1/search", request, signal);
    if (isRejection(answer)) return answer;
    const { hits, exact_matches_total } = answer;
    print({ hits, exact_matches_total, index: answer.index }, () => {
      const shown = hits.slice(0, SHOWN).map((hit) => card(hit, style));
      const more = hits.length - shown.length;
      return [
        ...(hits.length === 0 ? ["Nothing found."] : shown),
        ...(more > 0 ? [`… and ${more} more; --json has them all.`] : []),
        footer(answer),
      ].join("\n");
    });
    return 0;
  },
});

type Style = (format: "bold" | "dim", text: string) => string;

function card(hit: SearchHit, style: Style): string {
  const lines = hit.line_start === hit.line_end ? `${hit.line_start}` : `${hit.line_start}-${hit.line_end}`;
  const symbol = hit.symbol === null ? "" : `  ${plain(hit.symbol)}`;
  const snippet = hit.snippet
    .split("\n")
    .slice(0, 4)
    .map((line) => `    ${plain(line).slice(0, 160)}`);
  return [
    `${style("bold", `${plain(hit.path)}:${lines}`)}${symbol}  ${style("dim", hit.reasons.join(", "))}`,
    ...snippet,
  ].join("\n");
}

function footer({ exact_matches_total, index }: SearchkitQueryResult): string {
  const lines = `${exact_matches_total} line${exact_matches_total === 1 ? "" : "s"} match exactly`;
  const commit = index.commit === null ? "" : ` at ${index.commit.slice(0, 12)}`;
  const stale =
    index.stale_files === null
      ? "its folder could not be compared"
      : index.stale_files === 0
        ? "up to date"
        : `${index.stale_files} file${index.stale_files === 1 ? " has" : "s have"} changed since`;
  const skipped =
    index.skipped_files === 0
      ? ""
      : ` Not searched: ${index.skipped_files} file${index.skipped_files === 1 ? "" : "s"} (binary, secret or too large).`;
  return `\n${lines} in ${plain(index.name)}${commit}; ${stale}.${skipped}`;
}
