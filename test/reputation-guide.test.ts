/** The guide on reputation says what the formula does: its numbers are reckoned here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DAY_S } from "@oa/shared/core/durations.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { STARS } from "@oa/shared/nostr/30054-rating.ts";
import { BADGES } from "@oa/shared/reputation/badges.ts";
import { stars } from "@oa/shared/reputation/explain.ts";
import { FORMULA } from "@oa/shared/reputation/formula.ts";
import type { Input } from "@oa/shared/reputation/inputs.ts";
import { reckon } from "@oa/shared/reputation/roll-up.ts";
import { ABUSE_RULES } from "@oa/shared/reputation/rules/index.ts";
import { ASSUMPTIONS, ATTACKERS_MOST, simulate } from "@oa/shared/reputation/simulate.ts";

const guide = readFileSync(join(import.meta.dirname, "../site/src/content/docs/guides/reputation.md"), "utf8");
const NOW = 1_766_000_000;
const AUTHOR = sha256Hex("author");
const LISTING = `30051:${AUTHOR}:example`;

/** The rows of the table under a heading, without its head. */
function table(heading: string): readonly (readonly string[])[] {
  const [, part = ""] = guide.split(`## ${heading}\n`);
  const [lines = ""] = part.split("\n## ");
  const rows = lines.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

test("the worked example comes to what the guide says", () => {
  const rows = table("A worked example");
  assert.ok(rows.length >= 4);
  const inputs = rows.flatMap(([name = "", proof, given, days]): readonly Input[] => {
    const rater = sha256Hex(name);
    const common = { created_at: NOW - Number(days) * DAY_S, listing: LISTING };
    const said = STARS.find((value) => String(value) === given);
    assert.ok(said !== undefined, given);
    const rating: Input = {
      type: "rating",
      is: {
        ...common,
        event_id: sha256Hex(`rating ${name}`),
        rater,
        author: AUTHOR,
        stars: said,
        review: "",
        evidence: null,
      },
    };
    const id = sha256Hex(`proof ${name}`);
    if (proof === "receipt") {
      const receipt = { ...common, event_id: id, address: `30053:${AUTHOR}:${name}`, buyer: rater, signer: AUTHOR };
      return [rating, { type: "receipt", is: { ...receipt, revoked: false } }];
    }
    if (proof !== "attested run") return [rating];
    const run = { worker: id, owner: rater, release_event_id: id, manifest_sha256: id, run_sha256: id };
    return [rating, { type: "attestation", is: { ...common, ...run, event_id: id } }];
  });
  const settings = { receipt_signers: [AUTHOR], zap_provider: null, anchors: [] };
  const { rollup, raters } = reckon(LISTING, inputs, settings, NOW);
  for (const [name = "", , , , weight] of rows) {
    const found = raters.find(({ rating }) => rating.rater === sha256Hex(name));
    assert.equal((Number(found?.weight) / 1_000_000).toFixed(2), weight, name);
  }
  const { score } = rollup;
  assert.ok(guide.includes(`**${stars(score.stars_milli)} stars**`), stars(score.stars_milli));
  assert.ok(guide.includes(`between ${stars(score.low_milli)} and ${stars(score.high_milli)}`), JSON.stringify(score));
  assert.ok(guide.includes(`rank ${rollup.rank}`), String(rollup.rank));
});

test("the guide explains every rule and every badge in the words of the program", () => {
  assert.deepEqual(
    table("Rules against abuse"),
    ABUSE_RULES.map(({ name, says }) => [name, says]),
  );
  assert.deepEqual(
    table("Badges"),
    BADGES.map(({ badge, says }) => [badge, says]),
  );
  assert.ok(guide.includes(`formula ${FORMULA.version}`));
});

test("the guide's costs of an attack are the simulator's", () => {
  const cost = (found: { readonly sats: number; readonly keys: number } | null): string =>
    found === null
      ? `not with ${ATTACKERS_MOST.toLocaleString("en")} keys`
      : `${found.sats.toLocaleString("en")} sats, ${found.keys.toLocaleString("en")} keys`;
  assert.deepEqual(
    table("What an attack costs"),
    simulate().map(({ attack, with_rules, without_its_rule }) => [attack, cost(with_rules), cost(without_its_rule)]),
  );
  for (const [name, value] of Object.entries(ASSUMPTIONS)) {
    assert.ok(guide.includes(`${name} ${value.toLocaleString("en")}`), `${name} ${value}`);
  }
});
