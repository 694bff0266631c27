import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, CatalogPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { chosenText } from "@oa/shared/moderation/chosen.ts";
import type * as Hidings from "./hiding.ts";
import type { Hiding } from "./hiding.ts";

/** What a catalog answered, and since when it is known: null, it was answered just now. */
export interface Answered<T> {
  readonly value: T;
  readonly kept_at: Date | null;
}

const PAGE = 50;

/** Decisions are read by code that most visits never need, so it comes when a catalog hides something. */
async function checkedHiding(...asked: Parameters<typeof Hidings.checkedHiding>): Promise<Hiding> {
  const { checkedHiding: check } = await import("./hiding.ts");
  return check(...asked);
}

/** Marks an answer that was kept, with the time it was given; set by the page's own service worker. */
export const KEPT_AT = "x-oa-kept-at";

/** `chosen`: whose decisions the reader of this browser chose; null: nothing was chosen, and each catalog's own apply. */
export function openCatalog(edges: () => readonly string[], chosen: () => readonly string[] | null) {
  const whose = (sign: "?" | "&"): string => {
    const keys = chosen();
    return keys === null ? "" : `${sign}moderators=${chosenText(keys)}`;
  };
  const ask = async (path: string): Promise<Answered<unknown>> => {
    let wrong = NO_CATALOG;
    for (const edge of edges()) {
      const answer = await answerOf(`${edge}${path}`);
      if (answer.shown !== null) return answer.shown;
      wrong = answer.wrong;
    }
    throw new Fault("unreachable", wrong);
  };
  return {
    /** Listings, newest or best first, from the first page or from where another ended. Fault: unreachable. */
    search: async (text: string, cursor: string | null): Promise<Answered<CatalogPage>> => {
      const words = text.trim() === "" ? "" : `&text=${encodeURIComponent(text.trim().slice(0, 256))}`;
      const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const { value, kept_at } = await ask(`/v1/listings?limit=${PAGE}${words}${whose("&")}${after}`);
      if (!validators.isCatalogPage(value))
        throw new Fault("unreachable", "the catalog gave something that is no list");
      return { value, kept_at };
    },
    /**
     * One listing with its signed events, not yet verified. A catalog that hides it ends the search where a signed decision
     * says so; where it is the catalog's word alone, the next one is asked. Faults: unreachable, with the catalog's words.
     */
    detail: async (address: string): Promise<Looked> => {
      let hiding: Hiding | null = null;
      let wrong = NO_CATALOG;
      for (const edge of edges()) {
        const found = await answerOf(`${edge}/v1/listings/${encodeURIComponent(address)}${whose("?")}`);
        if (found.hides) hiding = await checkedHiding({ edge, chosen: chosen(), says: found.wrong }, address);
        if (hiding !== null && hiding.decision !== null) return { shown: null, hiding };
        if (found.shown !== null && validators.isCatalogDetail(found.shown.value)) {
          return { shown: { value: found.shown.value, kept_at: found.shown.kept_at }, hiding };
        }
        wrong = found.shown === null ? found.wrong : "the catalog gave something that is no listing";
      }
      if (hiding !== null) return { shown: null, hiding };
      throw new Fault("unreachable", wrong);
    },
    /** What hides a listing from those who chose no moderators; null: nothing does, or the reader is one of them. */
    hiddenFromOthers: async (address: string): Promise<Hiding | null> => {
      if (chosen() === null) return null;
      for (const edge of edges()) {
        const { shown, hides, wrong } = await answerOf(`${edge}/v1/listings/${encodeURIComponent(address)}`);
        if (hides) return checkedHiding({ edge, chosen: null, says: wrong }, address);
        if (shown !== null) return null;
      }
      return null;
    },
  };
}

/** What a catalog shows of a listing, and what of hiding it was said on the way; one of the two is there. */
export type Looked =
  | { readonly shown: Answered<CatalogDetail>; readonly hiding: Hiding | null }
  | { readonly shown: null; readonly hiding: Hiding };

interface Answer {
  readonly shown: Answered<unknown> | null;
  /** That it is held back or taken down. */
  readonly hides: boolean;
  readonly wrong: string;
}

const NO_CATALOG = "there is no catalog to ask";

async function answerOf(url: string): Promise<Answer> {
  const answer = await fetch(url, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(LIMITS.coordinator_answer_ms),
  }).catch(() => null);
  if (answer === null) return { shown: null, hides: false, wrong: UNREACHABLE };
  const value: unknown = await answer.json().catch(() => null);
  const kept = answer.headers.get(KEPT_AT);
  const hides = answer.status === 410 || answer.status === 403;
  const wrong = messageIn(value) ?? `the catalog answered ${answer.status}`;
  const shown = answer.ok && value !== null ? { value, kept_at: kept === null ? null : new Date(kept) } : null;
  return { shown, hides, wrong };
}

const UNREACHABLE = "no catalog can be reached, and this has not been looked at before";

export type Catalog = ReturnType<typeof openCatalog>;

/** What an edge says it refuses for. */
export function messageIn(value: unknown): string | null {
  const { error, message } = Object(value) as { readonly error?: unknown; readonly message?: unknown };
  const said = typeof message === "string" ? message : (Object(error) as { readonly message?: unknown }).message;
  return typeof said === "string" ? said.slice(0, 500) : null;
}

/** How old what is shown is, where it is not of now. */
export function ageNotice(kept_at: Date | null, now_ms: number): string | null {
  if (kept_at === null) return null;
  const minutes = Math.max(0, Math.round((now_ms - kept_at.getTime()) / 60_000));
  const age =
    minutes < 2
      ? "a moment"
      : minutes < 120
        ? `${minutes} minutes`
        : minutes < 2_880
          ? `${Math.round(minutes / 60)} hours`
          : `${Math.round(minutes / 1_440)} days`;
  const at = kept_at.toISOString().slice(0, 16).replace("T", " ");
  return `The catalog cannot be reached. This is as it was ${age} ago (${at} UTC); it may have changed or been taken down since.`;
}
