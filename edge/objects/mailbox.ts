import { DurableObject } from "cloudflare:workers";
import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, openEventStore, task } from "@oa/shared/core/event-store.ts";
import { newUuid, type RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { MailboxPage } from "@oa/shared/generated/types.ts";
import { type MailboxCommand, mailbox } from "@oa/shared/mailbox/decider.ts";
import { mailboxView } from "@oa/shared/mailbox/views.ts";
import { tagValue } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { type Caller, hasSpentAuth, SPENT_AUTH_DDL, spendAuth } from "../adapters/spent-auth.ts";
import type { Settings } from "../settings.ts";

const DDL = [
  SPENT_AUTH_DDL,
  "CREATE TABLE IF NOT EXISTS box_contents (deposit_id TEXT PRIMARY KEY, raw TEXT NOT NULL) WITHOUT ROWID",
];
const random: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

/**
 * The install mailbox of one worker. Its log records who left what and when; the sealed contents stand beside it and go
 * when they are acknowledged. Nothing is written until the worker itself has named signers.
 */
export class Mailbox extends DurableObject<Settings> {
  readonly #sql: Sql;
  #store: EventStore | null = null;

  constructor(context: DurableObjectState, env: Settings) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    if (hasSpentAuth(this.#sql)) this.#open();
  }

  /** Refusals: auth_replayed, not_permitted. */
  setSigners(worker: string, caller: Caller, signers: readonly string[]): { readonly signers: number } | Rejection {
    if (caller.pubkey !== worker) return reject("not_permitted", `only worker ${worker} names its signers`);
    this.#open();
    const done = this.#handle(worker, caller, { command: "set_signers", by: caller.pubkey, worker, signers });
    return isRejection(done) ? done : { signers: signers.length };
  }

  /** Refusals: auth_replayed, not_permitted, schema_invalid, mailbox_full. */
  deposit(worker: string, caller: Caller, event: NostrEvent): { readonly deposit_id: string } | Rejection {
    if (this.#store === null) return reject("not_permitted", `${caller.pubkey} is not paired with worker ${worker}`);
    const recipient = tagValue(event, "p");
    const done = this.#handle(
      worker,
      caller,
      { command: "deposit", by: caller.pubkey, worker, deposit_id: event.id, recipient },
      () =>
        this.#sql.run(
          "INSERT OR IGNORE INTO box_contents (deposit_id, raw) VALUES (?, ?)",
          event.id,
          JSON.stringify(event),
        ),
    );
    return isRejection(done) ? done : { deposit_id: event.id };
  }

  /** Refusals: auth_replayed, not_permitted, not_found. */
  acknowledge(worker: string, caller: Caller, deposit_id: string): { readonly deposit_id: string } | Rejection {
    if (caller.pubkey !== worker) return reject("not_permitted", `only worker ${worker} reads its mailbox`);
    if (this.#store === null) return reject("not_found", `no deposit ${deposit_id} is waiting`);
    const done = this.#handle(worker, caller, { command: "acknowledge", by: caller.pubkey, worker, deposit_id });
    return isRejection(done) ? done : { deposit_id };
  }

  /** Deposits after `after`, oldest first, at most a page. Refusals: auth_replayed, not_permitted. */
  list(worker: string, caller: Caller, after: number): MailboxPage | Rejection {
    if (caller.pubkey !== worker) return reject("not_permitted", `only worker ${worker} reads its mailbox`);
    if (this.#store === null) return { installs: [], next_after: null };
    this.#sql.transaction(() => this.#expire(Date.now()));
    const replayed = this.#sql.transaction(() => spendAuth(this.#sql, caller, Math.floor(Date.now() / 1000)));
    if (replayed !== null) return replayed;
    const rows = this.#sql.all<{ seq: number; deposit_id: string; signer: string; received_at: string; raw: string }>(
      `SELECT p.seq, p.deposit_id, p.signer, p.received_at, c.raw
       FROM proj_mailbox p JOIN box_contents c ON c.deposit_id = p.deposit_id
       WHERE p.seq > ? ORDER BY p.seq LIMIT ${LIMITS.mailbox_page + 1}`,
      after,
    );
    const page = rows.slice(0, LIMITS.mailbox_page);
    return {
      installs: page.map(({ raw, ...row }) => ({ ...row, event: JSON.parse(raw) })),
      next_after: rows.length > page.length ? (page.at(-1)?.seq ?? null) : null,
    };
  }

  /** Deletes what has waited too long, also where nobody asks any more. */
  override async alarm(): Promise<void> {
    const now_ms = Date.now();
    this.#sql.transaction(() => this.#expire(now_ms));
    const oldest = one<{ received_at: string }>(this.#sql, "SELECT received_at FROM proj_mailbox ORDER BY seq LIMIT 1");
    if (oldest !== undefined)
      await this.ctx.storage.setAlarm(Date.parse(oldest.received_at) + LIMITS.mailbox_deposit_ms);
  }

  /** Inside the caller's transaction. */
  #expire(now_ms: number): void {
    const before = new Date(now_ms - LIMITS.mailbox_deposit_ms).toISOString();
    const old = this.#sql.all<{ deposit_id: string }>(
      "SELECT deposit_id FROM proj_mailbox WHERE received_at <= ? LIMIT ?",
      before,
      LIMITS.mailbox_deposits,
    );
    const subject = one<{ subject_id: string }>(this.#sql, "SELECT subject_id FROM evt_events LIMIT 1")?.subject_id;
    if (old.length === 0 || subject === undefined) return;
    const worker = subject.slice("mailbox_".length);
    const deposit_ids = old.map(({ deposit_id }) => deposit_id);
    const command: MailboxCommand = { command: "expire", by: worker, worker, deposit_ids };
    const done = this.#open().handle(recordBy("service", "mailbox", worker, now_ms), [task(mailbox, subject, command)]);
    assert(!isRejection(done), "what has waited too long may always go");
    this.#sql.run("DELETE FROM box_contents WHERE deposit_id NOT IN (SELECT deposit_id FROM proj_mailbox)");
  }

  #open(): EventStore {
    if (this.#store === null) {
      this.#sql.transaction(() => {
        for (const statement of DDL) this.#sql.run(statement);
      });
      this.#store = openEventStore(this.#sql, [mailboxView], random);
    }
    return this.#store;
  }

  /** The command's events, what `also` writes, and the authorisation's use, in one transaction. */
  #handle(worker: string, caller: Caller, command: MailboxCommand, also?: () => void): Rejection | null {
    const store = this.#open();
    return this.#sql.transaction(() => {
      const now_ms = Date.now();
      const replayed = spendAuth(this.#sql, caller, Math.floor(now_ms / 1000));
      if (replayed !== null) return replayed;
      this.#expire(now_ms);
      const done = store.handle(recordBy("user", caller.pubkey, worker, now_ms), [
        task(mailbox, `mailbox_${worker}`, command),
      ]);
      if (isRejection(done)) return done;
      also?.();
      if (command.command === "deposit") this.ctx.waitUntil(this.#wake(now_ms + LIMITS.mailbox_deposit_ms));
      this.#sql.run("DELETE FROM box_contents WHERE deposit_id NOT IN (SELECT deposit_id FROM proj_mailbox)");
      return null;
    });
  }

  async #wake(at_ms: number): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(at_ms);
  }
}

function recordBy(actor_type: "user" | "service", actor_id: string, worker: string, now_ms: number) {
  return inWorkspace(worker, { now_ms, actor_type, actor_id, correlation_id: newUuid(now_ms, random) });
}
