import type { ReputationRollUp } from "../generated/types.ts";
import { BADGES } from "./badges.ts";
import { FORMULA } from "./formula.ts";
import { ABUSE_RULES } from "./rules/index.ts";

/** A roll-up in sentences, for people: what the score is, of whom, and what was done about abuse. */
export function explain(rollup: ReputationRollUp): readonly string[] {
  const { score, raters, apart, trend, runs, licences, zaps, filters, badges, settings } = rollup;
  const counted = raters.receipt + raters.attested + raters.trusted;
  const kinds = [
    `${raters.receipt} with a licence receipt`,
    `${raters.attested} with an attested run`,
    ...(settings.anchors.length === 0 ? [] : [`${raters.trusted} in the web of trust`]),
  ];
  return [
    `${stars(score.stars_milli)} stars; with 95% confidence between ${stars(score.low_milli)} and ${stars(score.high_milli)}.`,
    `${people(counted)}: ${kinds.join(", ")}. They are worth as much as ${stars(score.effective_raters_milli)} raters of equal weight.`,
    `Before anybody rates, it is as if ${FORMULA.prior_raters} raters had given ${stars(FORMULA.prior_stars_milli)}; a rating counts half after ${FORMULA.half_life_days} days.`,
    ...(apart.unknown === 0
      ? []
      : [
          `Apart, and not in the score: ${apart.unknown} by keys without proof of use, on average ${stars(apart.unknown_stars_milli ?? 0)}.`,
        ]),
    ...(apart.own === 0 ? [] : ["Its author rated it too, which does not count."]),
    ...changes(trend),
    `${runs.workers} workers attested ${runs.attested} runs, ${licences} buyers hold a licence, ${zaps.count} zaps sent ${Math.floor(zaps.msats / 1_000)} sats; none of these is in the score.`,
    ...filters.map(({ rule, ratings }) => {
      const says = ABUSE_RULES.find(({ name }) => name === rule)?.says ?? "";
      return `${rule} took weight from ${ratings}: ${says}`;
    }),
    ...badges.map((badge) => `${badge}: ${BADGES.find((one) => one.badge === badge)?.says ?? ""}`),
    `Formula ${rollup.formula}, from ${rollup.inputs.count} signed events. Check it: oa reputation verify ${rollup.listing}`,
  ];
}

/** By how much the score has changed since each time at which there was one. */
function changes({ days_7_milli, days_30_milli, days_90_milli }: ReputationRollUp["trend"]): readonly string[] {
  const since = (days: number, milli: number | null): readonly string[] =>
    milli === null ? [] : [`${milli < 0 ? "-" : "+"}${stars(Math.abs(milli))} in ${days} days`];
  const said = [...since(7, days_7_milli), ...since(30, days_30_milli), ...since(90, days_90_milli)];
  return said.length === 0 ? [] : [`It changed by ${said.join(", ")}.`];
}

function people(count: number): string {
  return count === 1 ? "One rater counts" : `${count} raters count`;
}

/** Thousandths with two decimals. */
export function stars(milli: number): string {
  return `${Math.floor(milli / 1_000)}.${String(Math.floor((milli % 1_000) / 10)).padStart(2, "0")}`;
}
