import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ModerationDecision } from "../generated/types.ts";
import { badgesOf } from "./badges.ts";

const label = (change: Partial<ModerationDecision>): ModerationDecision => ({
  ...{ event_id: "e".repeat(64), created_at: 1, moderator: "a".repeat(64), action: "label" },
  ...{ target: { kind: "listing", value: "x" }, reason: "disputed", status: "risky", blast_radius: "money" },
  ...{ evidence_sha256: null, expires_at: null, answers: null, appeal: "possible", note: "" },
  ...change,
});
const none = { labels: [], featured: false };

describe("a listing's badges", () => {
  it("are none where moderators say nothing", () => assert.deepEqual(badgesOf(none), []));
  it("say what it is and why, and all of it in a sentence", () => {
    const [badge] = badgesOf({ ...none, labels: [label({})] });
    assert.deepEqual(badge, {
      text: "risky: disputed",
      says: "is labelled risky: it works as it says, and that can do harm, which could reach money it may spend",
      tone: "bad",
    });
  });
  it("leave out a reason that says no more, and are good where a curator found nothing wrong", () => {
    const reviewed = label({ status: "reviewed", reason: "quality", blast_radius: "none" });
    const disputed = label({ status: "disputed", reason: "disputed" });
    const badges = badgesOf({ labels: [reviewed, disputed], featured: true });
    assert.deepEqual(
      badges.map(({ text, tone }) => [text, tone]),
      [
        ["reviewed", "good"],
        ["disputed", "bad"],
        ["recommended", "good"],
      ],
    );
  });
  it("are each there once, whoever says so", () => {
    const labels = [label({}), label({ moderator: "b".repeat(64) })];
    assert.equal(badgesOf({ ...none, labels }).length, 1);
  });
  it("begin with why a listing is not shown", () => {
    const down = label({ action: "take_down", reason: "credential_theft", status: null });
    const held = label({ action: "hold", reason: "other", status: null });
    const texts = (hidden: ModerationDecision) => badgesOf({ ...none, hidden, featured: true }).map(({ text }) => text);
    assert.deepEqual(texts(down), ["taken down: credential theft", "recommended"]);
    assert.deepEqual(texts(held), ["held back", "recommended"]);
  });
});
