import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ABUSE_RULES } from "./rules/index.ts";
import { ASSUMPTIONS, attackMoves, honestInputs, simulate, simulatedScore } from "./simulate.ts";

describe("each rule against abuse", () => {
  for (const { name, says } of ABUSE_RULES) {
    it(`${name} says in a sentence what it does`, () => assert.match(says, /^[A-Z].{40,}\.$/));
    it(`${name} makes its attack weaker, whether few or many attack`, () => {
      for (const attackers of [10, 40, 200]) {
        const [stopped, free] = [attackMoves(name, attackers), attackMoves(name, attackers, name)];
        assert.ok(Math.abs(free) > 0 && Math.abs(stopped) < Math.abs(free), `${attackers}: ${stopped} of ${free}`);
      }
    });
    it(`${name} takes nothing from an honest listing that 200 have rated over a year, attested ones apart`, () => {
      const honest = honestInputs(200);
      const [ruled, free] = [simulatedScore(honest), simulatedScore(honest, name)];
      // The root of many attested raters still weighs most of what they would: a hundredth of a star at the most.
      assert.ok(Math.abs(ruled - free) <= (name === "sybil_swarm" ? 10 : 0), `${ruled} of ${free}`);
    });
  }
});

describe("the simulator", () => {
  const reports = simulate();
  it("reports what a star costs in sats under each attack, always more with the rule than without", () => {
    const ruled = reports.filter(({ attack }) => attack !== "self_dealing");
    assert.deepEqual(ruled.map(({ attack }) => attack).sort(), ABUSE_RULES.map(({ name }) => name).sort());
    for (const { attack, with_rules, without_its_rule } of ruled) {
      assert.ok(without_its_rule !== null && without_its_rule.sats > 0, attack);
      assert.ok(with_rules === null || with_rules.sats > without_its_rule.sats, attack);
    }
  });
  it("hides nothing: an author who sells to keys of its own meets no rule, only the cost of each", () => {
    const own = reports.find(({ attack }) => attack === "self_dealing");
    assert.deepEqual(own?.with_rules, own?.without_its_rule);
    assert.equal(own?.with_rules?.sats, (own?.with_rules?.keys ?? 0) * 40);
  });
  it("says the same each time", () => assert.deepEqual(simulate(), reports));
  it("follows its assumptions: keys that cost nothing make a swarm free, whatever the rule", () => {
    const free = simulate({ ...ASSUMPTIONS, key_sats: 0 }).find(({ attack }) => attack === "sybil_swarm");
    assert.equal(free?.with_rules?.sats, 0);
    assert.ok((free?.with_rules?.keys ?? 0) > 50);
  });
  it("is harder on those whom more people have rated", () => {
    const keys = (honest_raters: number): number =>
      simulate({ ...ASSUMPTIONS, honest_raters }).find(({ attack }) => attack === "retaliation")?.with_rules?.keys ?? 0;
    assert.ok(keys(10) < keys(40));
  });
});
