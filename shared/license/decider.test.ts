import assert from "node:assert/strict";
import { test } from "node:test";
import { replacing, type Sale, SOLD_AT, sell } from "../../test/fakes/receipts.ts";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import type { LicenseEvent, ReceiptBundle } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { pureSchnorr } from "../nostr/schnorr.ts";
import { heldReceipt, type LicenseCommand, licenseDecider, trialSubject } from "./decider.ts";
import { readEvidence } from "./evidence.ts";
import { judgeReceipt } from "./verify.ts";

/** A receipt as it is added: what its checks found offline, and whether an edge vouched for it. */
function adding(bundle: ReceiptBundle, proved_ms: number | null = null): LicenseCommand {
  const evidence = readEvidence(bundle, pureSchnorr);
  const { receipt } = evidence;
  assert.ok(receipt !== null && !isRejection(receipt));
  const knowledge = { now_s: SOLD_AT + 60, networks: ["regtest"], withdrawals: null, holder: null } as const;
  const report = judgeReceipt(evidence, knowledge);
  return { type: "add", receipt: heldReceipt(receipt, SOLD_AT * 1_000), bundle, report, proved_ms };
}
const using = (run_id: string): LicenseCommand => ({ type: "use", install_id: "install_1", run_id, now_ms: 1 });

/** Handles commands in turn: the types of what the last one wrote, or its rejection's code. */
function after(...commands: readonly LicenseCommand[]): readonly string[] | string {
  const all: LicenseEvent[] = [];
  let last: readonly string[] | string = [];
  for (const command of commands) {
    const events = licenseDecider.decide(foldAll(licenseDecider, all), command);
    if (isRejection(events)) {
      last = events.code;
      continue;
    }
    for (const event of events)
      assert.ok(validators.isLicenseEvent(event), JSON.stringify(validators.isLicenseEvent.errors));
    all.push(...events);
    last = events.map(({ event_type }) => event_type);
  }
  return last;
}
const later = (sale: Sale, change: Parameters<typeof replacing>[1] = {}): ReceiptBundle => ({
  ...sale.bundle,
  receipt: replacing(sale, change),
});

test("a receipt that no check refuses is held, once however often it is added", () => {
  const { bundle } = sell();
  assert.deepEqual(after(adding(bundle)), ["license.added"]);
  assert.deepEqual(after(adding(bundle), adding(bundle)), []);
});

test("what an edge says of it is kept, and only news is written", () => {
  const { bundle } = sell();
  assert.deepEqual(after(adding(bundle, 5)), ["license.added", "license.proved"]);
  assert.deepEqual(after(adding(bundle), adding(bundle, 5)), ["license.proved"]);
  assert.deepEqual(after(adding(bundle, 5), adding(bundle, 5)), []);
  assert.deepEqual(after(adding(bundle, 5), adding(bundle, 4)), []);
});

test("what an edge said to be taken back counts no more, until one vouches for it or a later version comes", () => {
  const sale = sell({ offer: { model: "per-run", quantity: 5 } });
  const { receipt } = sale.bundle;
  const withdraw: LicenseCommand = {
    ...{ type: "withdraw", receipt_event_id: receipt.id, reason: "its signer made it refunded", now_ms: 7 },
  };
  const held = [adding(sale.bundle, 5), withdraw] as const;
  assert.deepEqual(after(...held), ["license.withdrawn"]);
  assert.deepEqual(after(...held, withdraw), [], "once");
  assert.equal(after(...held, using("run_1")), "receipt_withdrawal");
  assert.equal(after(...held, adding(sale.bundle)), "receipt_withdrawal", "not held again unasked");
  assert.deepEqual(after(...held, adding(sale.bundle, 8)), ["license.proved"]);
  assert.deepEqual(after(...held, adding(sale.bundle, 8), using("run_1")), ["license.used"]);
  assert.deepEqual(after(...held, adding(later(sale)), using("run_1")), ["license.used"]);
  assert.deepEqual(after(adding(sell().bundle), withdraw), [], "another receipt is not held");
});

test("a receipt that a check refuses is not held, and the check is the code", () => {
  assert.equal(after(adding({ ...sell().bundle, preimage: "00".repeat(32) })), "receipt_preimage");
  assert.equal(after(adding(sell({ receipt: { expires_at: SOLD_AT } }).bundle)), "receipt_expiry");
  assert.equal(after(adding(later(sell(), { status: "revoked" }))), "receipt_withdrawal");
});

test("a later version takes the earlier one's place and its used runs with it; an earlier one does not come back", () => {
  const sale = sell({ offer: { model: "per-run", quantity: 1 } });
  const newer = later(sale);
  assert.deepEqual(after(adding(sale.bundle), adding(newer)), ["license.added"]);
  assert.equal(after(adding(newer), adding(sale.bundle)), "receipt_superseded");
  assert.equal(after(adding(sale.bundle), using("run_1"), adding(newer), using("run_2")), "licence_used_up");
});

test("one payment makes one licence: another receipt for it is refused", () => {
  const preimage = "42".repeat(32);
  const [first, second] = [sell({ preimage }), sell({ preimage, offer: { version: "9.9.9" } })];
  const other = adding(second.bundle);
  assert.ok(other.type === "add");
  const sound = { ...other, report: { verdict: "valid", checks: [] } } as const;
  assert.equal(after(adding(first.bundle), sound), "receipt_claim");
});

test("a licence by runs pays for as many as were bought; one by months for all; none for nothing", () => {
  const { bundle } = sell({ offer: { model: "per-run", quantity: 2 } });
  assert.deepEqual(after(adding(bundle), using("run_1"), using("run_2")), ["license.used"]);
  assert.equal(after(adding(bundle), using("run_1"), using("run_2"), using("run_3")), "licence_used_up");
  assert.deepEqual(after(adding(sell().bundle), using("run_1"), using("run_2")), []);
  assert.equal(after(using("run_1")), "licence_missing");
});

test("a trial is used up by its runs, whichever install starts them, and all of a listing's are one trial", () => {
  const listing = `30051:${"a".repeat(64)}:linter-pro`;
  const trying = (run_id: string, trial_runs = 2): LicenseCommand => ({
    ...{ type: "try", listing, trial_runs, install_id: `install_${run_id}`, run_id, now_ms: 1 },
  });
  assert.deepEqual(after(trying("run_1")), ["license.trial_used"]);
  assert.deepEqual(after(trying("run_1"), trying("run_2")), ["license.trial_used"]);
  assert.equal(after(trying("run_1"), trying("run_2"), trying("run_3")), "licence_used_up");
  assert.equal(after(trying("run_1"), trying("run_2", 1)), "licence_used_up", "a later release gives fewer away");
  assert.equal(trialSubject(listing), trialSubject(listing));
  assert.notEqual(trialSubject(listing), trialSubject(`${listing}x`));
});
