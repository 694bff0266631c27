import assert from "node:assert/strict";
import { test } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import type { ModerationRole } from "../core/moderation-words.ts";
import { isRejection } from "../core/refusal.ts";
import type { ModerationDecision, ModerationEvent, ModerationReport } from "../generated/types.ts";
import type { People } from "../nostr/30000-people.ts";
import { entryOf, statusOf, urgencyOf } from "./case.ts";
import { type CaseCommand, type CaseState, moderationCase } from "./decider.ts";
import { blocked, judge, readerView } from "./reader.ts";
import { REPORT_WEIGHTS, weightOf } from "./reports.ts";
import { trustIn } from "./trust.ts";

const NOW = 1_766_000_000;
const DAY = 86_400;
const hex = (text: string): string => text.repeat(64).slice(0, 64);
const [operator, ada, bob, holder, author, stranger] = ["0", "a", "b", "c", "d", "e"].map(hex) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const LISTING = { kind: "listing", value: `30051:${author}:me.watch` } as const;
const EVENT_ID = hex("f");
const listing = { address: LISTING.value, pubkey: author, event_id: EVENT_ID };

function list(signer: string, roles: Readonly<Record<string, readonly ModerationRole[]>>): People {
  const people = Object.entries(roles).map(([pubkey, given]) => ({ pubkey, name: "", roles: given }));
  return { event_id: hex("9"), created_at: NOW, signer, list: "curators", people };
}
const ALL = ["hold", "label", "take_down", "restore", "feature"] as const;
const CURATORS = list(operator, { [ada]: ALL, [bob]: ALL, [holder]: ["hold"], [author]: ALL });
const TRUST = trustIn([operator], [CURATORS]);

let made = 0;
function decision(change: Partial<ModerationDecision> = {}): ModerationDecision {
  made += 1;
  return {
    event_id: made.toString(16).padStart(64, "0"),
    ...{ created_at: NOW, moderator: ada, action: "take_down", target: LISTING, reason: "malware", status: null },
    ...{ blast_radius: null, evidence_sha256: hex("8"), expires_at: NOW + 30 * DAY, answers: null },
    ...{ appeal: "possible", note: "" },
    ...change,
  };
}
const answer = (to: ModerationDecision, action: "restore" | "uphold" | "appeal", by: string): ModerationDecision =>
  decision({ ...{ action, moderator: by, answers: to.event_id, target: to.target, reason: null }, expires_at: null });

function report(change: Partial<ModerationReport> = {}): CaseCommand {
  made += 1;
  const facts = { event_id: hex("7"), created_at: NOW, reason: "malware", text: "", manifest_event_id: null } as const;
  const reporter = made.toString(16).padStart(64, "0");
  return { type: "report", target: LISTING, report: { ...facts, reporter, standing: "unknown", ...change } };
}
const say = (
  said: ModerationDecision,
  change: { readonly now_s?: number; readonly target_key?: string } = {},
): CaseCommand => ({
  ...{ type: "decide", decision: said, trust: TRUST, roles_event_id: hex("9"), target_key: author, now_s: NOW },
  ...change,
});

/** Given these commands were taken, what this one leads to: the types of its events, or the code of its refusal. */
function when(command: CaseCommand, ...given: readonly CaseCommand[]): string {
  const done = moderationCase.decide(after(...given), command);
  return isRejection(done) ? done.code : done.map(({ event_type }) => event_type).join();
}
function after(...given: readonly CaseCommand[]): CaseState {
  return given.reduce<CaseState>((state, command) => {
    const done = moderationCase.decide(state, command);
    assert.ok(!isRejection(done), JSON.stringify(done));
    return foldAll<CaseState, ModerationEvent>(moderationCase, done, state);
  }, moderationCase.initial);
}
const status = (...given: readonly CaseCommand[]) => statusOf(after(...given), { trust: TRUST, now_s: NOW });

test("a report opens a case, and a key's second report changes nothing", () => {
  const first = report();
  assert.equal(when(first), "moderation.reported");
  assert.equal(when(first, first), "");
  assert.equal(status(first), "open");
});

test("no number of reports decides anything", () => {
  const state = after(...Array.from({ length: LIMITS.moderation_reports_unknown }, () => report()));
  assert.deepEqual(state.decisions, []);
  assert.equal(judge(readerView(state.decisions, TRUST, NOW), listing).hidden, null);
});

test("a flood of unknown keys weighs no more than one buyer, and takes no room from those who are known", () => {
  const flood = Array.from({ length: LIMITS.moderation_reports_unknown }, () => report());
  assert.equal(when(report(), ...flood), "case_full");
  assert.equal(when(report({ standing: "buyer" }), ...flood), "moderation.reported");
  assert.ok(weightOf(after(...flood).reports) < REPORT_WEIGHTS.buyer);
});

test("an appeal and a hold wait above any number of reports", () => {
  const down = decision();
  const reported = after(...Array.from({ length: 50 }, () => report({ standing: "curator" })));
  assert.ok(urgencyOf(after(say(down), say(answer(down, "appeal", author)))) > urgencyOf(reported));
  assert.ok(urgencyOf(after(say(decision({ action: "hold" })))) > urgencyOf(reported));
  assert.equal(urgencyOf(after(say(down))), 0);
});

test("each curator decides within the roles of the signed list, and nobody else decides", () => {
  const by = (moderator: string, action: "hold" | "take_down") => when(say(decision({ moderator, action })));
  assert.equal(by(operator, "take_down"), "moderation.decided");
  assert.equal(by(ada, "take_down"), "moderation.decided");
  assert.equal(by(holder, "hold"), "moderation.decided");
  assert.equal(by(holder, "take_down"), "not_permitted");
  assert.equal(by(stranger, "hold"), "not_permitted");
});

test("a curator moderates nothing of their own, not even to restore it", () => {
  const own = decision({ moderator: author, action: "label", status: "reviewed", blast_radius: "none" });
  assert.equal(when(say(own)), "own_listing");
  const down = decision();
  assert.equal(when(say(answer(down, "restore", author)), say(down)), "own_listing");
  const event = decision({ moderator: author, target: { kind: "event", value: EVENT_ID } });
  assert.equal(when(say(event)), "own_listing");
});

test("a decision is taken once, fresh, and repeating it changes nothing", () => {
  const down = decision();
  assert.equal(when(say(down), say(down)), "");
  assert.equal(when(say(decision(), { now_s: NOW + LIMITS.moderation_decision_old_s + 1 })), "decision_stale");
  assert.equal(when(say(decision(), { now_s: NOW - LIMITS.moderation_decision_ahead_s - 1 })), "decision_stale");
});

test("a decision answers the reports, and dismissing takes reports", () => {
  const dismiss = decision({ action: "dismiss", reason: null, expires_at: null });
  assert.equal(when(say(dismiss)), "not_found");
  assert.equal(status(report(), say(dismiss)), "dismissed");
  assert.equal(status(report(), say(decision())), "decided");
  assert.equal(status(report(), say(decision({ action: "hold" }))), "held");
});

test("any decision can be reversed, once, by another curator or by who made it, and stays in the history", () => {
  for (const by of [ada, bob, operator]) {
    const down = decision();
    const back = answer(down, "restore", by);
    assert.equal(when(say(back), say(down)), "moderation.decided");
    assert.equal(when(say(answer(down, "restore", bob)), say(down), say(back)), "not_found");
    const state = after(say(down), say(back));
    assert.equal(state.decisions.length, 2);
    assert.equal(statusOf(state, { trust: TRUST, now_s: NOW }), "restored");
  }
  const held = decision({ moderator: holder, action: "hold" });
  assert.equal(when(say(answer(held, "restore", holder)), say(held)), "moderation.decided");
  const down = decision();
  assert.equal(when(say(answer(down, "restore", holder)), say(down)), "not_permitted");
});

test("what was reversed by another curator is not decided again from the same evidence", () => {
  const down = decision();
  const given = [say(down), say(answer(down, "restore", bob))];
  assert.equal(when(say(decision()), ...given), "already_decided");
  assert.equal(when(say(decision({ evidence_sha256: hex("5") })), ...given), "moderation.decided");
  const own = [say(down), say(answer(down, "restore", ada))];
  assert.equal(when(say(decision()), ...own), "moderation.decided");
});

test("its author appeals once, while the decision stands, and another curator hears it", () => {
  const down = decision();
  const appeal = answer(down, "appeal", author);
  assert.equal(when(say(appeal), say(down)), "moderation.appealed");
  assert.equal(when(say(answer(down, "appeal", stranger)), say(down)), "not_permitted");
  assert.equal(when(say(answer(down, "appeal", author)), say(down), say(appeal)), "already_appealed");
  assert.equal(when(say(appeal)), "not_found");
  assert.equal(when(say(answer(down, "uphold", bob)), say(down)), "not_found");
  assert.equal(when(say(answer(down, "uphold", ada)), say(down), say(appeal)), "own_decision");
  const upheld = answer(down, "uphold", bob);
  assert.equal(when(say(upheld), say(down), say(appeal)), "moderation.decided");
  assert.equal(when(say(answer(down, "uphold", operator)), say(down), say(appeal), say(upheld)), "already_decided");
  const ended = { now_s: NOW + 31 * DAY };
  assert.equal(when(say({ ...appeal, created_at: ended.now_s }, ended), say(down)), "not_found");
});

test("where only one curator could hear an appeal, that one does", () => {
  const alone = trustIn([operator], []);
  const down = decision({ moderator: operator });
  const uphold = answer(down, "uphold", operator);
  const command = { ...say(uphold), trust: alone } as CaseCommand;
  assert.equal(when(command, say(down), say(answer(down, "appeal", author))), "moderation.decided");
});

test("an entry of the ledger tells what became of its decision", () => {
  const down = decision();
  const appeal = answer(down, "appeal", author);
  const told = (decisions: readonly ModerationDecision[], now_s = NOW, trust = TRUST) => {
    const { state, appeal: heard } = entryOf(down, decisions, { trust, now_s });
    return [state, heard];
  };
  assert.deepEqual(told([down]), ["standing", "possible"]);
  assert.deepEqual(told([down, appeal]), ["standing", "open"]);
  assert.deepEqual(told([down, appeal, answer(down, "uphold", bob)]), ["standing", "upheld"]);
  assert.deepEqual(told([down, appeal, answer(down, "restore", bob)]), ["reversed", "restored"]);
  assert.deepEqual(told([down], NOW + 30 * DAY), ["expired", "possible"]);
  assert.deepEqual(told([down], NOW, trustIn([operator], [])), ["void", "possible"]);
});

test("a reader sees what those they chose decided, and each choice gives its own view", () => {
  const [byAda, byStranger] = [decision(), decision({ moderator: stranger })];
  const hidden = (chosen: readonly string[], ...decisions: readonly ModerationDecision[]) =>
    judge(readerView(decisions, trustIn(chosen, [CURATORS]), NOW), listing).hidden?.moderator ?? null;
  assert.equal(hidden([operator], byAda, byStranger), ada);
  assert.equal(hidden([stranger], byAda, byStranger), stranger);
  assert.equal(hidden([ada], byAda), ada);
  assert.equal(hidden([], byAda, byStranger), null);
  assert.equal(hidden([operator], byStranger), null);
});

test("trust goes one step: whom a curator names decides nothing for the operator's readers", () => {
  const further = list(ada, { [stranger]: ALL });
  assert.equal(trustIn([operator], [CURATORS, further]).has(stranger), false);
  assert.equal(trustIn([ada], [CURATORS, further]).has(stranger), true);
});

test("decisions end, are reversed only by those trusted, and the strictest that stands wins, in any order", () => {
  const hold = decision({ action: "hold", moderator: bob, expires_at: NOW + DAY });
  const down = decision();
  const back = answer(down, "restore", bob);
  const foreign = answer(down, "restore", stranger);
  const seen = (decisions: readonly ModerationDecision[], now_s = NOW) =>
    judge(readerView(decisions, TRUST, now_s), listing).hidden?.action ?? null;
  for (const order of [
    [hold, down, foreign],
    [foreign, down, hold],
  ]) {
    assert.equal(seen(order), "take_down");
    assert.equal(seen([...order, back]), "hold");
    assert.equal(seen([back, ...order]), "hold");
    assert.equal(seen([back, ...order], NOW + DAY), null);
  }
  assert.equal(readerView([hold, down], TRUST, NOW).until, NOW + DAY);
});

test("a restoration that names another target reverses nothing", () => {
  const down = decision();
  const crossed = { ...answer(down, "restore", bob), target: { kind: "key", value: stranger } } as const;
  assert.equal(judge(readerView([down, crossed], TRUST, NOW), listing).hidden, down);
});

test("decisions about the author or the event are about the listing too; an author's own are not", () => {
  const key = decision({ target: { kind: "key", value: author } });
  const event = decision({ target: { kind: "event", value: EVENT_ID } });
  const own = decision({ moderator: author, target: { kind: "event", value: EVENT_ID } });
  const hidden = (one: ModerationDecision) => judge(readerView([one], TRUST, NOW), listing).hidden;
  assert.deepEqual([hidden(key), hidden(event), hidden(own)], [key, event, null]);
});

test("labels and features are shown apart from what hides", () => {
  const label = decision({ action: "label", reason: "disputed", status: "risky", blast_radius: "money" });
  const feature = decision({ action: "feature", reason: null });
  const { hidden, labels, featured } = judge(readerView([label, feature], TRUST, NOW), listing);
  assert.deepEqual([hidden, labels, featured], [null, [label], true]);
});

test("a blocklist hides the authors it names from those who chose its signer", () => {
  const mutes = { event_id: hex("6"), created_at: NOW, signer: stranger, keys: [author] };
  const hidden = (chosen: string) => judge(readerView(blocked(mutes), trustIn([chosen], []), NOW), listing).hidden;
  assert.equal(hidden(stranger)?.moderator, stranger);
  assert.equal(hidden(operator), null);
});

test("a decision dated far ahead does not count yet", () => {
  const ahead = decision({ created_at: NOW + DAY, expires_at: null });
  assert.equal(judge(readerView([ahead], TRUST, NOW), listing).hidden, null);
});

test("a crowd that says the same of one target costs no more than its number", () => {
  const down = Array.from({ length: 4_000 }, () => decision({ moderator: ada }));
  const first = down[0] as ModerationDecision;
  const back = Array.from({ length: 4_000 }, () => answer(first, "restore", ada));
  const view = readerView([...down, ...back], TRUST, NOW);
  assert.equal(judge(view, listing).hidden?.action, "take_down");
});
