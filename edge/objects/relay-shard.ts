import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, assertNever, isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { RelayManagementRequest } from "@oa/shared/generated/types.ts";
import { keptUntil } from "@oa/shared/nostr/expiration.ts";
import type { RelayList } from "@oa/shared/nostr/relay-list.ts";
import { relayShards, shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { type Caller, SPENT_AUTH_DDL, spendAuth } from "../adapters/spent-auth.ts";
import { type Binds, type Called, catalogOf, doorOf, moderationOf, reputationOf, shardOf } from "../addresses.ts";
import { handOver, hasPending, isHandedOn, type Lane, type Taker } from "../ingest.ts";
import { inTime } from "../relay/in-time.ts";
import { concernsAllShards, manage, needsCases, type RelaySettings, settingsOf } from "../relay/management.ts";
import { type Moved, RANGE_DDL } from "../relay/move.ts";
import type { Reader } from "../relay/places.ts";
import { countEvents, findRows, readRaws, syncItems } from "../relay/query.ts";
import { type ShardRange, shardRange } from "../relay/range.ts";
import { type Allowances, AUTHOR_RATE, giveBack, takeFrom } from "../relay/rates.ts";
import type { Fresh, ShardAnswer, ShardTask, WireReader } from "../relay/shard-tasks.ts";
import { createRelayTables, lastMark, storeEvents, sweepExpired } from "../relay/store.ts";
import { type DoorPort, type Told, tellDoors } from "../relay/tell-doors.ts";
import { authorsAfter, relayListsHere } from "../relay/upstream.ts";
import { createLaneTables, type ListingTaker, reputationLane } from "../reputation/lane.ts";
import type { Settings } from "../settings.ts";

/** Whom a shard calls. They call shards in turn, so that it knows them by what it asks of them alone. */
export type ShardEnv = Settings &
  Binds<"RELAY_SHARD", RelayShard> &
  Binds<"RELAY_DOOR", DoorPort & Called> &
  Binds<"CATALOG" | "MODERATION", Taker & Called> &
  Binds<"REPUTATION", ListingTaker & Called>;

const MOVING = "the relay is moving its events to another number of shards: try again later";

interface Performed {
  readonly answers: ShardAnswer[];
  readonly accepted: VerifiedEvent[];
  readonly fresh: Fresh[];
}

/**
 * The events of one range of keys; see `shardOfEvent`. Nobody but the edge reaches it, with events that a boundary has
 * verified. What arrives together is done in order in one transaction, and answered after it: the storage's output gate
 * holds the answer until what it says is durable.
 */
export class RelayShard extends DurableObject<ShardEnv> {
  readonly #sql;
  readonly #told: Told;
  readonly #handing_over = new Set<Lane>();
  readonly #count: number;
  readonly #range: ShardRange;
  #alarm_ms: number | null = null;
  /** By author. Forgotten when this object sleeps: whoever waits for that sends little meanwhile. */
  readonly #authors: Allowances = new Map();

  constructor(context: DurableObjectState, env: ShardEnv) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    createRelayTables(this.#sql);
    this.#sql.run(RANGE_DDL);
    createLaneTables(this.#sql);
    this.#sql.run(SPENT_AUTH_DDL);
    assert(context.id.name !== undefined, "a shard is found by its name, which is where its range begins");
    const { name } = context.id;
    const count = relayShards(env.RELAY_SHARDS);
    this.#count = count;
    this.#range = shardRange(this.#sql, {
      ...{ name, count },
      portOf: (other) => env.RELAY_SHARD.getByName(other),
      wake: (at_ms) => this.#wake(at_ms),
      log: (text, error) => console.error(text, ...(error === undefined ? [] : [error])),
    });
    this.#told = tellDoors(this.#sql, shardOfKey(name, count), (door) => doorOf(env, door));
    context.blockConcurrencyWhile(async () => {
      this.#alarm_ms = await context.storage.getAlarm();
      if (hasPending(this.#sql) || this.#told.owes() || this.#range.mustMove()) this.#wake(Date.now());
    });
  }

  /**
   * Does tasks in order: an answer for each. What is new is told to the doors. `count`: how many shards the asking one
   * knows. `door`: the door that asks, by its id.
   */
  async perform(count: number, door: string | null, tasks: readonly ShardTask[]): Promise<readonly ShardAnswer[]> {
    if (!this.#range.isPlaced(count) && !(await this.#range.ask(count)))
      return tasks.map(() => reject("internal", MOVING));
    // Before it looks, so that between what it finds and what it is told of nothing is missing.
    if (door !== null && tasks.some((task) => task.verb === "find" && task.live)) this.#told.listen(door);
    const { answers, accepted, fresh } = this.#commit(door, tasks);
    if (fresh.length > 0 || this.#told.owes()) this.ctx.waitUntil(this.#told.tell(fresh));
    if (accepted.some(({ kind }) => isHandedOn(kind))) this.ctx.waitUntil(this.#handOver());
    return answers;
  }

  /** Stored events as JSON by their place in the store; see `ShardPort`. */
  raws(count: number, seqs: readonly number[], chars: number): readonly (string | null)[] {
    // It was placed when they were found here.
    if (!this.#range.isPlaced(count)) throw new Error(MOVING);
    return readRaws(this.#sql, seqs, Math.min(chars, LIMITS.relay_call_chars));
  }

  /** Authors of listings in the order of their keys, a page of them. */
  async authorsAfter(pubkey: string): Promise<readonly string[]> {
    if (!(await this.#range.ask(this.#count))) throw new Error(MOVING);
    return authorsAfter(this.#sql, pubkey);
  }

  /**
   * Where authors of listings, and moderators, say they publish (NIP-65); `also`: addresses that count though they are not
   * public.
   */
  async relayLists(also: readonly string[], moderators: readonly string[]): Promise<readonly RelayList[]> {
    if (!(await this.#range.ask(this.#count))) throw new Error(MOVING);
    return relayListsHere(this.#sql, also, moderators);
  }

  /** What its managers changed of what the relay says of itself. Asked of the first shard. */
  settings(): RelaySettings {
    return settingsOf(this.#sql);
  }

  /**
   * One management call (NIP-86) by a key that may make it: its result as JSON, or a sentence why not. Made to the first
   * shard, which has the others follow; where one does not, the call has failed and is to be repeated.
   */
  async manage(
    caller: Caller,
    request: RelayManagementRequest,
  ): Promise<{ readonly result: string } | { readonly error: string; readonly replayed: boolean }> {
    const now_s = Math.floor(Date.now() / 1000);
    const replayed = this.#sql.transaction(() => spendAuth(this.#sql, caller, now_s));
    if (replayed !== null) return { error: replayed.message, replayed: true };
    if (!(await this.#range.ask(this.#count))) return { error: MOVING, replayed: false };
    const done = needsCases(request) ? { result: "[]" } : this.follow(request);
    if ("error" in done || !concernsAllShards(request)) return { replayed: false, ...done };
    const others = Array.from({ length: this.#count - 1 }, (_, index) => index + 1);
    const followed = await Promise.allSettled(
      others.map((shard) => inTime(async () => await shardOf(this.env, shard).follow(request))),
    );
    const failed = followed.flatMap((each) => {
      return each.status === "rejected" ? [each.reason] : "error" in each.value ? [each.value.error] : [];
    });
    if (failed.length === 0) return done;
    console.error(`${failed.length} shards of the relay did not follow ${request.method}`, failed[0]);
    return { error: "a part of the relay has not done this: make the same call again", replayed: false };
  }

  /** Does what the relay's managers decided. Doing it again changes nothing. */
  follow(request: RelayManagementRequest): { readonly result: string } | { readonly error: string } {
    const result = this.#sql.transaction(() => manage(this.#sql, request, Math.floor(Date.now() / 1000)));
    this.#told.passOver();
    // What a lifted ban brings back is handed on again.
    if (hasPending(this.#sql)) this.#wake(Date.now());
    return isRejection(result) ? { error: result.message } : { result: JSON.stringify(result) };
  }

  /** See `ShardRange`. Asked of the first shard. */
  placed(count: number): boolean {
    return this.#range.placed(count);
  }

  /** See `ShardRange`. Asked by the first shard. */
  giveAway(count: number): Promise<boolean> {
    return this.#range.giveAway(count);
  }

  /** See `ShardRange`. Asked by other shards. */
  take(count: number, moved: Moved): void {
    this.#range.take(count, moved);
    this.#told.passOver();
    // To hand on what the other had not, and to remove what expires.
    this.#wake(Date.now() + LIMITS.relay_handover_retry_ms);
  }

  /** Finishes telling and handing over that a crash, or the absence of who takes it, interrupted; removes what has expired. */
  override async alarm(): Promise<void> {
    this.#alarm_ms = null;
    const now_ms = Date.now();
    const next_s = sweepExpired(this.#sql, Math.floor(now_ms / 1000));
    if (next_s !== null) this.#wake(Math.max(next_s * 1000, now_ms + 1_000));
    await this.#range.move();
    await Promise.all([this.#tellAgain(), this.#handOver()]);
  }

  async #tellAgain(): Promise<void> {
    const wait_ms = await this.#told.settle();
    if (wait_ms !== null) this.#wake(Date.now() + wait_ms);
  }

  /** Does tasks in one transaction; where that fails, each in its own, so that one cannot fail the others. */
  #commit(door: string | null, tasks: readonly ShardTask[]): Performed {
    try {
      return this.#sql.transaction(() => {
        const performed = this.#performAll(door, tasks);
        this.#wakeFor(performed);
        return performed;
      });
    } catch (error) {
      if (tasks.length > 1) {
        const each = tasks.map((task) => this.#commit(door, [task]));
        return {
          answers: each.flatMap(({ answers }) => answers),
          accepted: each.flatMap(({ accepted }) => accepted),
          fresh: each.flatMap(({ fresh }) => fresh),
        };
      }
      console.error("the relay could not do what it was asked", error);
      const rejection = reject("internal", "the relay could not do this: nothing was written, try again");
      return { answers: tasks.map(() => rejection), accepted: [], fresh: [] };
    }
  }

  /** In order; events that follow one another are stored together, before anything else is answered. */
  #performAll(door: string | null, tasks: readonly ShardTask[]): Performed {
    const performed: Performed = { answers: [], accepted: [], fresh: [] };
    // A door may ask all shards at once: together they answer what it can hold.
    let chars = Math.floor(LIMITS.relay_call_chars / this.#count);
    let raws: string[] = [];
    const store = (): void => {
      if (raws.length > 0) this.#store(raws, door !== null, performed);
      raws = [];
    };
    for (const task of tasks) {
      if (task.verb === "store") raws.push(task.raw);
      else {
        store();
        const now_s = Math.floor(Date.now() / 1000);
        if (task.verb === "find") {
          const found = findRows(this.#sql, task.filters, readerOf(task.reader), now_s, chars);
          chars -= found.chars;
          performed.answers.push({ rows: found.rows, mark: lastMark(this.#sql) });
        } else if (task.verb === "count") {
          performed.answers.push(countEvents(this.#sql, task.filters, readerOf(task.reader), now_s));
        } else if (task.verb === "items") {
          performed.answers.push(syncItems(this.#sql, { ...task, reader: readerOf(task.reader) }, now_s));
        } else assertNever(task);
      }
    }
    store();
    return performed;
  }

  /** Stores verified events. Clients' count for how much their authors may publish; what the edge brings itself does not. */
  #store(raws: readonly string[], limited: boolean, { answers, accepted, fresh }: Performed): void {
    const now_ms = Date.now();
    const events = raws.map((raw) => JSON.parse(raw) as VerifiedEvent);
    const may = events.map(({ pubkey }) => !limited || takeFrom(this.#authors, pubkey, 1, AUTHOR_RATE, now_ms));
    const stored = storeEvents(
      this.#sql,
      events.filter((_, index) => may[index]),
      Math.floor(now_ms / 1000),
    ).values();
    for (const [index, event] of events.entries()) {
      const result = may[index]
        ? stored.next().value
        : reject("rate_limited", "this author has published too much of late: try again later");
      if (result === undefined || isRejection(result)) {
        // Only what is new counts: whoever repeats an author's events must not use up what the author may send.
        if (limited && may[index]) giveBack(this.#authors, event.pubkey);
        answers.push(result ?? reject("internal", "the relay could not store this event"));
        continue;
      }
      answers.push("stored");
      accepted.push(event);
      fresh.push({ raw: raws[index] ?? "", mark: result });
    }
  }

  async #handOver(): Promise<void> {
    const reputation = reputationLane(this.#sql, (listing) => reputationOf(this.env, listing));
    await Promise.all([
      this.#handTo("catalog", catalogOf(this.env)),
      this.#handTo("reputation", reputation),
      this.#handTo("moderation", moderationOf(this.env)),
    ]);
  }

  async #handTo(lane: Lane, taker: Taker): Promise<void> {
    if (this.#handing_over.has(lane)) return;
    this.#handing_over.add(lane);
    try {
      await handOver(this.#sql, lane, taker);
    } catch (error) {
      console.error(`the ${lane} did not take events; they will be handed over again`, error);
      this.#wake(Date.now() + LIMITS.relay_handover_retry_ms);
    } finally {
      this.#handing_over.delete(lane);
    }
  }

  /** Makes sure that this object wakes to tell of these events and to hand them over, and to remove those that expire. */
  #wakeFor({ accepted, fresh }: Performed): void {
    const isTold = this.#told.hasListeners() && fresh.some(({ mark }) => mark !== null);
    if (isTold || accepted.some(({ kind }) => isHandedOn(kind)))
      this.#wake(Date.now() + LIMITS.relay_handover_retry_ms);
    for (const event of accepted) {
      const expires_at_s = keptUntil(event, Math.floor(Date.now() / 1000));
      if (expires_at_s !== null) this.#wake(expires_at_s * 1000);
    }
  }

  /** Sets the alarm, unless an earlier one is set. */
  #wake(at_ms: number): void {
    if (this.#alarm_ms !== null && this.#alarm_ms <= at_ms) return;
    this.#alarm_ms = at_ms;
    void this.ctx.storage.setAlarm(at_ms);
  }
}

function readerOf(reader: WireReader): Reader {
  return reader === "edge" ? reader : new Set(reader);
}
