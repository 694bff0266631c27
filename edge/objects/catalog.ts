import { DurableObject } from "cloudflare:workers";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type {
  CatalogDetail,
  CatalogPage,
  CatalogQuery,
  CatalogReputation,
  SnapshotPage,
} from "@oa/shared/generated/types.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { countListings, droppedCounts, getListing, listListings, snapshotPage } from "../catalog/query.ts";
import { takeReputation } from "../catalog/reputation.ts";
import { countDropped, createCatalogTables, takeEvent } from "../catalog/store.ts";
import type { Env } from "../env.ts";

/** What visitors find: the newest listing of each address, its releases, and search over them. */
export class Catalog extends DurableObject<Env> {
  readonly #sql: Sql;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    createCatalogTables(this.#sql);
  }

  /** Takes events the relay has verified and stored, in order. Safe to repeat. */
  take(events: readonly NostrEvent[]): void {
    this.#sql.transaction(() => {
      for (const event of events) {
        try {
          // Only the relay calls this, with what its own boundary has verified.
          this.#sql.transaction(() => takeEvent(this.#sql, event as VerifiedEvent));
        } catch (error) {
          // One event must not stop all that come after it.
          console.error(`event ${event.id} could not be taken into the catalog`, error);
          countDropped(this.#sql, "internal");
        }
      }
    });
  }

  list(query: CatalogQuery): CatalogPage | Rejection {
    return listListings(this.#sql, query, nowSeconds());
  }

  get(address: string): CatalogDetail | Rejection {
    return getListing(this.#sql, address, nowSeconds());
  }

  snapshot(after: string): SnapshotPage {
    return snapshotPage(this.#sql, after, nowSeconds());
  }

  /** Takes what a listing's reputation came to. Safe to repeat. */
  takeReputation(address: string, summary: CatalogReputation): void {
    this.#sql.transaction(() => takeReputation(this.#sql, address, summary));
  }

  stats(): { readonly listings: number; readonly dropped: Readonly<Record<string, number>> } {
    return { listings: countListings(this.#sql), dropped: droppedCounts(this.#sql) };
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
