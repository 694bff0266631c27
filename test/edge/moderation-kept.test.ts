import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { type Intake, takeEvent } from "../../edge/catalog/store.ts";
import { createCatalogTables } from "../../edge/catalog/tables.ts";
import { takeDowns } from "../bench/scale/catalog.ts";

/** What of decisions and lists the catalog keeps where there is no more room, and where it is told of one again. */
const ADDRESS = `30051:${"a".repeat(64)}:an-upgrade`;
const NOBODY: Intake = { moderators: { trusted: [], offered: [] }, full: false };
let sql: Sql;
beforeEach(() => {
  sql = openSqlite(":memory:");
  createCatalogTables(sql);
});
// Signatures are noise here: the relay checks them before.
const take = (event: NostrEvent, intake = NOBODY): void => takeEvent(sql, event as VerifiedEvent, intake);
const version = (): number => one<{ version: number }>(sql, "SELECT version FROM cat_version")?.version ?? 0;
const rows = (table: string): number => one<{ rows: number }>(sql, `SELECT count(*) AS rows FROM ${table}`)?.rows ?? 0;
const dropped = (): number => one<{ count: number }>(sql, "SELECT count FROM cat_dropped")?.count ?? 0;
const [decision, later] = takeDowns([ADDRESS, `${ADDRESS}-2`]);
const list = (signer: string, index: number, created_at = 1): NostrEvent => ({
  ...{ id: `${signer.slice(0, 32)}${String(index).padStart(32, "0")}`, pubkey: signer, kind: 30267, created_at },
  ...{
    content: "",
    sig: "",
    tags: [
      ["d", `list-${index}`],
      ["L", "openagents.upgrade"],
      ["l", "curated-list", "openagents.upgrade"],
      ["title", "A list"],
    ],
  },
});

test("what comes again is no change: no mirror reads everything again for it, and nobody's decision gives way", () => {
  assert.ok(decision !== undefined && later !== undefined);
  take(decision);
  const before = version();
  assert.ok(before > 0);
  take(decision);
  take({ ...decision, id: "f".repeat(64), tags: [["L", "openagents.upgrade"]] });
  assert.equal(version(), before);
  sql.run(
    `INSERT INTO cat_labels (event_id, signer, raw)
     WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${LIMITS.moderation_decisions})
     SELECT 'event ' || i, 'signer ' || i, '{}' FROM n`,
  );
  take(decision);
  assert.equal(rows("cat_labels"), LIMITS.moderation_decisions);
  take(later);
  assert.equal(rows("cat_labels"), LIMITS.moderation_decisions, "the oldest of a stranger gives way");
  assert.equal(one(sql, "SELECT 1 AS here FROM cat_labels WHERE event_id = ?", decision.id), undefined);
  assert.equal(dropped(), 0);
});

test("a list that comes again or is old is no change, and who is offered has as many as others, also where strangers fill the rest", () => {
  const [offered, stranger] = ["b".repeat(64), "c".repeat(64)];
  const intake: Intake = { moderators: { trusted: [], offered: [offered] }, full: false };
  take(list(offered, 0, 2), intake);
  const before = version();
  take(list(offered, 0, 2), intake);
  take(list(offered, 0, 1), intake);
  assert.equal(version(), before);
  sql.run(
    `INSERT INTO cat_lists (address, kind, signer, created_at, event_id, raw)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${LIMITS.moderation_lists})
     SELECT 'address ' || i, 30267, 'signer ' || i, 1, 'event ' || i, '{}' FROM n`,
  );
  take(list(stranger, 1), intake);
  assert.equal(dropped(), 1);
  for (let index = 0; index <= LIMITS.curated_lists_per_key; index += 1) take(list(offered, index), intake);
  assert.equal(rows(`cat_lists WHERE signer = '${offered}'`), LIMITS.curated_lists_per_key);
  assert.equal(dropped(), 2);
});
