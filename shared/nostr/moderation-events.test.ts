import assert from "node:assert/strict";
import { test } from "node:test";
import {
  APPEAL_STATES,
  BLAST_RADII,
  LABEL_STATUSES,
  MODERATION_ACTIONS,
  MODERATION_REASONS,
} from "../core/moderation-words.ts";
import { isRejection } from "../core/refusal.ts";
import type { ModerationDecision } from "../generated/types.ts";
import * as moderation from "./01985-moderation.ts";
import * as attestation from "./01985-run-attestation.ts";
import * as mutes from "./10000-mutes.ts";
import * as people from "./30000-people.ts";
import * as oldList from "./30001-old-list.ts";
import * as kindMutes from "./30007-kind-mutes.ts";
import * as curated from "./30267-curated.ts";
import { refuseKind } from "./kinds.ts";
import { pureSchnorr } from "./schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "./template.ts";
import { type VerifiedEvent, verifyEvent } from "./verify.ts";
import { fromEvent as yankIn } from "./yank.ts";

const NOW = 1_766_000_000;
const DAY = 86_400;
const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [author, curator] = [key(1), key(2)];
const LISTING = `30051:${publicKeyOf(author)}:me.watch`;
const EVIDENCE = "ab".repeat(32);

function sign(template: EventTemplate, by: Uint8Array = curator): VerifiedEvent {
  const event = verifyEvent(signEvent(template, by, key(9)), pureSchnorr);
  assert.ok(!isRejection(event));
  return event;
}
const codeOf = (result: object): string => (isRejection(result) ? result.code : "accepted");
const messageOf = (result: object): string => (isRejection(result) ? result.message : "accepted");

type Said = Omit<ModerationDecision, "event_id" | "created_at" | "moderator">;
const down: Said = {
  action: "take_down",
  target: { kind: "listing", value: LISTING },
  reason: "malware",
  status: null,
  blast_radius: null,
  evidence_sha256: EVIDENCE,
  expires_at: NOW + 30 * DAY,
  answers: null,
  appeal: "possible",
  note: "It mines.",
};
const read = (said: Partial<Said>) =>
  moderation.fromEvent(sign(moderation.toEvent({ ...down, ...said }, { created_at: NOW })));

test("a decision says what, about which one target, why, on what evidence, and until when", () => {
  const event = sign(moderation.toEvent(down, { created_at: NOW }));
  assert.deepEqual(moderation.fromEvent(event), {
    ...down,
    event_id: event.id,
    created_at: NOW,
    moderator: publicKeyOf(curator),
  });
  for (const target of [
    { kind: "event", value: "c".repeat(64) },
    { kind: "key", value: publicKeyOf(author) },
  ] as const) {
    assert.deepEqual((read({ target }) as ModerationDecision).target, target);
  }
});

test("a decision is no attestation and takes nothing back in an author's name", () => {
  const event = sign(moderation.toEvent(down, { created_at: NOW }));
  assert.equal(attestation.isAttestation(event), false);
  assert.equal(yankIn(event), null);
  assert.equal(refuseKind(event), null);
});

test("a decision without what its action takes is none", () => {
  const label = { action: "label", reason: "quality", status: "reviewed", blast_radius: "none" } as const;
  const wrong: readonly (readonly [Partial<Said>, RegExp])[] = [
    [{ evidence_sha256: null }, /names the hash of its evidence/],
    [{ evidence_sha256: "malware" }, /not a SHA-256/],
    [{ reason: null }, /reason/],
    [{ reason: "broken" }, /reason/],
    [{ expires_at: NOW }, /ends before it begins/],
    [{ expires_at: NOW + 366 * DAY }, /at most 365 days/],
    [{ reason: "spam", expires_at: null }, /has an end/],
    [{ action: "hold", expires_at: NOW + 15 * DAY }, /at most 14 days/],
    [{ action: "hold", expires_at: null }, /has an end/],
    [{ ...label, status: null }, /status and its blast radius/],
    [{ ...label, blast_radius: null }, /status and its blast radius/],
    [{ action: "feature", reason: null, expires_at: NOW + 91 * DAY }, /at most 90 days/],
    [{ action: "restore", reason: null, expires_at: null }, /names the decision/],
    [{ action: "appeal", reason: null, answers: "x", expires_at: null }, /not an event id/],
    [{ action: "uphold", reason: null, answers: EVIDENCE }, /has no end/],
    [{ answers: EVIDENCE }, /answers no other/],
    [{ note: "x".repeat(2_001) }, /over 2000 characters/],
  ];
  for (const [said, why] of wrong) {
    const result = read(said);
    assert.equal(codeOf(result), "event_tag_mismatch", why.source);
    assert.match(messageOf(result), why);
  }
  for (const said of [
    { expires_at: null },
    { action: "hold", expires_at: NOW + 14 * DAY },
    label,
    { action: "restore", reason: null, answers: EVIDENCE, expires_at: null },
    { action: "dismiss", reason: null, evidence_sha256: null, expires_at: null },
  ] as const) {
    assert.equal(codeOf(read(said)), "accepted", JSON.stringify(said));
  }
});

test("a label with two targets, two actions, two ends or another namespace is no decision", () => {
  const template = moderation.toEvent(down, { created_at: NOW });
  const more = (...tag: string[]): EventTemplate => ({ ...template, tags: [...template.tags, tag] });
  for (const changed of [
    more("a", `${LISTING}2`),
    more("p", publicKeyOf(author)),
    more("l", "restore", moderation.MODERATION_NAMESPACE),
    more("expires_at", String(NOW + DAY)),
    more("reason", "spam"),
    { ...template, tags: template.tags.filter(([name]) => name !== "a") },
    { ...template, tags: template.tags.map((tag) => (tag[0] === "a" ? ["a", "30023:x:y"] : tag)) },
    { ...template, tags: template.tags.map((tag) => (tag[0] === "expires_at" ? ["expires_at", "soon"] : tag)) },
  ]) {
    assert.equal(codeOf(moderation.fromEvent(sign(changed))), "event_tag_mismatch", JSON.stringify(changed.tags));
  }
  const foreign = { ...template, tags: template.tags.filter((tag) => tag[1] !== "moderation") };
  assert.equal(codeOf(moderation.fromEvent(sign(foreign))), "foreign_event");
});

test("every word of the tables can be said", () => {
  for (const reason of Object.keys(MODERATION_REASONS) as (keyof typeof MODERATION_REASONS)[]) {
    const [action] = MODERATION_REASONS[reason].for;
    assert.ok(action !== undefined);
    const said = { action, reason, status: "disputed", blast_radius: "none", expires_at: NOW + DAY } as const;
    assert.equal(codeOf(read(said)), "accepted", reason);
  }
  for (const status of Object.keys(LABEL_STATUSES) as (keyof typeof LABEL_STATUSES)[]) {
    for (const blast_radius of Object.keys(BLAST_RADII) as (keyof typeof BLAST_RADII)[]) {
      assert.equal(codeOf(read({ action: "label", reason: "quality", status, blast_radius })), "accepted");
    }
  }
  for (const appeal of APPEAL_STATES) assert.equal(codeOf(read({ appeal })), "accepted");
  assert.ok(Object.keys(MODERATION_ACTIONS).length > 0);
});

test("a list of curators gives each key once, with the roles this version knows", () => {
  const mo = { pubkey: publicKeyOf(curator), name: "Mo", roles: ["hold", "take_down"] } as const;
  const template = people.toEvent({ list: "curators", people: [mo] }, { created_at: NOW });
  const more = { ...template, tags: [...template.tags, ["p", mo.pubkey, "", "Mo", "relay"], ["p", "npub1x"]] };
  const event = sign(more, author);
  assert.deepEqual(people.fromEvent(event), {
    ...{ event_id: event.id, created_at: NOW, signer: publicKeyOf(author), list: "curators", people: [mo] },
  });
  const strange = template.tags.map((tag) => (tag[0] === "p" ? [...tag, "admin"] : tag));
  const list = people.fromEvent(sign({ ...template, tags: strange }));
  assert.deepEqual(isRejection(list) ? list : list.people, [mo]);
});

test("a list of trusted authors gives no roles, and other follow sets are foreign", () => {
  const ada = { pubkey: publicKeyOf(author), name: "Ada", roles: [] };
  const template = people.toEvent({ list: "trusted_authors", people: [ada] }, { created_at: NOW });
  const tags = template.tags.map((tag) => (tag[0] === "p" ? [...tag, "take_down"] : tag));
  const list = people.fromEvent(sign({ ...template, tags }));
  assert.deepEqual(isRejection(list) ? list : list.people, [ada]);
  const friends = template.tags.map((tag) => (tag[0] === "d" ? ["d", "friends"] : tag));
  assert.equal(codeOf(people.fromEvent(sign({ ...template, tags: friends }))), "foreign_event");
  const crowd = Array.from({ length: 501 }, (_, index) => ["p", index.toString(16).padStart(64, "0")]);
  assert.equal(
    codeOf(people.fromEvent(sign({ ...template, tags: [...template.tags, ...crowd] }))),
    "event_tag_mismatch",
  );
});

test("mute lists name keys, and only those of manifests when they are by kind", () => {
  const keys = [publicKeyOf(author)];
  const both = [
    sign(mutes.toEvent([...keys, ...keys], { created_at: NOW })),
    sign(kindMutes.toEvent(keys, { created_at: NOW })),
  ];
  const lists = [mutes.fromEvent(both[0] as VerifiedEvent), kindMutes.fromEvent(both[1] as VerifiedEvent)];
  for (const list of lists) assert.deepEqual(isRejection(list) ? list : list.keys, keys);
  const notes = {
    kind: 30007,
    created_at: NOW,
    content: "",
    tags: [
      ["d", "1"],
      ["p", ...keys],
    ],
  };
  assert.equal(codeOf(kindMutes.fromEvent(sign(notes))), "foreign_event");
  assert.equal(codeOf(mutes.fromEvent(sign(notes))), "foreign_event");
});

test("a curated list is written as 30267 and read from 30001 too", () => {
  const list = { name: "top", title: "Top", description: "What we run.", listings: [LISTING] };
  const event = sign(curated.toEvent(list, { created_at: NOW }));
  assert.equal(event.kind, 30267);
  const facts = { event_id: event.id, created_at: NOW, signer: publicKeyOf(curator) };
  assert.deepEqual(curated.fromEvent(event), { ...list, ...facts, address: `30267:${facts.signer}:top` });
  const tags = [
    ["d", "top"],
    ["l", "upgrades"],
    ["name", "Top"],
    ["a", LISTING],
    ["a", LISTING],
    ["a", "30023:x:y"],
  ];
  const old = oldList.fromEvent(sign({ kind: 30001, created_at: NOW, content: "", tags }));
  assert.ok(!isRejection(old));
  assert.deepEqual([old.title, old.listings, old.address], ["Top", [LISTING], `30001:${facts.signer}:top`]);
});

test("others' lists are foreign, and one that is too large or badly named is refused", () => {
  const template = curated.toEvent(
    { name: "top", title: "Top", description: "", listings: [LISTING] },
    { created_at: NOW },
  );
  const unlabelled = { ...template, tags: template.tags.filter(([name]) => name !== "l") };
  assert.equal(codeOf(curated.fromEvent(sign(unlabelled))), "foreign_event");
  const bookmarks = {
    kind: 30001,
    created_at: NOW,
    content: "",
    tags: [
      ["d", "bookmark"],
      ["a", LISTING],
    ],
  };
  assert.equal(codeOf(oldList.fromEvent(sign(bookmarks))), "foreign_event");
  const named = { ...template, tags: template.tags.map((tag) => (tag[0] === "d" ? ["d", "../x"] : tag)) };
  assert.equal(codeOf(curated.fromEvent(sign(named))), "event_tag_mismatch");
  const many = Array.from({ length: 501 }, (_, index) => ["a", `${LISTING}${index}`]);
  assert.equal(
    codeOf(curated.fromEvent(sign({ ...template, tags: [...template.tags, ...many] }))),
    "event_tag_mismatch",
  );
});
