import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { table } from "./table.ts";

/** What the catalog says of a listing, as far as lists show it. */
interface ListingRow {
  readonly address: string;
  readonly title: string;
  readonly version: string;
  readonly pricing?: { readonly model: string; readonly amount_sats?: number };
}

/** Shows one page of the catalog. */
export async function showListings(
  { api, print, progress, signal }: Pick<CommandContext, "api" | "print" | "progress" | "signal">,
  query: Readonly<Record<string, string | undefined>>,
): Promise<ExitCode | Rejection> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
  progress("asking the catalog …");
  const client = await api();
  const answer = await client.get<{ readonly listings: readonly ListingRow[]; readonly next_cursor?: string | null }>(
    `/v1/market/listings?${search}`,
    signal,
  );
  if (isRejection(answer)) return answer;
  print(answer, () =>
    answer.listings.length === 0
      ? "No listings."
      : table(
          ["TITLE", "VERSION", "ADDRESS"],
          answer.listings.map(({ title, version, address }) => [title, version, address]),
        ),
  );
  return 0;
}
