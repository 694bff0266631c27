import { DurableObject } from "cloudflare:workers";
import { type ClaimCommand, claim } from "@oa/shared/claim/decider.ts";
import { claimOf, claimView, type HeldClaim } from "@oa/shared/claim/views.ts";
import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, openEventStore, task } from "@oa/shared/core/event-store.ts";
import { newUuid, type RandomBytes } from "@oa/shared/core/id.ts";
import { assert, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { type Caller, hasSpentAuth, SPENT_AUTH_DDL, spendAuth } from "../adapters/spent-auth.ts";
import type { Settings } from "../settings.ts";

const random: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

/**
 * Which receipt holds each payment, for the payment hashes that begin alike. There is one such object in the world for
 * each beginning and it does one thing at a time, so that of any number of claims of one payment exactly one wins.
 */
export class Receipts extends DurableObject<Settings> {
  readonly #sql: Sql;
  #store: EventStore | null = null;

  constructor(context: DurableObjectState, env: Settings) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    if (hasSpentAuth(this.#sql)) this.#open();
  }

  /**
   * Claims a payment for a receipt that was found valid, and spends the buyer's authorisation. Neither is recorded with
   * the claim. Refusals: auth_replayed, receipt_claim, event_superseded.
   */
  claim(caller: Caller, command: ClaimCommand): HeldClaim | Rejection {
    const store = this.#open();
    const now_ms = Date.now();
    return this.#sql.transaction(() => {
      const replayed = spendAuth(this.#sql, caller, Math.floor(now_ms / 1000));
      if (replayed !== null) return replayed;
      const by = { actor_type: "service", actor_id: "edge" } as const;
      const context = inWorkspace("receipts", { now_ms, ...by, correlation_id: newUuid(now_ms, random) });
      const done = store.handle(context, [task(claim, `payment_${command.payment_hash}`, command)]);
      if (isRejection(done)) return done;
      const held = claimOf(this.#sql, command.payment_hash);
      assert(held !== null, "a payment that was claimed has a claim");
      return held;
    });
  }

  /** The claim of a payment, or null where there is none. */
  find(payment_hash: string): HeldClaim | null {
    return this.#store === null ? null : claimOf(this.#sql, payment_hash);
  }

  #open(): EventStore {
    if (this.#store === null) {
      this.#sql.run(SPENT_AUTH_DDL);
      this.#store = openEventStore(this.#sql, [claimView], random);
    }
    return this.#store;
  }
}
