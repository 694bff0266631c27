import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import type { Sql } from "../core/sql.ts";
import type { MailboxEvent } from "../generated/types.ts";

/** The deposits that wait, in order: `proj_mailbox (seq, deposit_id, signer, received_at)`. */
export const mailboxView: Projection = {
  name: "mailbox",
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_mailbox (
       seq INTEGER PRIMARY KEY, deposit_id TEXT NOT NULL UNIQUE, signer TEXT NOT NULL, received_at TEXT NOT NULL)`,
  ],
  tables: ["proj_mailbox"],
  apply(sql: Sql, event: Recorded<EventDraft>) {
    const { event_type, data } = event as Recorded<MailboxEvent>;
    switch (event_type) {
      case "mailbox.signers_set":
        sql.run(
          "DELETE FROM proj_mailbox WHERE signer NOT IN (SELECT value FROM json_each(?))",
          JSON.stringify(data.signers),
        );
        break;
      case "mailbox.deposited":
        sql.run(
          "INSERT INTO proj_mailbox (seq, deposit_id, signer, received_at) VALUES (?, ?, ?, ?)",
          event.stream_seq,
          data.deposit_id,
          data.signer,
          event.occurred_at,
        );
        break;
      case "mailbox.acknowledged":
        sql.run("DELETE FROM proj_mailbox WHERE deposit_id = ?", data.deposit_id);
        break;
      case "mailbox.expired":
        sql.run(
          "DELETE FROM proj_mailbox WHERE deposit_id IN (SELECT value FROM json_each(?))",
          JSON.stringify(data.deposit_ids),
        );
        break;
    }
  },
};
