import { priceInWords } from "@oa/shared/core/price-words.ts";
import type { CatalogListing } from "@oa/shared/generated/types.ts";
import { badgesOf } from "@oa/shared/moderation/badges.ts";
import { readChoice } from "../choice.ts";
import type { App } from "./app.ts";
import { ageNotice } from "./catalog.ts";
import { make, sentenceOfError } from "./elements.ts";

const TYPING_MS = 250;

/** The catalog, to search and choose from. */
export function findView(app: App): HTMLElement {
  const input = make("input", {
    type: "search",
    name: "q",
    placeholder: "Search upgrades",
    "aria-label": "Search upgrades",
  });
  const results = make("div", { "aria-live": "polite" }, make("p", { class: "quiet" }, "Loading …"));
  let turn = 0;
  const search = async (): Promise<void> => {
    turn += 1;
    const mine = turn;
    const shown: readonly (HTMLElement | null)[] = await app.catalog.search(input.value).then(
      ({ value, kept_at }) => [notice(kept_at), list(value, input.value.trim() !== "")],
      (error: unknown) => [make("p", { class: "bad" }, sentenceOfError(error))],
    );
    if (mine === turn) results.replaceChildren(...shown.flatMap((child) => child ?? []));
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void search(), TYPING_MS);
  });
  void search();
  return make(
    "section",
    {},
    make("h1", {}, "Find an upgrade"),
    make("div", { class: "search" }, input),
    make("p", { class: "quiet" }, whoseInWords(), " ", make("a", { href: "/ledger/#whose" }, "Whose decisions apply")),
    results,
  );
}

/** Whose decisions the catalog is asked to apply. */
function whoseInWords(): string {
  const chosen = readChoice();
  if (chosen === null) return "Decisions by the catalog’s own moderators apply here.";
  if (chosen.length === 0) return "Nobody’s decisions apply here, as you chose.";
  return `Decisions by ${chosen.length === 1 ? "the moderator" : `${chosen.length} moderators`} of your choice apply here.`;
}

/** How old what is shown is, where it is not of now. */
export function notice(kept_at: Date | null): HTMLElement | null {
  const age = ageNotice(kept_at, Date.now());
  return age === null ? null : make("p", { class: "notice stale" }, age);
}

function list(listings: readonly CatalogListing[], asked: boolean): HTMLElement {
  if (listings.length === 0) {
    return make("p", {}, asked ? "Nothing was found." : "Nothing has been published to this catalog yet.");
  }
  return make("ul", { class: "listings" }, ...listings.map(card));
}

function card({
  address,
  title,
  summary,
  pricing,
  version,
  author_name,
  npub,
  reputation,
  moderation,
}: CatalogListing): HTMLElement {
  return make(
    "li",
    {},
    make("h2", {}, make("a", { href: `#/listing/${encodeURIComponent(address)}` }, title)),
    make("p", {}, summary),
    make(
      "div",
      { class: "facts" },
      ...badgesOf(moderation ?? { labels: [], featured: false }).map(({ text, says, tone }) =>
        make("span", { class: tone, title: `It ${says}.` }, text),
      ),
      make("span", { class: "price" }, priceInWords(pricing)),
      make("span", {}, version),
      make("span", {}, author_name ?? `${npub.slice(0, 12)}…`),
      reputation === undefined ? null : make("span", {}, `★ ${(reputation.stars_milli / 1_000).toFixed(1)}`),
    ),
  );
}
