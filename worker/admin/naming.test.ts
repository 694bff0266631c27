import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { CatalogPage } from "@oa/shared/generated/types.ts";
import { installProjection } from "@oa/shared/install/views.ts";
import { naddrEncode } from "nostr-tools/nip19";
import { openSqlite } from "../adapters/sqlite.ts";
import { addressNamed, type CatalogList, installNamed, listingNamed, sourceNamed } from "./naming.ts";

const signal = new AbortController().signal;
const [ANN, BOB] = ["a".repeat(64), "b".repeat(64)];
const at = (author: string, slug: string): string => `30051:${author}:${slug}`;
const id = (digit: number): string => `install_${String(digit).padStart(26, "0")}`;
const event = (digit: number): string => String(digit).repeat(64).slice(0, 64);

/** Installs as the projection keeps them, the first with the lowest id. */
function worker(...installs: readonly { author: string; slug: string; status?: string; waits?: boolean }[]) {
  const sql = openSqlite(":memory:");
  for (const ddl of installProjection.ddl) sql.run(ddl);
  installs.forEach(({ author, slug, status = "enabled", waits = false }, index) => {
    const pins = JSON.stringify({
      ...{ upgrade_address: at(author, slug), upgrade_id: slug, upgrade_version: "1.2.0" },
      ...{ manifest_event_id: event(index * 2 + 1), release_event_id: event(index * 2 + 2) },
    });
    const columns = [id(index + 1), status, waits ? null : pins, waits ? pins : null];
    sql.run(
      `INSERT INTO proj_installs (install_id, status, active, pending, granted, approval_reasons, created_at, updated_at)
       VALUES (?, ?, ?, ?, '[]', '[]', '', '')`,
      ...columns,
    );
  });
  return sql;
}

const catalogWith =
  (...listings: readonly { author: string; slug: string }[]): CatalogList =>
  async () =>
    ({
      listings: listings.map(({ author, slug }) => ({ address: at(author, slug), slug, title: slug })),
    }) as unknown as CatalogPage;
const code = (answer: object | string): string =>
  isRejection(answer) ? answer.code : `no refusal: ${JSON.stringify(answer)}`;

test("an install is named by its id, its address, an event of its release, its name or the last part of it", () => {
  const sql = worker({ author: ANN, slug: "me.watch" }, { author: BOB, slug: "me.clock", waits: true });
  const naddr = naddrEncode({ kind: 30051, pubkey: ANN, identifier: "me.watch", relays: ["wss://r.example"] });
  for (const name of [id(1), at(ANN, "me.watch"), naddr, event(1), event(2), "me.watch", "watch"]) {
    const found = installNamed(name, sql);
    assert.ok(!isRejection(found), `${name}: ${JSON.stringify(found)}`);
    assert.equal(found.install_id, id(1), name);
  }
  const waiting = installNamed("clock", sql);
  assert.equal(isRejection(waiting) ? waiting.message : waiting.install_id, id(2));
});

test("a name that nothing installed has is refused with what is installed; part of a word is no name", () => {
  const sql = worker({ author: ANN, slug: "me.watch" }, { author: ANN, slug: "me.gone", status: "removed" });
  for (const name of ["wotch", "atch", "gone", at(BOB, "me.watch"), event(9), "", "%", "me.watch\u0000"]) {
    const found = installNamed(name, sql);
    assert.equal(code(found), "not_found", name);
    assert.deepEqual((found as Rejection).details?.known, ["me.watch"]);
  }
  assert.equal(code(installNamed(id(9), sql)), "not_found");
});

test("installs of one listing are told apart by what becomes of them, not by the address that they share", () => {
  const sql = worker(
    { author: ANN, slug: "me.watch" },
    { author: ANN, slug: "me.watch", status: "pending", waits: true },
  );
  const refused = installNamed("watch", sql) as Rejection;
  assert.match(
    refused.message,
    new RegExp(
      `${id(2)} \\(1.2.0, pending\\), ${id(1)} \\(1.2.0, enabled\\)|${id(1)} \\(1.2.0, enabled\\), ${id(2)} \\(1.2.0, pending\\)`,
    ),
  );
  assert.doesNotMatch(refused.message, /30051/);
});

test("a name that several installs have is refused with each of them, and the whole name of one wins", async () => {
  const sql = worker({ author: ANN, slug: "me.watch" }, { author: BOB, slug: "you.watch" });
  const refused = installNamed("watch", sql);
  assert.equal(code(refused), "usage");
  for (const which of [id(1), id(2), at(ANN, "me.watch"), at(BOB, "you.watch")]) {
    assert.ok((refused as Rejection).message.includes(which), which);
  }
  assert.equal(code(await listingNamed("watch", { sql, catalog: null }, signal)), "usage");
  assert.equal(await addressNamed("you.watch", { sql, catalog: null }, signal), at(BOB, "you.watch"));
});

test("a listing that is not installed is named by its address alone; a name is answered with what the catalog has", async () => {
  const sql = worker();
  const catalog = catalogWith(
    { author: ANN, slug: "me.watch" },
    { author: BOB, slug: "watch" },
    { author: BOB, slug: "x.watchful" },
  );
  assert.equal(await addressNamed(at(ANN, "me.watch"), { sql, catalog }, signal), at(ANN, "me.watch"));
  const refused = await listingNamed("watch", { sql, catalog }, signal);
  assert.equal(code(refused), "not_found");
  assert.deepEqual(
    (((refused as Rejection).details?.candidates ?? []) as readonly { address: string }[]).map(
      ({ address }) => address,
    ),
    [at(ANN, "me.watch"), at(BOB, "watch")],
  );
  assert.match((refused as Rejection).message, /name what you mean by its address: 30051:a/);
  const none = await listingNamed("clock", { sql, catalog }, signal);
  assert.match((none as Rejection).message, /the catalog has no listing of that name/);
});

test("an installed listing wins over every other of that name, and the catalog is not asked", async () => {
  const sql = worker({ author: ANN, slug: "me.watch" });
  const catalog: CatalogList = () => assert.fail("what is installed is known here");
  assert.equal(await addressNamed("watch", { sql, catalog }, signal), at(ANN, "me.watch"));
});

test("a catalog that does not answer is said; there being none is no fault", async () => {
  const sql = worker();
  const silent: CatalogList = async () => {
    throw new Fault("unreachable", "the edge cannot be reached");
  };
  const refusing: CatalogList = async () => reject("rate_limited", "ask later");
  for (const [catalog, why] of [
    [silent, /the catalog did not answer: the edge cannot be reached/],
    [refusing, /the catalog did not answer: ask later/],
    [null, /name it by its address/],
  ] as const) {
    const refused = await listingNamed("watch", { sql, catalog }, signal);
    assert.equal(code(refused), "not_found");
    assert.match((refused as Rejection).message, why);
  }
});

test("what is neither a name nor an address is wrong usage", async () => {
  const sql = worker({ author: ANN, slug: "me.watch" });
  for (const wrong of ["naddr1broken", "npub1x", "30052:x:y", `30051:${ANN}:UPPER`, "./watch", "a watch", ""]) {
    assert.equal(code(await listingNamed(wrong, { sql, catalog: null }, signal)), "usage", wrong);
  }
});

test("a source that names an install is about its version where it is to be looked at, and about the listing otherwise", async () => {
  const options = { sql: worker({ author: ANN, slug: "me.watch" }), catalog: null };
  const source = (address: string, installed: boolean) => sourceNamed({ address }, options, signal, { installed });
  const address = at(ANN, "me.watch");
  assert.deepEqual(await source("watch", true), { address, version: "1.2.0" });
  assert.deepEqual(await source("watch", false), { address });
  // An event is of one release, whatever is done with it; an address stays as it was written, relays and all.
  assert.deepEqual(await source(event(2), false), { address, version: "1.2.0" });
  const naddr = naddrEncode({ kind: 30051, pubkey: ANN, identifier: "me.watch", relays: ["wss://r.example"] });
  assert.deepEqual(await source(naddr, true), { address: naddr });
  const named = await sourceNamed({ address: "watch", version: "1.0.0" }, options, signal, { installed: true });
  assert.deepEqual(named, { address, version: "1.0.0" });
});
