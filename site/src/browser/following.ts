import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Followed, openFollowed } from "@oa/shared/moderation/followed.ts";
import type { judge } from "@oa/shared/moderation/reader.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { verifyEvent } from "@oa/shared/nostr/verify.ts";
import type { ModeratorIndex } from "./indexed.ts";

export type Judged = ReturnType<typeof judge>;

/** What the moderators of a reader's choice say, as this browser has checked it. */
export interface Following {
  readonly chosen: readonly string[];
  readonly followed: Followed;
  /** What a key goes by: a name that a list gives it, or the start of its npub. */
  readonly nameOf: (key: string) => string;
  /** Whom of them nothing is known here. */
  readonly silent: readonly string[];
  readonly operator: string | null;
  /** What stands of a listing now. */
  readonly judge: (path: string, event_id: string | undefined) => Judged | null;
}

const loaded = new Map<string, Promise<Following>>();

/** Loads what these keys signed, once. Rejects where the mirror cannot be asked. */
export function follow(chosen: readonly string[]): Promise<Following> {
  const name = chosen.join();
  let following = loaded.get(name);
  if (following === undefined) {
    following = load(chosen);
    following.catch(() => loaded.delete(name)); // so that the next question tries again
    loaded.set(name, following);
  }
  return following;
}

/** The address of the listing that a page of this site is of; null for other pages. */
export function listingAt(path: string): { readonly address: string; readonly pubkey: string } | null {
  const [, pubkey, slug] = /^\/upgrades\/([0-9a-f]{64})\/([a-z0-9_.-]{1,128})\/?$/.exec(path) ?? [];
  return pubkey === undefined || slug === undefined ? null : { address: `30051:${pubkey}:${slug}`, pubkey };
}

/**
 * What these keys signed, out of what the edge at this origin keeps; null: its own operator, and whom that trusts. Rejects
 * where the edge cannot be asked.
 */
export async function followAt(
  edge: string,
  chosen: readonly string[] | null,
): Promise<Pick<Following, "followed" | "nameOf">> {
  const keys = chosen ?? (await operatorAt(edge));
  const of = await Promise.all(keys.map((key) => ofEdge(key, edge)));
  const followed = openFollowed(keys, of.flat(), (raw) => verifyEvent(raw, pureSchnorr));
  const nameOf = (key: string): string =>
    followed.nameOf(key) || (chosen === null && keys.includes(key) ? "its operator" : shortName(key));
  return { followed, nameOf };
}

async function operatorAt(edge: string): Promise<readonly string[]> {
  const roles = await answered<{ readonly operator: string | null }>(`${edge}/v1/moderation/roles`);
  return roles === null || roles.operator === null ? [] : [roles.operator];
}

function shortName(key: string): string {
  return `${hexToNpub(key).slice(0, 12)}…`;
}

async function load(chosen: readonly string[]): Promise<Following> {
  const index = await answered<ModeratorIndex>("/moderation/index.json");
  if (index === null) throw new Error("this mirror does not say what moderators decided");
  const { operator, moderators } = index;
  const names = new Map(moderators.map(({ pubkey, name }) => [pubkey, name]));
  const of = await Promise.all(chosen.map((key) => (names.has(key) ? ofMirror(key) : ofEdge(key))));
  const followed = openFollowed(chosen, of.flat(), (raw) => verifyEvent(raw, pureSchnorr));
  return {
    ...{ chosen, followed, operator },
    nameOf: (key) =>
      names.get(key) || followed.nameOf(key) || (key === operator ? "this mirror’s operator" : shortName(key)),
    silent: chosen.filter((key, at) => !names.has(key) && of[at]?.length === 0),
    judge: (path, event_id) => {
      const listing = listingAt(path);
      if (listing === null) return null;
      return followed.judge({ ...listing, event_id: event_id ?? "" }, Math.floor(Date.now() / 1_000));
    },
  };
}

/** What the snapshot has of a moderator that this mirror names. */
async function ofMirror(key: string): Promise<readonly unknown[]> {
  const file = await answered<{ readonly events: readonly unknown[] }>(`/moderation/${key}.json`);
  if (file === null) throw new Error(`this mirror does not say what ${key} decided`);
  return file.events;
}

/** What an edge, else the one that serves this page, has of anybody; nothing where there are plain files. */
async function ofEdge(key: string, edge = ""): Promise<readonly unknown[]> {
  const events: unknown[] = [];
  let cursor: string | null = "0";
  for (let pages = 0; cursor !== null && pages < LIMITS.moderation_pages_followed; pages += 1) {
    type Page = { readonly events: readonly unknown[]; readonly next_cursor: string | null };
    const page: Page | null = await answered<Page>(`${edge}/v1/moderation/events?moderators=${key}&cursor=${cursor}`);
    if (page === null) return [];
    events.push(...page.events);
    cursor = page.next_cursor;
  }
  return events;
}

/** What an address answers, this site's own or an edge's; null where it has no such thing. */
async function answered<Value>(path: string): Promise<Value | null> {
  const response = await fetch(path, { signal: AbortSignal.timeout(LIMITS.coordinator_answer_ms) });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json() as Promise<Value>;
}
