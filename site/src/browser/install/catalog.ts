import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, CatalogPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { chosenText } from "@oa/shared/moderation/chosen.ts";

/** What a catalog answered, and since when it is known: null, it was answered just now. */
export interface Answered<T> {
  readonly value: T;
  readonly kept_at: Date | null;
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
    let wrong = "there is no catalog to ask";
    for (const edge of edges()) {
      const answer = await fetch(`${edge}${path}`, {
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(LIMITS.coordinator_answer_ms),
      }).catch(() => null);
      if (answer === null) {
        wrong = "no catalog can be reached, and this has not been looked at before";
        continue;
      }
      const value: unknown = await answer.json().catch(() => null);
      const kept = answer.headers.get(KEPT_AT);
      if (answer.ok && value !== null) return { value, kept_at: kept === null ? null : new Date(kept) };
      wrong = messageIn(value) ?? `the catalog answered ${answer.status}`;
    }
    throw new Fault("unreachable", wrong);
  };
  return {
    /** Listings, newest or best first. Fault: unreachable. */
    search: async (text: string): Promise<Answered<CatalogPage["listings"]>> => {
      const words = text.trim() === "" ? "" : `&text=${encodeURIComponent(text.trim().slice(0, 256))}`;
      const { value, kept_at } = await ask(`/v1/listings?limit=50${words}${whose("&")}`);
      if (!validators.isCatalogPage(value))
        throw new Fault("unreachable", "the catalog gave something that is no list");
      return { value: value.listings, kept_at };
    },
    /** One listing with its signed events, not yet verified. Faults: unreachable, with the catalog's words. */
    detail: async (address: string): Promise<Answered<CatalogDetail>> => {
      const { value, kept_at } = await ask(`/v1/listings/${encodeURIComponent(address)}${whose("?")}`);
      if (!validators.isCatalogDetail(value)) {
        throw new Fault("unreachable", "the catalog gave something that is no listing");
      }
      return { value, kept_at };
    },
    /** What the catalog says to those who chose no moderators of a listing that it hides from them; null: it shows it. */
    hidden: async (address: string): Promise<string | null> => {
      if (chosen() === null) return null;
      for (const edge of edges()) {
        const answer = await fetch(`${edge}/v1/listings/${encodeURIComponent(address)}`, {
          headers: { accept: "application/json" },
          signal: AbortSignal.timeout(LIMITS.coordinator_answer_ms),
        }).catch(() => null);
        if (answer === null) continue;
        const hides = answer.status === 410 || answer.status === 403;
        return hides ? (messageIn(await answer.json().catch(() => null)) ?? "It gives no reason") : null;
      }
      return null;
    },
  };
}

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
