import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import type { MailboxEvent } from "../generated/types.ts";
import { type MailboxCommand, mailbox } from "./decider.ts";

const WORKER = "a".repeat(64);
const PHONE = "b".repeat(64);
const OTHER = "c".repeat(64);
const id = (index: number) => index.toString(16).padStart(64, "0");
const paired: MailboxEvent = { event_type: "mailbox.signers_set", data: { signers: [PHONE] } };
const deposited = (index: number): MailboxEvent => ({
  event_type: "mailbox.deposited",
  data: { deposit_id: id(index), signer: PHONE },
});
const decide = (given: readonly MailboxEvent[], command: MailboxCommand) => {
  const result = mailbox.decide(foldAll(mailbox, given), command);
  return isRejection(result) ? result.code : result.map(({ event_type }) => event_type);
};
const drop = (by: string, index = 1, recipient = WORKER): MailboxCommand => ({
  command: "deposit",
  by,
  worker: WORKER,
  deposit_id: id(index),
  recipient,
});

test("only the worker names its signers", () => {
  const set = (by: string): MailboxCommand => ({ command: "set_signers", by, worker: WORKER, signers: [PHONE] });
  assert.deepEqual(decide([], set(WORKER)), ["mailbox.signers_set"]);
  assert.deepEqual(decide([paired], set(WORKER)), []);
  assert.equal(decide([], set(PHONE)), "not_permitted");
});

test("only a paired signer leaves a deposit, once, and only for this worker", () => {
  assert.deepEqual(decide([paired], drop(PHONE)), ["mailbox.deposited"]);
  assert.deepEqual(decide([paired, deposited(1)], drop(PHONE)), []);
  assert.equal(decide([paired], drop(OTHER)), "not_permitted");
  assert.equal(decide([], drop(PHONE)), "not_permitted");
  assert.equal(decide([paired], drop(PHONE, 1, OTHER)), "schema_invalid");
  assert.equal(decide([paired], drop(PHONE, 1, "")), "schema_invalid");
});

test("a signer who is no longer paired takes their waiting deposits with them", () => {
  const state = foldAll(mailbox, [paired, deposited(1), { event_type: "mailbox.signers_set", data: { signers: [] } }]);
  assert.equal(state.waiting.size, 0);
  assert.equal(isRejection(mailbox.decide(state, drop(PHONE))), true);
});

test("one signer cannot fill the mailbox", () => {
  const many = Array.from({ length: LIMITS.mailbox_deposits_per_signer }, (_, index) => deposited(index + 1));
  assert.equal(decide([paired, ...many], drop(PHONE, 10_000)), "mailbox_full");
});

test("what has waited too long goes, and makes room", () => {
  const expire = (...indices: number[]): MailboxCommand => ({
    ...{ command: "expire", by: WORKER, worker: WORKER },
    deposit_ids: indices.map(id),
  });
  assert.deepEqual(decide([paired, deposited(1)], expire(1, 2)), ["mailbox.expired"]);
  assert.deepEqual(decide([paired, deposited(1)], expire(2)), []);
  const gone: MailboxEvent = { event_type: "mailbox.expired", data: { deposit_ids: [id(1)] } };
  const state = foldAll(mailbox, [paired, deposited(1), deposited(2), gone]);
  assert.deepEqual([...state.waiting.keys()], [id(2)]);
});

test("only the worker acknowledges, and only what waits", () => {
  const acknowledge = (by: string): MailboxCommand => ({
    command: "acknowledge",
    by,
    worker: WORKER,
    deposit_id: id(1),
  });
  assert.deepEqual(decide([paired, deposited(1)], acknowledge(WORKER)), ["mailbox.acknowledged"]);
  assert.equal(decide([paired, deposited(1)], acknowledge(PHONE)), "not_permitted");
  assert.equal(decide([paired], acknowledge(WORKER)), "not_found");
});
