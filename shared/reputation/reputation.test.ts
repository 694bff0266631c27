import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DAY_S } from "../core/durations.ts";
import { sha256Hex } from "../core/hash.ts";
import validators from "../generated/validators.cjs";
import type { Stars } from "../nostr/30054-rating.ts";
import { decay, divide, squareRoot } from "./arithmetic.ts";
import { differences } from "./compare.ts";
import { explain } from "./explain.ts";
import type { ReputationSettings } from "./facts.ts";
import { FORMULA } from "./formula.ts";
import { type Input, standing } from "./inputs.ts";
import { reckon } from "./roll-up.ts";
import { trustOf } from "./trust.ts";

const NOW = 1_766_000_000;
const key = (name: string): string => sha256Hex(name);
const AUTHOR = key("author");
const LISTING = `30051:${AUTHOR}:me.watch`;
const SETTINGS: ReputationSettings = { receipt_signers: [AUTHOR], zap_provider: null, anchors: [] };
let serial = 0;
const id = (): string => {
  serial += 1;
  return sha256Hex(`event ${serial}`);
};

const rates = (who: string, stars: Stars, days = 0, listing = LISTING): Input => ({
  type: "rating",
  is: {
    ...{ event_id: id(), created_at: NOW - days * DAY_S, rater: key(who), listing, author: listing.slice(6, 70) },
    ...{ stars, review: "", evidence: null },
  },
});
const bought = (who: string, change: object = {}): Input => ({
  type: "receipt",
  is: {
    ...{ event_id: id(), created_at: NOW, address: `30053:${AUTHOR}:${who}`, listing: LISTING },
    ...{ buyer: key(who), signer: AUTHOR, revoked: false, ...change },
  },
});
const ran = (who: string, change: object = {}): Input => ({
  type: "attestation",
  is: {
    ...{ event_id: id(), created_at: NOW, worker: key(`${who}'s worker`), owner: key(who), listing: LISTING },
    ...{ release_event_id: key("release"), manifest_sha256: key("manifest"), run_sha256: id(), ...change },
  },
});
const zapped = (who: string, sats: number, payment = id()): Input => ({
  type: "zap",
  is: {
    ...{ event_id: id(), created_at: NOW, listing: LISTING, sender: key(who), recipient: AUTHOR },
    ...{ amount_msats: sats * 1_000, payment_hash: payment },
  },
});
const follow = (who: string, ...whom: readonly string[]): Input => ({
  type: "follows",
  is: { event_id: id(), created_at: NOW, author: key(who), follows: whom.map(key) },
});
const rollUpOf = (inputs: readonly Input[], settings: Partial<ReputationSettings> = {}) =>
  reckon(LISTING, inputs, { ...SETTINGS, ...settings }, NOW).rollup;
const many = (count: number, make: (name: string, index: number) => readonly Input[]): readonly Input[] =>
  Array.from({ length: count }, (_, index) => make(`rater ${index}`, index)).flat();

describe("arithmetic on whole numbers", () => {
  it("divides to the nearest, the same on both sides of zero", () => {
    assert.deepEqual([divide(7n, 2n), divide(-7n, 2n), divide(1n, 3n), divide(-2n, 3n)], [4n, -4n, 0n, -1n]);
    assert.throws(() => divide(1n, 0n));
  });
  it("takes exact roots of numbers far beyond floats", () => {
    for (const root of [0n, 1n, 2n, 999_999_937n, 10n ** 20n + 39n]) {
      assert.equal(squareRoot(root * root), root);
      assert.equal(squareRoot(root * root + 2n * root), root);
    }
    assert.throws(() => squareRoot(-1n));
  });
  it("halves a weight at each half-life, on straight lines between, and never goes below nothing", () => {
    assert.deepEqual(
      [0, 90, 180, 270, 360, -5].map((days) => decay(days, 180)),
      [1_000_000n, 750_000n, 500_000n, 375_000n, 250_000n, 1_000_000n],
    );
    assert.equal(decay(1_000_000, 180), 0n);
  });
});

describe("the score", () => {
  it("is the prior alone, with a wide interval, where nobody counted has rated", () => {
    const { score, raters, rank, badges } = rollUpOf([rates("stranger", 5), rates("another", 5)]);
    assert.deepEqual(score, { stars_milli: 3_000, low_milli: 2_124, high_milli: 3_876, effective_raters_milli: 0 });
    assert.deepEqual([raters, rank, badges], [{ receipt: 0, attested: 0, trusted: 0 }, 28, ["few_ratings"]]);
  });
  it("shows keys without proof apart, with their plain average, and the author's own rating nowhere in it", () => {
    const { score, apart, stars } = rollUpOf([rates("stranger", 1), rates("other", 2), rates("author", 5)]);
    assert.deepEqual(apart, { unknown: 2, unknown_stars_milli: 1_500, own: 1 });
    assert.equal(score.stars_milli, 3_000);
    assert.deepEqual(stars, [0, 0, 0, 0, 0]);
  });
  it("moves further with a receipt than with an attested run, and not at all without either", () => {
    const after = (...proof: readonly Input[]): number => rollUpOf([rates("rater", 5), ...proof]).score.stars_milli;
    assert.deepEqual([after(), after(ran("rater")), after(bought("rater"))], [3_000, 3_182, 3_333]);
    assert.equal(after(bought("rater"), ran("rater")), 3_333);
  });
  it("takes no proof from elsewhere: another's, another listing's, a forged or a revoked receipt, a nameless run", () => {
    for (const proof of [
      bought("somebody else"),
      bought("rater", { listing: `${LISTING}2` }),
      bought("rater", { signer: key("rater") }),
      bought("rater", { revoked: true }),
      ran("rater", { owner: null }),
      ran("rater", { listing: `${LISTING}2` }),
    ]) {
      const { score, raters } = rollUpOf([rates("rater", 5), proof]);
      assert.deepEqual([score.stars_milli, raters.receipt + raters.attested], [3_000, 0]);
    }
  });
  it("lets old ratings fade, and the interval narrow as more agree", () => {
    const of = (count: number, days: number) =>
      rollUpOf(many(count, (name, index) => [rates(name, 5, days + index * 2), bought(name)])).score;
    assert.ok(of(10, 0).stars_milli > of(10, 360).stars_milli);
    const width = ({ low_milli, high_milli }: { low_milli: number; high_milli: number }) => high_milli - low_milli;
    assert.ok(width(of(40, 0)) < width(of(10, 0)));
    assert.ok(width(of(10, 0)) < width(of(1, 0)));
  });
  it("does not know what was signed later, and tells how it has changed since", () => {
    const inputs = many(12, (name, index) => [
      rates(name, index < 6 ? 2 : 5, index < 6 ? 60 + index : index),
      bought(name, { created_at: NOW - 80 * DAY_S }),
    ]);
    const rollup = rollUpOf(inputs);
    const { trend } = rollup;
    assert.ok((trend.days_30_milli ?? 0) > 500);
    assert.equal(trend.days_90_milli, null);
    const told = explain(rollup).filter((sentence) => sentence.startsWith("It changed by "));
    assert.match(told.join("|"), /^It changed by \+\d\.\d\d in 7 days, \+\d\.\d\d in 30 days\.$/);
    const future = rates("rater 0", 5, -1);
    assert.deepEqual(rollUpOf([...inputs, future]), rollUpOf(inputs));
  });
  it("counts zaps, runs and licences beside it and never in it", () => {
    const inputs = [
      zapped("fan", 21, "p1"),
      zapped("fan", 21, "p1"),
      zapped("fan", 5),
      ran("a"),
      ran("a"),
      bought("b"),
    ];
    const { zaps, runs, licences, score } = rollUpOf(inputs);
    assert.deepEqual(zaps, { count: 2, senders: 1, msats: 26_000 });
    assert.deepEqual([runs, licences, score.stars_milli], [{ attested: 1, workers: 1 }, 1, 3_000]);
  });
});

describe("what stands", () => {
  const first = rates("rater", 1, 2);
  const second = rates("rater", 5, 1);
  it("is one rating for each rater, the newest, and among equals the lowest id", () => {
    assert.deepEqual(standing([first, second]), [second]);
    const twin: Input = { ...second, is: { ...second.is, event_id: "0".repeat(64) } } as Input;
    assert.deepEqual(standing([second, twin]), [twin]);
  });
  it("is the same in whatever order the events came", () => {
    const inputs = [
      first,
      second,
      ...many(20, (name) => [rates(name, 4), ran(name), ran(name), bought(name), zapped(name, 1)]),
    ];
    const expected = rollUpOf(inputs);
    for (let turn = 1; turn < 8; turn += 1) {
      const shuffled = inputs
        .map((input) => [sha256Hex(`${turn}${input.is.event_id}`), input] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, input]) => input);
      assert.deepEqual(rollUpOf(shuffled), expected);
    }
  });
  it("counts a run that several workers claim once, and a worker's day once", () => {
    const run = key("one run");
    const { runs } = rollUpOf(many(5, (name) => [ran(name, { run_sha256: run }), ran("busy")]));
    assert.deepEqual(runs, { attested: 2, workers: 2 });
  });
});

describe("the web of trust", () => {
  it("reaches whom anchors follow, and whom two of these follow; nobody without anchors", () => {
    const lists = [
      follow("anchor", "near", "next"),
      follow("near", "far", "lonely"),
      follow("next", "far"),
      follow("far", "beyond"),
    ].map(({ is }) => is as Extract<Input, { type: "follows" }>["is"]);
    const trust = trustOf([key("anchor")], lists);
    const levels = ["anchor", "near", "far", "lonely", "beyond"].map((name) => trust.get(key(name)) ?? 0n);
    assert.deepEqual(levels, [1_000_000n, 1_000_000n, 500_000n, 0n, 0n]);
    assert.equal(trustOf([], lists).size, 0);
  });
  it("brings keys without proof into the number where an indexer names anchors, and only then", () => {
    const inputs = [rates("near", 5), rates("stranger", 1), follow("anchor", "near")];
    assert.equal(rollUpOf(inputs).raters.trusted, 0);
    const { raters, apart, score } = rollUpOf(inputs, { anchors: [key("anchor")] });
    assert.deepEqual([raters.trusted, apart.unknown, score.stars_milli], [1, 1, 3_182]);
  });
});

describe("a roll-up", () => {
  it("keeps its schema, names every input, and their Merkle root alone where there are many", () => {
    const few = rollUpOf(many(3, (name) => [rates(name, 4), bought(name)]));
    assert.ok(validators.isReputationRollUp(few), JSON.stringify(validators.isReputationRollUp.errors));
    assert.equal(few.inputs.event_ids?.length, 6);
    const more = rollUpOf(many(300, (name, index) => [rates(name, 4, index), bought(name)]));
    assert.ok(validators.isReputationRollUp(more), JSON.stringify(validators.isReputationRollUp.errors));
    assert.deepEqual([more.inputs.count, more.inputs.event_ids], [600, undefined]);
  });
  it("differs from a tampered one exactly where it was tampered with", () => {
    const honest = rollUpOf(many(3, (name) => [rates(name, 4), bought(name)]));
    assert.deepEqual(differences(honest, structuredClone(honest)), []);
    const lie = { ...honest, score: { ...honest.score, stars_milli: 4_900 }, badges: ["well_rated" as const] };
    assert.deepEqual(
      differences(lie, honest).map(({ field, claimed, computed }) => [field, claimed, computed]),
      [
        ["/badges/0", "well_rated", "few_ratings"],
        ["/score/stars_milli", 4_900, 3_375],
      ],
    );
  });
  it("gives badges for what its own numbers say", () => {
    const early = { created_at: NOW - 90 * DAY_S };
    const loved = rollUpOf(many(30, (name, index) => [rates(name, 5, index < 3 ? 40 : index), bought(name, early)]));
    assert.deepEqual(loved.badges, ["well_rated", "rising", "widely_used"]);
    const mobbed = rollUpOf(many(60, (name) => [rates(name, 1), bought(name)]));
    assert.ok(mobbed.badges.includes("disputed"));
  });
  it("is reckoned in seconds where ten thousand have rated", () => {
    const inputs = many(10_000, (name, index) => [rates(name, ((index % 5) + 1) as Stars, index % 700), bought(name)]);
    const { raters, score } = rollUpOf(inputs);
    assert.equal(raters.receipt, 10_000);
    assert.ok(Math.abs(score.stars_milli - 3_000) < 20);
    assert.equal(FORMULA.version, 1);
  });
});
