import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { UpstreamPage } from "@oa/shared/generated/types.ts";
import { publicRelay } from "@oa/shared/nostr/relay-list.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { type Binds, catalogOf } from "../addresses.ts";
import { type RelayEnv, relayOf } from "../relay/whole.ts";
import { anchorsOf, trustedFollowers } from "../reputation/anchors.ts";
import { type Connect, connectUpstream } from "../upstream/connection.ts";
import { configuredFilters, type ListMakers, listedFilters, listedRelays } from "../upstream/plan.ts";
import { pullFrom } from "../upstream/pull.ts";
import {
  createUpstreamTables,
  type DueRelay,
  droppedUpstream,
  dueRelays,
  knownAuthors,
  learnAuthors,
  nextDue,
  noteFailure,
  notePull,
  setRelays,
  upstreamStatus,
} from "../upstream/store.ts";
import type { Catalog } from "./catalog.ts";

export interface UpstreamsEnv extends RelayEnv, Binds<"CATALOG", Catalog> {
  /** A way out that reaches public addresses only; Cloudflare's own network is one already. */
  readonly PUBLIC_NETWORK?: Fetcher;
}

/**
 * Pulls from other relays, a few at a time, each on its own schedule. It runs on an alarm that sets the next one, so it
 * goes on by itself once anything has touched it; the Worker's cron trigger does.
 */
export class Upstreams extends DurableObject<UpstreamsEnv> {
  readonly #sql: Sql;
  /** Which authors each listed relay is asked for, as of the last look at their lists. */
  #listed: ReadonlyMap<string, readonly string[]> = new Map();
  #makers: ListMakers = { followers: [], moderators: [] };

  constructor(context: DurableObjectState, env: UpstreamsEnv) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    createUpstreamTables(this.#sql);
    context.blockConcurrencyWhile(() => this.wake());
  }

  /** Makes sure that there is a next time, where there is anything to pull. */
  async wake(): Promise<void> {
    if (!this.#isOn()) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now());
  }

  status(): UpstreamPage {
    return { relays: [...upstreamStatus(this.#sql)], passed_over: droppedUpstream(this.#sql) };
  }

  override async alarm(): Promise<void> {
    try {
      await this.#planRelays();
      const due = [...dueRelays(this.#sql, Date.now())];
      const lane = async (): Promise<void> => {
        for (let relay = due.shift(); relay !== undefined; relay = due.shift()) await this.#pull(relay);
      };
      await Promise.all(Array.from({ length: LIMITS.upstream_at_once }, lane));
    } catch (error) {
      console.error("pulling from other relays failed; it goes on later", error);
    }
    if (!this.#isOn()) return;
    const next_ms = nextDue(this.#sql) ?? Date.now() + this.#interval_ms();
    await this.ctx.storage.setAlarm(Math.max(next_ms, Date.now() + LIMITS.upstream_interval_ms_min));
  }

  #isOn(): boolean {
    return this.#configured().length > 0 || this.env.FOLLOW_RELAY_LISTS === "1";
  }

  #configured(): readonly string[] {
    return addressesIn(this.env.UPSTREAM_RELAYS);
  }

  #interval_ms(): number {
    const set_ms = Number(this.env.UPSTREAM_INTERVAL_S) * 1000;
    return set_ms >= LIMITS.upstream_interval_ms_min ? set_ms : LIMITS.upstream_interval_ms;
  }

  /** Looks up whose events are wanted and where they say they publish. */
  async #planRelays(): Promise<void> {
    const relay = relayOf(this.env);
    for (let after = ""; ; ) {
      const authors = await relay.authorsAfter(after);
      learnAuthors(this.#sql, authors);
      if (authors.length < LIMITS.upstream_authors_page) break;
      after = authors.at(-1) ?? after;
    }
    this.#makers = {
      followers: await trustedFollowers(relay, anchorsOf(this.env)),
      moderators: await catalogOf(this.env).moderators(),
    };
    const configured = this.#configured();
    if (this.env.FOLLOW_RELAY_LISTS === "1") {
      const lists = await relay.relayLists(addressesIn(this.env.LISTED_RELAYS), this.#makers.moderators);
      this.#listed = listedRelays(lists, configured);
    }
    setRelays(this.#sql, configured, [...this.#listed.keys()], Date.now());
  }

  /** One relay's turn. Whatever it does wrong costs its own turns only. */
  async #pull(due: DueRelay): Promise<void> {
    const { url, no_sync_until_ms } = due;
    try {
      const connection = await connectUpstream(url, this.#connect(due), Date.now() + LIMITS.upstream_pull_ms);
      try {
        const own = relayOf(this.env);
        const filters =
          due.listed === 1
            ? listedFilters(this.#listed.get(url) ?? [], this.#makers)
            : configuredFilters(knownAuthors(this.#sql), this.#makers, this.env.EXTERNAL_LISTINGS === "1");
        const relay = {
          takeForeign: own.takeForeign,
          comparable: own.comparable,
        };
        const pull = { ...{ sql: this.#sql, url, relay, no_sync_until_ms }, now: () => Date.now() };
        const { method, more } = await pullFrom(pull, connection, filters);
        const wait_ms = more ? Math.min(LIMITS.upstream_soon_ms, this.#interval_ms()) : this.#interval_ms();
        notePull(this.#sql, url, method, Date.now(), Date.now() + wait_ms);
      } finally {
        connection.close();
      }
    } catch (error) {
      if (!(error instanceof Fault)) console.error(`pulling from ${url} failed`, error);
      noteFailure(this.#sql, due, error instanceof Error ? error.message : String(error), Date.now());
    }
  }

  /** A relay that this edge's settings name may be anywhere; one that others name must be on the public internet. */
  #connect({ url, listed }: DueRelay): Connect {
    const { PUBLIC_NETWORK } = this.env;
    const isOwn = listed === 0 || addressesIn(this.env.LISTED_RELAYS).includes(url);
    if (isOwn || PUBLIC_NETWORK === undefined) return (address, init) => fetch(address, init);
    return (address, init) => PUBLIC_NETWORK.fetch(address, init);
  }
}

/** The addresses in a setting. What is none is left out, since a setting must not stop the rest. */
function addressesIn(setting: string | undefined): readonly string[] {
  const urls = (setting ?? "").split(/[\s,]+/).filter((text) => /^wss?:\/\//.test(text) && URL.canParse(text));
  return [...new Set(urls.map((url) => publicRelay(url) ?? new URL(url).href))].slice(0, LIMITS.upstream_relays);
}
