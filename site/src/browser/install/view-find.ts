import { priceInWords } from "@oa/shared/core/price-words.ts";
import type { CatalogListing } from "@oa/shared/generated/types.ts";
import { badgesOf } from "@oa/shared/moderation/badges.ts";
import { readChoice } from "../choice.ts";
import { counted, stars } from "../words.ts";
import type { App } from "./app.ts";
import { ageNotice } from "./catalog.ts";
import { button, make, sentenceOfError } from "./elements.ts";

const TYPING_MS = 250;

/** The catalog, to search and choose from. */
export function findView(app: App): HTMLElement {
  const input = make("input", {
    type: "search",
    name: "q",
    placeholder: "Search upgrades",
    "aria-label": "Search upgrades",
  });
  const says = make("p", { class: "quiet", role: "status" }, "Loading …");
  const results = make("div");
  let turn = 0;
  const search = async (cursor: string | null = null): Promise<void> => {
    turn += 1;
    const mine = turn;
    const asked = input.value.trim();
    const page = await app.catalog.search(asked, cursor).catch((error: unknown) => sentenceOfError(error));
    if (mine !== turn) return;
    if (typeof page === "string") {
      says.replaceChildren(page);
      says.className = "bad";
      results.replaceChildren();
      return;
    }
    const { listings, next_cursor } = page.value;
    if (cursor === null) results.replaceChildren(...[notice(page.kept_at)].flatMap((one) => one ?? []));
    const cards = listings.map(card);
    results.append(make("ul", { class: "listings" }, ...cards));
    const count = results.querySelectorAll("li").length;
    says.className = "quiet";
    says.replaceChildren(countInWords(count, { more: next_cursor !== null, asked: asked !== "" }));
    if (cursor !== null) cards[0]?.querySelector("a")?.focus();
    if (next_cursor === null) return;
    const more = button("Show more", async () => {
      more.remove();
      await search(next_cursor);
    });
    results.append(more);
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
    beginning(app),
    make("div", { class: "search" }, input),
    says,
    results,
    make("p", { class: "quiet" }, whoseInWords(), " ", make("a", { href: "/ledger/#whose" }, "Choose whose")),
  );
}

/** What a newcomer does once, and how far they are; null: they have a key and a machine. */
function beginning(app: App): HTMLElement | null {
  const { key, workers } = app.box.read();
  const paired = workers.some(({ state }) => state === "confirmed");
  if (key !== null && paired) return null;
  const done = (so: boolean): string => (so ? " ✓ done" : "");
  return make(
    "section",
    { class: "notice begin" },
    make(
      "p",
      {},
      "Here you choose what your own computer does by itself. Upgrades run there, never in this page. Once, in this order:",
    ),
    make(
      "ol",
      {},
      make("li", {}, make("a", { href: "#/key" }, "Make a key"), ` that signs what you order${done(key !== null)}`),
      make("li", {}, make("a", { href: "#/pair" }, "Pair a machine"), ` that obeys it${done(paired)}`),
      make("li", {}, "Choose an upgrade below, read what it may do, and send it"),
    ),
    make(
      "p",
      {},
      make("a", { href: "/docs/guides/five-minutes/" }, "No machine with it yet? Set one up in five minutes"),
    ),
  );
}

function countInWords(count: number, { more, asked }: { readonly more: boolean; readonly asked: boolean }): string {
  if (count === 0) {
    return asked ? "Nothing was found: try fewer or other words." : "Nothing has been published to this catalog yet.";
  }
  return `${count === 1 ? "One upgrade" : counted(count, "upgrade")}${more ? ", and more" : ""}${asked ? "" : ", newest first"}`;
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

function raters(count: number): HTMLElement {
  return make("small", { "aria-label": `by ${counted(count, "rater")}`, role: "img" }, `(${count})`);
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
    make("h2", { dir: "auto" }, make("a", { href: `#/listing/${encodeURIComponent(address)}` }, title)),
    make("p", { dir: "auto" }, summary),
    make(
      "div",
      { class: "facts" },
      ...badgesOf(moderation ?? { labels: [], featured: false }).map(({ text, says, tone }) =>
        make("span", { class: tone, title: `It ${says}.` }, text),
      ),
      reputation === undefined || reputation.raters === 0
        ? null
        : make("span", { class: "rating" }, `★ ${stars(reputation.stars_milli)} `, raters(reputation.raters)),
      make("span", { class: "price" }, priceInWords(pricing)),
      make("span", {}, version),
      make("span", {}, make("bdi", {}, author_name?.trim() || `${npub.slice(0, 12)}…`)),
    ),
  );
}
