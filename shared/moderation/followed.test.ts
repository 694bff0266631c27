import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRejection } from "../core/refusal.ts";
import type { ModerationDecision } from "../generated/types.ts";
import { toEvent as decisionEvent, fromEvent as decisionIn } from "../nostr/01985-moderation.ts";
import { toEvent as mutesEvent } from "../nostr/10000-mutes.ts";
import { type Person, toEvent as peopleEvent } from "../nostr/30000-people.ts";
import { toEvent as kindMutesEvent } from "../nostr/30007-kind-mutes.ts";
import { pureSchnorr } from "../nostr/schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "../nostr/template.ts";
import { type NostrEvent, verifyEvent } from "../nostr/verify.ts";
import { openFollowed } from "./followed.ts";
import { endedIn, moderatorsIn } from "./mirror.ts";

const NOW = 1_766_000_000;
const DAY = 86_400;
const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [operator, mo, watch, named, author] = [key(1), key(2), key(3), key(4), key(5)];
const hex = publicKeyOf;
const listing = { address: `30051:${hex(author)}:me.watch`, pubkey: hex(author), event_id: "f".repeat(64) };
const other = { address: `30051:${hex(author)}:me.other`, pubkey: hex(author), event_id: "e".repeat(64) };
const sign = (template: EventTemplate, by: Uint8Array): NostrEvent =>
  JSON.parse(JSON.stringify(signEvent(template, by, by)));

function decided(by: Uint8Array, change: Partial<ModerationDecision> = {}, created_at = NOW): NostrEvent {
  const said: Parameters<typeof decisionEvent>[0] = {
    ...{ action: "take_down", target: { kind: "listing", value: listing.address }, reason: "malware", status: null },
    ...{ blast_radius: null, evidence_sha256: "8".repeat(64), expires_at: NOW + 30 * DAY, answers: null },
    ...{ appeal: "possible", note: "" },
    ...change,
  };
  return sign(decisionEvent(said, { created_at }), by);
}
const reversal = (of: NostrEvent, by: Uint8Array): NostrEvent =>
  decided(by, { action: "restore", reason: null, evidence_sha256: null, expires_at: null, answers: of.id });
const person = (of: Uint8Array, name: string, ...roles: Person["roles"]): Person => ({ pubkey: hex(of), name, roles });
const curators = (by: Uint8Array, people: readonly Person[], created_at = NOW): NostrEvent =>
  sign(peopleEvent({ list: "curators", people }, { created_at }), by);

/** What is followed, with how many signatures it took. */
function follow(chosen: readonly Uint8Array[], events: readonly unknown[]) {
  let checks = 0;
  const followed = openFollowed(chosen.map(hex), events, (raw) =>
    verifyEvent(raw, (...of) => {
      checks += 1;
      return pureSchnorr(...of);
    }),
  );
  const hiddenBy = (at = NOW, of = listing): string | undefined => followed.judge(of, at).hidden?.moderator;
  return { ...followed, hiddenBy, checks: () => checks };
}

describe("what a reader follows", () => {
  it("is what those who were chosen decide, and nobody else", () => {
    const events = [decided(mo), decided(watch, { target: { kind: "listing", value: other.address } })];
    const followed = follow([watch], events);
    assert.equal(followed.hiddenBy(), undefined);
    assert.equal(followed.hiddenBy(NOW, other), hex(watch));
    assert.equal(follow([mo, watch], events).hiddenBy(), hex(mo));
    assert.equal(follow([], events).hiddenBy(), undefined);
  });

  it("goes one step on to whom a chosen key names, for the roles it gives, by its newest list", () => {
    const roles = curators(operator, [person(mo, "Mo", "take_down"), person(watch, "Watch", "hold")]);
    const events = [roles, decided(mo), curators(mo, [person(named, "Ann", "take_down")])];
    const followed = follow([operator], events);
    assert.equal(followed.hiddenBy(), hex(mo));
    assert.equal(followed.nameOf(hex(mo)), "Mo");
    assert.equal(followed.nameOf(hex(named)), null);
    assert.equal(follow([operator], [roles, decided(watch)]).hiddenBy(), undefined, "beyond its role");
    assert.equal(follow([operator], [...events, decided(named)]).trust.has(hex(named)), false, "two steps away");
    const later = curators(operator, [], NOW + 1);
    assert.equal(follow([operator], [later, ...events]).hiddenBy(), undefined, "an old list brings nobody back");
  });

  it("knows targets by the listing, its author and its event, and blocklists", () => {
    for (const target of [
      { kind: "key", value: hex(author) },
      { kind: "event", value: listing.event_id },
    ] as const) {
      assert.equal(follow([mo], [decided(mo, { target })]).hiddenBy(), hex(mo), target.kind);
    }
    for (const list of [mutesEvent, kindMutesEvent]) {
      const mute = sign(list([hex(author)], { created_at: NOW }), mo);
      assert.equal(follow([mo], [mute]).hiddenBy(), hex(mo));
      const lifted = sign(list([], { created_at: NOW + 1 }), mo);
      assert.equal(follow([mo], [mute, lifted]).hiddenBy(), undefined);
    }
  });

  it("ends when a decision does, and by a reversal of whoever may", () => {
    const down = decided(mo);
    assert.equal(follow([mo], [down]).hiddenBy(NOW + 31 * DAY), undefined);
    assert.equal(follow([mo], [down, reversal(down, mo)]).hiddenBy(), undefined);
    assert.equal(follow([mo], [down, reversal(down, watch)]).hiddenBy(), hex(mo), "not whom the reader trusts");
    assert.equal(follow([mo, watch], [down, reversal(down, watch)]).hiddenBy(), undefined);
  });

  it("leaves out what nobody signed, and says how much", () => {
    const down = decided(mo);
    for (const forged of [
      { ...down, content: "It mines." },
      { ...down, sig: decided(mo, { note: "x" }).sig },
      { ...decided(watch), pubkey: hex(mo) },
    ]) {
      const followed = follow([mo], [forged]);
      assert.equal(followed.hiddenBy(), undefined);
      assert.equal(followed.left_out(), 1);
    }
    const forged = { ...curators(operator, [person(mo, "Mo", "take_down")]), pubkey: hex(watch) };
    assert.equal(follow([watch], [forged, down]).hiddenBy(), undefined, "a list that its signer did not sign");
    for (const junk of [null, 1, "x", [], {}, { kind: 1985, pubkey: hex(mo), tags: "a" }, { kind: 1985, tags: [1] }]) {
      assert.equal(follow([mo], [junk, down]).hiddenBy(), hex(mo), JSON.stringify(junk));
    }
  });

  it("checks the signatures that something depends on, each once", () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      decided(mo, { target: { kind: "listing", value: `30051:${hex(author)}:me.n${index}` } }),
    );
    const followed = follow([mo], [...many, decided(mo)]);
    assert.deepEqual([followed.concerns(listing), followed.concerns(other)], [true, false]);
    assert.equal(followed.checks(), 0);
    followed.hiddenBy();
    followed.hiddenBy();
    assert.equal(followed.checks(), 1);
  });
});

describe("whom a mirror lets its readers choose", () => {
  const offered = sign(
    peopleEvent(
      { list: "moderators", people: [person(watch, "Watch"), person(mo, "Other name")] },
      { created_at: NOW },
    ),
    operator,
  );
  const events = [
    curators(operator, [person(mo, "Mo", "label")]),
    offered,
    decided(watch),
    decided(mo),
    decided(named),
  ].flatMap((raw) => {
    const event = verifyEvent(raw, pureSchnorr);
    return isRejection(event) ? [] : [event];
  });

  it("is the operator, its curators and whom it offers, each once, with how much they decided", () => {
    const rows = moderatorsIn({ operator: hex(operator), events });
    assert.deepEqual(
      rows.map(({ pubkey, name, standing, decisions }) => [pubkey, name, standing, decisions]),
      [
        [hex(operator), "", "operator", 0],
        [hex(mo), "Mo", "curator", 1],
        [hex(watch), "Watch", "offered", 1],
      ],
    );
    assert.deepEqual(rows[1]?.roles, ["label"]);
  });

  it("is nobody without an operator, whatever lists there are", () => {
    assert.deepEqual(moderatorsIn({ operator: null, events }), []);
    assert.deepEqual(
      moderatorsIn({ operator: hex(named), events }).map(({ pubkey }) => pubkey),
      [hex(named)],
    );
  });

  it("changes with every decision that ends, whosever it is", () => {
    assert.equal(endedIn(events, NOW), 0);
    assert.equal(endedIn(events, NOW + 31 * DAY), 3);
    assert.ok(events.some((event) => !isRejection(decisionIn(event))));
  });
});
