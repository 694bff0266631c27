import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import type { UpgradePricing } from "../generated/types.ts";
import { type LicenceFacts, licenceFor } from "./gate.ts";
import type { LicenceView } from "./views.ts";

const NOW = Date.UTC(2026, 0, 10);
const BUYER = "b".repeat(64);
const PAID: UpgradePricing = { model: "per-run", amount_sats: 50 };
const pins = {
  upgrade_address: `30051:${"a".repeat(64)}:linter-pro`,
  ...{ upgrade_id: "linter-pro", upgrade_version: "1.2.0", manifest_sha256: "c".repeat(64) },
};

function licence(change: Partial<LicenceView> = {}): LicenceView {
  return {
    ...{ receipt_event_id: "e".repeat(64), receipt_address: "30053:x:y", receipt_created_at: 1 },
    ...{ listing: pins.upgrade_address, version: "1.2.0", release_event_id: "f".repeat(64) },
    ...{ manifest_sha256: pins.manifest_sha256, buyer: BUYER, seller: "a".repeat(64), payment_hash: "1".repeat(64) },
    ...{ network: "bitcoin", amount_msats: 50_000, model: "per-month", quantity: 1 },
    ...{ expires_at: (NOW + 20 * DAY_MS) / 1_000, added_ms: NOW - DAY_MS, runs_used: 0 },
    ...{ proved_ms: null, withdrawn_ms: null },
    ...change,
  };
}

function told(held: readonly LicenceView[], change: Partial<LicenceFacts> = {}) {
  const isOurs = (key: string): boolean => key === BUYER;
  const { trace, payment } = licenceFor({ pricing: PAID, pins, held, isOurs, trial_used: 0, now_ms: NOW, ...change });
  assert.ok(trace !== "not_applicable");
  assert.equal(payment !== null, trace.allowed, "what may run names what pays for it, and nothing else does");
  return { ...trace, payment, payment_hash: payment?.type === "licence" ? payment.payment_hash : null };
}
const codeOf = (...held: readonly LicenceView[]): string | undefined => told(held).code;

test("what is free needs no licence, whatever is held", () => {
  for (const pricing of [undefined, { model: "free" } as const]) {
    const facts = { pricing, pins, held: [], isOurs: () => false, trial_used: 0, now_ms: NOW };
    assert.deepEqual(licenceFor(facts), { trace: "not_applicable", payment: null });
  }
});

test("what costs does not run without a licence, and says its price and what to do", () => {
  const none = told([]);
  assert.deepEqual([none.allowed, none.code], [false, "licence_missing"]);
  assert.match(none.message, /linter-pro 1\.2\.0 costs 50 sats a run .* `oa receipt add FILE`/);
});

test("a licence for exactly this release, made out to a key of ours, lets it run until it ends", () => {
  const found = told([licence()]);
  assert.deepEqual([found.allowed, found.verdict, found.until_ms], [true, "unproven", NOW + 20 * DAY_MS]);
  assert.match(found.message, /until 2026-01-30T/);
});

test("a licence that an edge said was taken back pays for nothing, whatever time it has left", () => {
  const found = told([licence({ withdrawn_ms: NOW - 1 })]);
  assert.deepEqual([found.allowed, found.code], [false, "licence_missing"]);
  assert.match(found.message, /an edge said at 2026-01-09T23:59:59.999Z that its licence was taken back/);
});

test("a licence of another release, another buyer, or from after the time asked about pays for nothing", () => {
  assert.match(told([licence({ manifest_sha256: "d".repeat(64) })]).message, /is for another release, not for 1\.2\.0/);
  const other = told([licence({ version: "1.1.0", manifest_sha256: "d".repeat(64) })]);
  assert.deepEqual([other.allowed, other.code], [false, "licence_missing"]);
  assert.match(other.message, /for version 1\.1\.0, not for 1\.2\.0/);
  const stranger = told([licence({ buyer: "9".repeat(64) })]);
  assert.deepEqual([stranger.allowed, stranger.code], [false, "licence_missing"]);
  assert.match(stranger.message, /9{64}'s: pair that key/);
  assert.match(told([licence({ added_ms: NOW + 1 })]).message, /no licence for it is held/);
});

test("an ended licence, and one whose runs are used, say so: the last moment and the last run still count", () => {
  const ends_s = NOW / 1_000;
  assert.equal(codeOf(licence({ expires_at: ends_s })), "licence_expired");
  assert.equal(codeOf(licence({ expires_at: ends_s + 1 })), undefined);
  const runs = { model: "per-run", quantity: 3, expires_at: null } as const;
  assert.equal(codeOf(licence({ ...runs, runs_used: 3 })), "licence_used_up");
  assert.equal(told([licence({ ...runs, runs_used: 2 })]).runs_left, 1);
});

test("an unproven licence counts for its grace, from when it was added or last vouched for, and not longer", () => {
  const ever = { expires_at: null };
  const added_ms = NOW - LIMITS.licence_grace_ms;
  assert.equal(codeOf(licence({ ...ever, added_ms })), "licence_unproven");
  assert.equal(told([licence({ ...ever, added_ms: added_ms + 1 })]).until_ms, NOW + 1);
  assert.equal(codeOf(licence({ ...ever, added_ms, proved_ms: NOW - DAY_MS * 2 })), undefined);
  assert.equal(told([licence({ ...ever, added_ms, proved_ms: NOW - 1 })]).verdict, "valid");
  assert.match(told([licence({ ...ever, added_ms })]).message, /oa receipt add FILE --online/);
});

test("of several the one that may is taken, months before runs, then the one that ends first", () => {
  const month = licence({ payment_hash: "2".repeat(64) });
  const run = licence({ payment_hash: "3".repeat(64), model: "per-run", quantity: 9 });
  const ended = licence({ payment_hash: "4".repeat(64), expires_at: 1 });
  const sooner = licence({ payment_hash: "5".repeat(64), expires_at: (NOW + DAY_MS) / 1_000 });
  assert.equal(told([ended, run, month]).payment_hash, month.payment_hash);
  assert.equal(told([ended, run, month, sooner]).payment_hash, sooner.payment_hash);
  assert.equal(told([ended, run]).payment_hash, run.payment_hash);
  assert.equal(codeOf(ended, licence({ manifest_sha256: "d".repeat(64) })), "licence_expired");
});

test("where no licence lets it run, the trial's runs do, until they are used; a licence that may goes first", () => {
  const pricing = { ...PAID, trial_runs: 3 };
  const tried = told([], { pricing, trial_used: 1 });
  assert.deepEqual([tried.allowed, tried.verdict, tried.runs_left], [true, "trial", 2]);
  assert.deepEqual(tried.payment, { type: "trial", listing: pins.upgrade_address, trial_runs: 3 });
  assert.match(tried.message, /2 of 3 runs that need no licence are left/);
  const over = told([], { pricing, trial_used: 3 });
  assert.deepEqual([over.allowed, over.code], [false, "licence_missing"]);
  assert.match(over.message, /its 3 trial runs are used/);
  assert.equal(told([licence({ expires_at: 1 })], { pricing, trial_used: 3 }).code, "licence_expired");
  assert.equal(told([licence({ expires_at: 1 })], { pricing, trial_used: 2 }).verdict, "trial");
  assert.equal(told([licence()], { pricing }).payment_hash, licence().payment_hash);
  // A later release that gives fewer away has none left.
  assert.equal(told([], { pricing: { ...PAID, trial_runs: 2 }, trial_used: 3 }).allowed, false);
});
