import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type {
  CatalogDetail,
  CatalogPage,
  CatalogQuery,
  CatalogReputation,
  CuratedListPage,
  SnapshotPage,
} from "@oa/shared/generated/types.ts";
import type { ReaderView } from "@oa/shared/moderation/reader.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { operatorOf } from "../adapters/operator.ts";
import { listExternal } from "../catalog/external.ts";
import {
  curatedLists,
  MODERATION_KINDS,
  type Moderation,
  moderationEvents,
  openModeration,
} from "../catalog/moderation.ts";
import { countListings, droppedCounts, getListing, listListings, snapshotPage } from "../catalog/query.ts";
import { takeReputation } from "../catalog/reputation.ts";
import { countDropped, sweepExpired, takeEvent } from "../catalog/store.ts";
import { createCatalogTables } from "../catalog/tables.ts";
import type { Settings } from "../settings.ts";

/** After these, what decisions come to is reckoned again. */
const MODERATED: ReadonlySet<number> = new Set([...MODERATION_KINDS, KINDS.deletion.kind]);

/** What visitors find: the newest listing of each address, its releases, and search over them. */
export class Catalog extends DurableObject<Settings> {
  readonly #sql: Sql;
  readonly #moderation: Moderation;

  constructor(context: DurableObjectState, env: Settings) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    createCatalogTables(this.#sql);
    this.#moderation = openModeration(this.#sql);
  }

  /** Takes events the relay has verified and stored, in order. Safe to repeat. */
  take(events: readonly NostrEvent[]): void {
    const intake = {
      moderators: { trusted: [...this.#moderation.trust(this.#own()).keys()], offered: this.moderators() },
      full: this.ctx.storage.sql.databaseSize > LIMITS.catalog_bytes,
    };
    if (events.some(({ kind }) => MODERATED.has(kind))) this.#moderation.changed();
    this.#sql.transaction(() => {
      sweepExpired(this.#sql, nowSeconds());
      for (const event of events) {
        try {
          // Only the relay calls this, with what its own boundary has verified.
          this.#sql.transaction(() => takeEvent(this.#sql, event as VerifiedEvent, intake));
        } catch (error) {
          // One event must not stop all that come after it.
          console.error(`event ${event.id} could not be taken into the catalog`, error);
          countDropped(this.#sql, "internal");
        }
      }
    });
  }

  /** `chosen`: whose decisions apply; null: those of the edge's own list. */
  list(query: CatalogQuery, chosen: readonly string[] | null): CatalogPage | Rejection {
    const view = this.#view(chosen);
    if (query.external === undefined) return listListings(this.#sql, query, view, nowSeconds());
    if (this.env.EXTERNAL_LISTINGS !== "1") return reject("usage", "this edge keeps no listings of other drafts");
    return listExternal(this.#sql, query, view, nowSeconds());
  }

  get(address: string, chosen: readonly string[] | null): CatalogDetail | Rejection {
    return getListing(this.#sql, address, this.#view(chosen), nowSeconds());
  }

  snapshot(after: string): SnapshotPage {
    // A mirror has pages of what every moderator said, so the end of any decision makes it another.
    const { ended } = this.#view(this.#kept());
    return snapshotPage(this.#sql, after, { ...this.#view(null), ended }, nowSeconds());
  }

  /**
   * Whose decisions and lists are kept and pulled: the operator, whom it offers, and whom the lists of all these name, at
   * most `moderation_kept`.
   */
  moderators(): readonly string[] {
    return [...this.#moderation.trust(this.#kept()).keys()].slice(0, LIMITS.moderation_kept);
  }

  /** Signed decisions and lists, for who checks or mirrors them: by those who were chosen, or by all that are kept. */
  moderationEvents(
    after: number,
    chosen: readonly string[] | null,
  ): { readonly events: readonly NostrEvent[]; readonly next_cursor: string | null } {
    const trust = this.#moderation.trust(chosen ?? this.#kept());
    return moderationEvents(this.#sql, trust, { after, appeals: chosen === null });
  }

  /** Curated lists by the keys that were chosen and by whom they trust. */
  lists(chosen: readonly string[] | null): CuratedListPage {
    return { lists: [...curatedLists(this.#sql, this.#moderation.trust(chosen ?? this.#own()).keys())] };
  }

  /** Takes what a listing's reputation came to, as its indexer signed it. Safe to repeat. */
  takeReputation(address: string, summary: CatalogReputation, event: NostrEvent): void {
    this.#sql.transaction(() => takeReputation(this.#sql, address, summary, event));
  }

  #kept(): readonly string[] {
    const own = this.#own();
    return [...new Set([...own, ...this.#moderation.offered(own[0] ?? null)])];
  }

  #own(): readonly string[] {
    const operator = operatorOf(this.env);
    return operator === null ? [] : [operator];
  }

  #view(chosen: readonly string[] | null): ReaderView {
    return this.#moderation.view(chosen ?? this.#own(), nowSeconds());
  }

  stats(): { readonly listings: number; readonly dropped: Readonly<Record<string, number>> } {
    return { listings: countListings(this.#sql), dropped: droppedCounts(this.#sql) };
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
