import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { ListingReputation, ReputationInputs } from "@oa/shared/generated/types.ts";
import { sellersOf } from "@oa/shared/license/evidence.ts";
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { authorOf } from "@oa/shared/nostr/30054-rating.ts";
import { toEvent } from "@oa/shared/nostr/30384-reputation.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { askContext } from "@oa/shared/reputation/context.ts";
import { explain } from "@oa/shared/reputation/explain.ts";
import type { ReputationSettings } from "@oa/shared/reputation/facts.ts";
import type { Input } from "@oa/shared/reputation/inputs.ts";
import { readInput } from "@oa/shared/reputation/read.ts";
import { type Reckoned, reckon } from "@oa/shared/reputation/roll-up.ts";
import { ABUSE_RULES } from "@oa/shared/reputation/rules/index.ts";
import { summaryOf } from "@oa/shared/reputation/summary.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import { type Binds, catalogOf } from "../addresses.ts";
import { type RelayEnv, relayOf } from "../relay/whole.ts";
import { anchorsOf } from "../reputation/anchors.ts";
import { indexerKey } from "../reputation/indexer-key.ts";
import {
  createInputTables,
  droppedInputs,
  forgetForeignZaps,
  hasZaps,
  ratersOf,
  standingInputs,
  takeInput,
} from "../reputation/inputs.ts";
import { payAddressOf, zapProviderOf } from "../reputation/lnurl.ts";
import { createRolledTable, keepRolled, rolledAfter } from "../reputation/rolled.ts";
import type { Catalog } from "./catalog.ts";

export type ReputationEnv = RelayEnv & Binds<"CATALOG", Catalog>;

/** What this object remembers beside the inputs, each as JSON. */
interface Kept {
  readonly listing: string;
  /** When the oldest change that is not reckoned yet came, Unix milliseconds. */
  readonly changed_ms: number | null;
  readonly provider: { readonly address: string; readonly key: string | null; readonly until_ms: number };
  readonly published: { readonly event: NostrEvent; readonly answer: ListingReputation };
}

/**
 * The reputation of one listing. It keeps the signed events that stand about it and reckons the score again soon after
 * they change, and once a day since ratings age; each roll-up is signed, published and told to the catalog.
 */
export class Reputation extends DurableObject<ReputationEnv> {
  readonly #sql: Sql;

  constructor(context: DurableObjectState, env: ReputationEnv) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    this.#sql.transaction(() => {
      createInputTables(this.#sql);
      createRolledTable(this.#sql);
      this.#sql.run("CREATE TABLE IF NOT EXISTS rep_kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    });
  }

  /** Takes events the relay has verified and stored, about this listing. Safe to repeat. */
  async take(listing: string, events: readonly NostrEvent[]): Promise<void> {
    const changed = this.#sql.transaction(() => {
      this.#keep("listing", listing);
      // Only the relay calls this, with what its own boundary has verified.
      return events.map((event) => this.#takeOne(listing, event as VerifiedEvent)).some((each) => each);
    });
    if (!changed) return;
    const now_ms = Date.now();
    const since_ms = this.#kept("changed_ms") ?? now_ms;
    this.#keep("changed_ms", since_ms);
    // A flood cannot put it off for ever.
    await this.ctx.storage.setAlarm(
      Math.min(now_ms + LIMITS.reputation_quiet_ms, since_ms + LIMITS.reputation_wait_ms),
    );
  }

  override async alarm(): Promise<void> {
    const listing = this.#kept("listing");
    if (listing === undefined || indexerKey(this.env) === null) return;
    this.#keep("changed_ms", null);
    try {
      await this.#reckon(listing);
      await this.ctx.storage.setAlarm(Date.now() + LIMITS.reputation_refresh_ms);
    } catch (error) {
      console.error(`the reputation of ${listing} could not be reckoned; it will be tried again`, error);
      await this.ctx.storage.setAlarm(Date.now() + LIMITS.reputation_wait_ms);
    }
  }

  /** Refusal: not_found. */
  get(): ListingReputation | Rejection {
    if (indexerKey(this.env) === null)
      return reject("not_found", "this edge has no key, so it publishes no reputations");
    return this.#kept("published")?.answer ?? reject("not_found", "nobody has rated this listing yet");
  }

  /** The ids of the events of the last roll-up after one of them, sorted. Refusal: not_found. */
  inputs(after: string): ReputationInputs | Rejection {
    const published = this.#kept("published");
    if (published === undefined) return reject("not_found", "nobody has rated this listing yet");
    const { root, count } = published.answer.rollup.inputs;
    const { event_ids, next_after } = rolledAfter(this.#sql, after);
    return { root, count, event_ids: [...event_ids], next_after };
  }

  #takeOne(listing: string, event: VerifiedEvent): boolean {
    try {
      return this.#sql.transaction(() => takeInput(this.#sql, listing, event, edgeSchnorr()));
    } catch (error) {
      // One event must not stop all that come after it.
      console.error(`event ${event.id} could not be taken into the reputation of ${listing}`, error);
      return false;
    }
  }

  async #reckon(listing: string): Promise<void> {
    const now_ms = Date.now();
    const now_s = Math.floor(now_ms / 1000);
    const settings = await this.#settings(listing, now_ms);
    const zaps = { provider: settings.zap_provider, schnorr: edgeSchnorr() };
    const own = standingInputs(this.#sql, zaps, now_s);
    const ask = async (filter: object): Promise<readonly Input[]> =>
      (await this.#query(filter)).flatMap((event) => {
        const input = readInput(event, zaps);
        return isRejection(input) ? [] : [input];
      });
    const limit = LIMITS.relay_limit;
    const others = await askContext(ask, listing, ratersOf(own), settings.anchors, limit);
    const reckoned = reckon(listing, [...own, ...others], settings, now_s);
    const key = indexerKey(this.env);
    assert(key !== null, "who signs roll-ups is known");
    const event = signEvent(toEvent(reckoned.rollup), key, crypto.getRandomValues(new Uint8Array(32)));
    const refused = await relayOf(this.env).publish(event);
    // Another of the same second, say: it is reckoned again.
    if (refused !== null) throw new Error(`the roll-up was not published: ${refused}`);
    this.#sql.transaction(() => {
      this.#keep("published", { event, answer: this.#answer(reckoned, event) });
      keepRolled(this.#sql, reckoned.event_ids);
    });
    await catalogOf(this.env).takeReputation(listing, summaryOf(reckoned.rollup, event.id), event);
  }

  async #settings(listing: string, now_ms: number): Promise<ReputationSettings> {
    const author = authorOf(listing);
    const [kind, , slug = ""] = listing.split(":");
    const [manifest] = await this.#query({ kinds: [Number(kind)], authors: [author], "#d": [slug] });
    const read = manifest === undefined ? null : listingFrom(manifest);
    return {
      receipt_signers: read === null || isRejection(read) ? [author] : sellersOf(read),
      zap_provider: hasZaps(this.#sql) ? await this.#zapProvider(author, now_ms) : null,
      anchors: anchorsOf(this.env),
    };
  }

  /** The key of the author's wallet, asked of its LNURL server at most once a day. */
  async #zapProvider(author: string, now_ms: number): Promise<string | null> {
    const [profile] = await this.#query({ kinds: [KINDS.profile.kind], authors: [author] });
    const address = profile === undefined ? null : payAddressOf(profile.content);
    if (address === null) return null;
    const known = this.#kept("provider");
    if (known !== undefined && known.address === address && known.until_ms > now_ms) return known.key;
    const asked = await zapProviderOf(address, (this.env.LNURL_HOSTS ?? "").split(","));
    if (isRejection(asked)) {
      // A server that is away takes nothing back: what it said last stands until it says otherwise.
      const key = known?.address === address ? known.key : null;
      this.#keep("provider", { address, key, until_ms: now_ms + LIMITS.lnurl_failed_ms });
      return key;
    }
    forgetForeignZaps(this.#sql, asked);
    this.#keep("provider", { address, key: asked, until_ms: now_ms + LIMITS.lnurl_kept_ms });
    return asked;
  }

  async #query(filter: object): Promise<readonly VerifiedEvent[]> {
    const [found = []] = await relayOf(this.env).find([[filter]]);
    // The relay verified what it stores.
    return found.map((raw) => JSON.parse(raw) as VerifiedEvent);
  }

  #answer({ rollup, raters }: Reckoned, event: NostrEvent): ListingReputation {
    return {
      rollup,
      event: { ...event, tags: event.tags.map((tag) => [...tag]) },
      explanation: [...explain(rollup)],
      rules: ABUSE_RULES.map(({ name, says }) => ({ rule: name, says })),
      ratings: raters.slice(0, LIMITS.reputation_raters_shown).map(({ rating, rater_class, weight, rules }) => ({
        event_id: rating.event_id,
        rater: rating.rater,
        stars: rating.stars,
        review: rating.review,
        created_at: rating.created_at,
        class: rater_class,
        weight_ppm: Number(weight),
        rules: rules.map((rule) => ({ ...rule })),
      })),
      dropped: droppedInputs(this.#sql),
    };
  }

  #kept<Name extends keyof Kept>(name: Name): Kept[Name] | undefined {
    const row = one<{ value: string }>(this.#sql, "SELECT value FROM rep_kept WHERE name = ?", name);
    return row === undefined ? undefined : (JSON.parse(row.value) as Kept[Name]);
  }

  #keep<Name extends keyof Kept>(name: Name, value: Kept[Name]): void {
    this.#sql.run("INSERT OR REPLACE INTO rep_kept VALUES (?, ?)", name, JSON.stringify(value));
  }
}
