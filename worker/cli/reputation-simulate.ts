import { type Command, defineCommand } from "./command.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["reputation", "simulate"],
  summary: "Say what it costs in sats to move a score by one star, attack by attack",
  options: {
    raters: {
      type: "integer",
      value: "N",
      summary: "Honest raters before the attack",
      min: 0,
      max: 2_000,
      default: 40,
    },
    price: { type: "integer", value: "SATS", summary: "Price of a licence", min: 0, max: 10_000_000, default: 1_000 },
    key: { type: "integer", value: "SATS", summary: "What a new key costs", min: 0, max: 10_000_000, default: 10 },
  },
  examples: ["oa reputation simulate", "oa reputation simulate --raters 200 --price 5000 --json"],
  run: async ({ options, print, progress }) => {
    progress("simulating …");
    const { ASSUMPTIONS, ATTACKERS_MOST, simulate } = await import("@oa/shared/reputation/simulate.ts");
    const assumptions = {
      ...ASSUMPTIONS,
      honest_raters: options.raters,
      price_sats: options.price,
      key_sats: options.key,
    };
    const attacks = simulate(assumptions);
    const cost = (found: (typeof attacks)[number]["with_rules"]): string =>
      found === null ? `not with ${ATTACKERS_MOST} keys` : `${found.sats} sats, ${found.keys} keys`;
    print({ assumptions, attacks }, () =>
      [
        "To move the score by one star:",
        table(
          ["ATTACK", "WITH EVERY RULE", "WITHOUT ITS OWN"],
          attacks.map(({ attack, with_rules, without_its_rule }) => [attack, cost(with_rules), cost(without_its_rule)]),
        ),
        ...attacks.map(({ attack, says }) => `${attack}: ${says}`),
        `Assumed: ${Object.entries(assumptions)
          .map(([name, value]) => `${name} ${value}`)
          .join(", ")}.`,
      ].join("\n"),
    );
    return 0;
  },
});
