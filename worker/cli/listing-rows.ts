import { priceInWords } from "@oa/shared/core/price-words.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { CatalogPage, CatalogQuery } from "@oa/shared/generated/types.ts";
import { stars } from "@oa/shared/reputation/explain.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { moderatorsIn } from "./moderators-option.ts";
import { table } from "./table.ts";

type Listing = CatalogPage["listings"][number];

/** Shows one page of the catalog. */
export async function showListings(
  { api, print, progress, signal }: Pick<CommandContext, "api" | "print" | "progress" | "signal">,
  query: { readonly [Name in keyof CatalogQuery]: CatalogQuery[Name] | undefined },
): Promise<ExitCode | Rejection> {
  const search = new URLSearchParams();
  const moderators = moderatorsIn(query.moderators);
  if (isRejection(moderators)) return moderators;
  for (const [name, value] of Object.entries({ ...query, moderators }))
    if (value !== undefined) search.set(name, value);
  progress("asking the catalog …");
  const client = await api();
  const answer = await client.get<CatalogPage>(`/v1/market/listings?${search}`, signal);
  if (isRejection(answer)) return answer;
  const { external } = answer;
  if (external !== undefined) {
    print(answer, () =>
      external.length === 0
        ? "No external listings."
        : table(
            ["TITLE", "VERSION", "FROM", "ADDRESS"],
            external.map(({ title, version, draft, address }) => [title, version ?? "", draft, address]),
          ),
    );
    return 0;
  }
  print(answer, () =>
    answer.listings.length === 0
      ? "No listings."
      : table(["TITLE", "VERSION", "PRICE", "RATING", "ADDRESS"], answer.listings.map(row)),
  );
  return 0;
}

function row({ title, version, pricing, reputation, address }: Listing): readonly string[] {
  return [title, version, priceInWords(pricing), ratingText(reputation), address];
}

/** A score with how many it is of; nothing where nobody has rated, a dash where nobody whose word counts has. */
export function ratingText(reputation: Listing["reputation"]): string {
  if (reputation === undefined) return "";
  return reputation.raters === 0 ? "–" : `${stars(reputation.stars_milli)} (${reputation.raters})`;
}
