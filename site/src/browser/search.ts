import { badgesOf } from "@oa/shared/moderation/badges.ts";
import { readChoice } from "./choice.ts";
import type { Following, Judged } from "./following.ts";
import type { Indexed } from "./indexed.ts";
import { rank } from "./rank.ts";
import { stars } from "./words.ts";

const SHOWN = 60;

let loading: Promise<readonly Indexed[]> | undefined;

/** The whole index, in parts, loaded when it is first asked for. */
function index(): Promise<readonly Indexed[]> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined; // so that the next question tries again
    throw error;
  });
  return loading;
}

async function load(): Promise<readonly Indexed[]> {
  const part = async (number: number): Promise<{ readonly parts: number; readonly rows: readonly Indexed[] }> => {
    const response = await fetch(`/search/index-${number}.json`);
    if (!response.ok) throw new Error(`the index answered ${response.status}`);
    return response.json();
  };
  const first = await part(0);
  const rest = await Promise.all(Array.from({ length: first.parts - 1 }, (_, number) => part(number + 1)));
  return [first, ...rest].flatMap(({ rows }) => rows);
}

/** Searches as the form changes, and keeps the question in the address. */
export function startSearch(): void {
  const form = document.querySelector<HTMLFormElement>("#search");
  const results = document.querySelector("#results");
  const found = document.querySelector("#found");
  if (form === null || results === null || found === null) return;
  const unasked = { text: found.textContent, cards: [...results.childNodes] };
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
  }
  const search = async (): Promise<void> => {
    const asked = new FormData(form);
    const of = (name: string): string => String(asked.get(name) ?? "").trim();
    const question = {
      ...{ text: of("q"), price: of("price"), backend: of("backend") },
      ...{ category: of("category"), sort: of("sort") },
    };
    const address = new URLSearchParams(
      [...asked].flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]])),
    );
    history.replaceState(null, "", address.size === 0 ? location.pathname : `?${address}`);
    if (Object.values(question).every((answer) => answer === "")) {
      results.replaceChildren(...unasked.cards);
      found.textContent = unasked.text;
      return;
    }
    try {
      const [rows, following] = await Promise.all([index(), followed()]);
      const { shown, withheld, total } = judgedHits(rank(rows, question), following);
      const more = total > shown.length ? `; the first ${SHOWN} are shown` : "";
      const left = withheld === 0 ? "" : `; ${withheld} not shown, by whom you follow`;
      found.textContent =
        total === 0 && withheld === 0
          ? "Nothing was found: try fewer or other words, or take filters away."
          : `${total} found${more}${left}`;
      if (total === 0) {
        results.replaceChildren(everything());
        return;
      }
      const list = document.createElement("ul");
      list.className = "listings";
      list.append(...shown.map(({ row, badges }) => card(row, badges)));
      results.replaceChildren(list);
    } catch {
      found.textContent = "The search index could not be loaded; try again.";
    }
  };
  form.addEventListener("input", () => void search());
  form.addEventListener("reset", () => setTimeout(() => void search())); // a form is empty after it says so
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void search();
  });
  void search();
}

/** Where nothing was found, the way to all there is. */
function everything(): HTMLElement {
  const link = document.createElement("a");
  link.href = "/browse/";
  link.textContent = "See all upgrades";
  link.className = "button second";
  return link;
}

/** What the moderators of the reader's choice say; null where they chose none, or where it cannot be had, as the page says. */
async function followed(): Promise<Following | null> {
  const chosen = readChoice();
  if (chosen === null) return null;
  const { follow } = await import("./following.ts");
  return follow(chosen).catch(() => null);
}

interface Judgement {
  readonly shown: readonly { readonly row: Indexed; readonly badges: NonNullable<Indexed["badges"]> }[];
  readonly withheld: number;
  readonly total: number;
}

/** The first hits that the reader's moderators show, with what those say of them. */
function judgedHits(hits: readonly Indexed[], following: Following | null): Judgement {
  const shown: { row: Indexed; badges: NonNullable<Indexed["badges"]> }[] = [];
  let withheld = 0;
  for (const row of hits) {
    if (shown.length === SHOWN) break;
    const judged: Judged | null = following === null ? null : following.judge(row.path, row.event_id);
    if (judged === null) shown.push({ row, badges: row.badges ?? [] });
    else if (judged.hidden === null) shown.push({ row, badges: badgesOf(judged) });
    else withheld += 1;
  }
  return { shown, withheld, total: hits.length - withheld };
}

/** Built from text alone: what authors wrote is never markup. */
function card(
  { path, title, summary, price, version, author, categories, rating }: Indexed,
  badges: NonNullable<Indexed["badges"]>,
): HTMLLIElement {
  const make = (name: string, text: string, className = ""): HTMLElement => {
    const element = document.createElement(name);
    element.textContent = text;
    if (className !== "") element.className = className;
    return element;
  };
  const link = document.createElement("a");
  link.href = path;
  link.textContent = title;
  const heading = document.createElement("h2");
  heading.dir = "auto";
  heading.append(link);
  const facts = make("div", "", "facts");
  for (const { text, says, tone } of badges) {
    const badge = make("span", text, tone);
    badge.title = `It ${says}.`;
    facts.append(badge);
  }
  if (rating !== undefined) {
    const rated = make("span", "", "rating");
    const star = make("span", "★ ");
    star.ariaHidden = "true";
    const count = make("small", `(${rating.raters}`);
    count.append(make("span", rating.raters === 1 ? " rater" : " raters", "visually-hidden"), ")");
    rated.append(star, stars(rating.stars_milli), make("span", " of 5 stars by ", "visually-hidden"), " ", count);
    facts.append(rated);
  }
  const by = make("span", "");
  by.append(make("bdi", author));
  facts.append(
    make("span", price, "price"),
    make("span", version),
    by,
    ...categories.slice(0, 2).map((text) => make("span", text)),
  );
  const item = document.createElement("li");
  const words = make("p", summary);
  words.dir = "auto";
  item.append(heading, words, facts);
  return item;
}
