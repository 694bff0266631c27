import { DurableObject } from "cloudflare:workers";
import { DAY_S } from "@oa/shared/core/durations.ts";
import { type EventContext, inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, openEventStore, task } from "@oa/shared/core/event-store.ts";
import { newUuid, type RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { MODERATION_ACTIONS } from "@oa/shared/core/moderation-words.ts";
import { assert, Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type {
  ModerationCase,
  ModerationCasePage,
  ModerationDecision,
  ModerationLedger,
  ModerationReport,
  ModerationRoles,
} from "@oa/shared/generated/types.ts";
import { caseIdOf } from "@oa/shared/moderation/case.ts";
import { moderationCase } from "@oa/shared/moderation/decider.ts";
import { type Trust, trustIn } from "@oa/shared/moderation/trust.ts";
import { countUnknownCases, getCase, ledgerPage, listCases, moderationView } from "@oa/shared/moderation/views.ts";
import { fromEvent as reportIn } from "@oa/shared/nostr/01984-report.ts";
import {
  fromEvent as decisionIn,
  isModeration,
  MODERATION_NAMESPACE,
  TARGET_TAGS,
} from "@oa/shared/nostr/01985-moderation.ts";
import { type PeopleList, type Person, fromEvent as peopleIn } from "@oa/shared/nostr/30000-people.ts";
import { authorOf } from "@oa/shared/nostr/30054-rating.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { operatorOf } from "../adapters/operator.ts";
import { type Caller, SPENT_AUTH_DDL, spendAuth } from "../adapters/spent-auth.ts";
import { keyBehind, standings } from "../moderation/reporters.ts";
import { type RelayEnv, relayOf } from "../relay/whole.ts";

const random: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));
const DDL = [
  SPENT_AUTH_DDL,
  // The operator's own lists, the newest of each.
  `CREATE TABLE IF NOT EXISTS mod_lists (
     list TEXT PRIMARY KEY, created_at INTEGER NOT NULL, event_id TEXT NOT NULL, raw TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS mod_reporters (
     pubkey TEXT NOT NULL, day INTEGER NOT NULL, reports INTEGER NOT NULL, PRIMARY KEY (pubkey, day)) WITHOUT ROWID`,
];

/**
 * Moderation: cases made of reports and of what curators decided, in a log that nothing is taken out of, and the public
 * ledger. The roles come from the list that the operator signed. It signs nothing itself.
 */
export class Moderation extends DurableObject<RelayEnv> {
  readonly #sql: Sql;
  readonly #store: EventStore;

  constructor(context: DurableObjectState, env: RelayEnv) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    this.#sql.transaction(() => {
      for (const statement of DDL) this.#sql.run(statement);
    });
    this.#store = openEventStore(this.#sql, [moderationView], random);
  }

  /**
   * Takes events the relay has verified and stored, in the order of their shard; shards know none among each other. Safe
   * to repeat. Faults: the relay's, where a part of it cannot be asked: then the rest is to be handed over again.
   */
  async take(events: readonly NostrEvent[]): Promise<void> {
    // Only the relay calls this, with what its own boundary has verified.
    for (const event of events as readonly VerifiedEvent[]) {
      try {
        if (event.kind === KINDS.people.kind) await this.#takeList(event);
        else if (event.kind === KINDS.report.kind) await this.#takeReport(event);
        else await this.#takeLabel(event, true);
      } catch (error) {
        if (error instanceof Fault && error.retryable) throw error;
        // One event must not stop all that come after it.
        console.error(`event ${event.id} could not be taken into moderation`, error);
      }
    }
  }

  /**
   * Records what a curator decided or an author appealed; `target_key` is whose the target is. Refusals: auth_replayed
   * and those of the case's rules.
   */
  decide(caller: Caller, decision: ModerationDecision, target_key: string | null): ModerationCase | Rejection {
    const now_s = nowSeconds();
    return this.#sql.transaction(() => {
      const replayed = spendAuth(this.#sql, caller, now_s);
      if (replayed !== null) return replayed;
      return this.#record(decision, target_key, now_s) ?? this.#case(caseIdOf(decision.target));
    });
  }

  /** Refusals: auth_replayed, not_permitted. */
  cases(caller: Caller, cursor: string | null): ModerationCasePage | Rejection {
    const refusal = this.#refuseReader(caller);
    if (refusal !== null) return refusal;
    const page = listCases(this.#sql, { ...this.#seen(), cursor, limit: LIMITS.moderation_page });
    return { ...page, cases: [...page.cases] };
  }

  /** Refusals: auth_replayed, not_permitted, not_found. */
  case(caller: Caller, case_id: string): ModerationCase | Rejection {
    const refusal = this.#refuseReader(caller);
    if (refusal !== null) return refusal;
    return getCase(this.#sql, case_id, this.#seen()) ?? reject("not_found", `there is no case ${case_id.slice(0, 80)}`);
  }

  ledger(before: number | null): ModerationLedger {
    const { entries, next_cursor } = ledgerPage(this.#sql, { ...this.#seen(), before, limit: LIMITS.moderation_page });
    return { operator: operatorOf(this.env), entries: [...entries], next_cursor };
  }

  roles(): ModerationRoles {
    const event = this.#list("curators");
    const people = this.#people("curators");
    return {
      operator: operatorOf(this.env),
      event: event as ModerationRoles["event"],
      curators: people.map(({ pubkey, name, roles }) => ({ pubkey, npub: hexToNpub(pubkey), name, roles: [...roles] })),
      moderators: this.#people("moderators")
        .slice(0, LIMITS.moderation_offered)
        .map(({ pubkey, name }) => ({ pubkey, npub: hexToNpub(pubkey), name })),
    };
  }

  /** Whether a key may manage the relay. */
  managesRelay(pubkey: string): boolean {
    return this.#trust().get(pubkey)?.has("relay") ?? false;
  }

  /** Events that reports are about and that no decision answered (NIP-86). */
  waitingEvents(): readonly { readonly id: string; readonly reason: string }[] {
    const { cases } = listCases(this.#sql, { ...this.#seen(), cursor: null, limit: LIMITS.moderation_page });
    const reports = cases.filter(({ status }) => status === "open").flatMap((one) => one.reports);
    return reports.flatMap(({ manifest_event_id: id, reason }) => (id === null ? [] : [{ id, reason }]));
  }

  async #takeList(event: VerifiedEvent): Promise<void> {
    const list = peopleIn(event);
    if (isRejection(list) || list.signer !== operatorOf(this.env)) return;
    const before = this.#trust();
    this.#sql.run(
      `INSERT INTO mod_lists (list, created_at, event_id, raw) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (list) DO UPDATE SET created_at = ?2, event_id = ?3, raw = ?4
       WHERE created_at < ?2 OR (created_at = ?2 AND event_id > ?3)`,
      ...[list.list, list.created_at, event.id, JSON.stringify(event)],
    );
    const grown = [...this.#trust()].filter(([key, roles]) => [...roles].some((role) => !before.get(key)?.has(role)));
    const authors = grown.map(([key]) => key).slice(0, LIMITS.filter_values);
    if (authors.length > 0) await this.#takeEarlier({ authors }, true);
  }

  /** Labels that came before the list that names their signer, or before what they answer, as they are on the relay. */
  async #takeEarlier(narrow: object, follow: boolean): Promise<void> {
    const filter = { kinds: [KINDS.label.kind], "#L": [MODERATION_NAMESPACE], ...narrow };
    const [found = []] = await relayOf(this.env).find([[filter]]);
    for (const raw of found.toReversed()) await this.#takeLabel(JSON.parse(raw) as VerifiedEvent, follow);
  }

  async #takeReport(event: VerifiedEvent): Promise<void> {
    const report = reportIn(event);
    // Who reports their own listing wants something else.
    if (isRejection(report) || authorOf(report.listing) === report.reporter) return;
    const target = { kind: "listing", value: report.listing } as const;
    const case_id = caseIdOf(target);
    const before = this.#store.load(moderationCase, case_id);
    // Only the first of each key counts, and it may be handed over again.
    if (before.reports.some(({ reporter }) => reporter === report.reporter)) return;
    const now_s = nowSeconds();
    if (!this.#admitReporter(report.reporter, event.id, now_s)) return;
    const known = await standings(relayOf(this.env), report, this.#trust(), this.#trustedAuthors()).catch((error) => {
      this.#admitAgain(report.reporter, now_s);
      throw error;
    });
    if (known === null) return; // there is no such listing
    if (
      before.target === null &&
      known === "unknown" &&
      countUnknownCases(this.#sql) >= LIMITS.moderation_cases_unknown
    )
      return;
    const { event_id, created_at, reporter, reason, text, manifest_event_id } = report;
    const facts: ModerationReport = {
      event_id,
      created_at,
      reporter,
      reason,
      text,
      manifest_event_id,
      standing: known,
    };
    const done = this.#store.handle(this.#context(reporter, now_s), [
      task(moderationCase, case_id, { type: "report", target, report: facts }),
    ]);
    assert(!isRejection(done) || done.code === "case_full", "a report is taken, or one too many");
  }

  /** A decision that came to the relay itself counts like one that was handed in. `follow`: with what answers it. */
  async #takeLabel(event: VerifiedEvent, follow: boolean): Promise<void> {
    const decision = isModeration(event) ? decisionIn(event) : null;
    if (decision === null || isRejection(decision)) return;
    if (decision.action !== "appeal" && !this.#trust().has(decision.moderator)) return;
    const { decisions } = this.#store.load(moderationCase, caseIdOf(decision.target));
    if (decisions.some(({ event_id }) => event_id === decision.event_id)) return;
    const target_key = await keyBehind(relayOf(this.env), decision.target);
    // It was fresh when the relay took it: it may have waited since.
    const refused = this.#sql.transaction(() => this.#record(decision, target_key, decision.created_at));
    if (refused !== null || !follow || !MODERATION_ACTIONS[decision.action].measure) return;
    const letter = TARGET_TAGS[decision.target.kind];
    const authors = [...this.#trust().keys(), ...(target_key === null ? [] : [target_key])];
    const narrow = { authors: authors.slice(-LIMITS.filter_values), [`#${letter}`]: [decision.target.value] };
    await this.#takeEarlier(narrow, false);
  }

  #record(decision: ModerationDecision, target_key: string | null, now_s: number): Rejection | null {
    const trust = this.#trust();
    const roles_event_id = decision.moderator === operatorOf(this.env) ? null : (this.#list("curators")?.id ?? null);
    const done = this.#store.handle(this.#context(decision.moderator, nowSeconds()), [
      task(moderationCase, caseIdOf(decision.target), {
        ...{ type: "decide", decision, trust, roles_event_id, target_key, now_s },
      }),
    ]);
    return isRejection(done) ? done : null;
  }

  /** False for a key that reports all the time. */
  #admitReporter(pubkey: string, event_id: string, now_s: number): boolean {
    const day = Math.floor(now_s / DAY_S);
    this.#sql.run("DELETE FROM mod_reporters WHERE day < ?", day);
    const row = one<{ reports: number }>(
      this.#sql,
      `INSERT INTO mod_reporters (pubkey, day, reports) VALUES (?1, ?2, 1)
       ON CONFLICT (pubkey, day) DO UPDATE SET reports = reports + 1 RETURNING reports`,
      ...[pubkey, day],
    );
    const admitted = (row?.reports ?? 0) <= LIMITS.moderation_reports_per_key_day;
    if (!admitted) console.warn(`report ${event_id} is left out: ${pubkey} reported enough today`);
    return admitted;
  }

  /** What was not looked at did not use up what its reporter may report. */
  #admitAgain(pubkey: string, now_s: number): void {
    const day = Math.floor(now_s / DAY_S);
    this.#sql.run("UPDATE mod_reporters SET reports = reports - 1 WHERE pubkey = ? AND day = ?", pubkey, day);
  }

  #refuseReader(caller: Caller): Rejection | null {
    if (!this.#trust().has(caller.pubkey)) {
      return reject("not_permitted", `the key ${caller.pubkey} is no curator of this edge`);
    }
    return this.#sql.transaction(() => spendAuth(this.#sql, caller, nowSeconds()));
  }

  #case(case_id: string): ModerationCase {
    const found = getCase(this.#sql, case_id, this.#seen());
    assert(found !== null, "what was decided of is a case");
    return found;
  }

  #seen(): { readonly trust: Trust; readonly now_s: number } {
    return { trust: this.#trust(), now_s: nowSeconds() };
  }

  #trust(): Trust {
    const operator = operatorOf(this.env);
    const event = this.#list("curators");
    const list = event === null ? null : peopleIn(event);
    return trustIn(operator === null ? [] : [operator], list === null || isRejection(list) ? [] : [list]);
  }

  #trustedAuthors(): readonly string[] {
    return this.#people("trusted_authors").map(({ pubkey }) => pubkey);
  }

  /** Whom the operator's newest list of that name names. */
  #people(name: PeopleList): readonly Person[] {
    const event = this.#list(name);
    const list = event === null ? null : peopleIn(event);
    return list === null || isRejection(list) ? [] : list.people;
  }

  /** The newest list of that name, while it is the operator's: another operator starts with none. */
  #list(list: PeopleList): VerifiedEvent | null {
    const row = one<{ raw: string }>(this.#sql, "SELECT raw FROM mod_lists WHERE list = ?", list);
    const event = row === undefined ? null : (JSON.parse(row.raw) as VerifiedEvent);
    return event !== null && event.pubkey === operatorOf(this.env) ? event : null;
  }

  #context(actor_id: string, now_s: number): EventContext {
    const now_ms = now_s * 1_000;
    const about = { now_ms, correlation_id: newUuid(now_ms, random) };
    return inWorkspace("moderation", { ...about, actor_type: "user", actor_id });
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
