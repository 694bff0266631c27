import type { AupCategory } from "./category.ts";

/** Helping or urging people to hurt themselves. Lists of helplines and self-healing clusters are none. */
export const selfHarm: AupCategory = {
  name: "self_harm",
  severity: "high",
  rules: [
    {
      name: "methods",
      says: "shows ways to hurt oneself",
      kind: "act",
      phrases: [
        "how|way|ways|method|methods|best|painless*|instruction*|guide|guides|tip|tips|easiest ~4 suicide",
        "how|way|ways|method|methods|best|instruction*|tip|tips|easiest ~4 kill|hurt|harm|cut|starve|hang|overdose yourself|myself|themselves|oneself",
        "how|ways|method|methods|tip|tips|guide|guides|instruction*|technique* ~4 self harm|injury|injure|mutilation",
        "painless* ~2 death|die",
        "suicide method|methods|kit|kits|instruction*|pact|pacts|tutorial*|challenge*",
        "self harm|injury method|methods|tip|tips|technique*|instruction*|challenge*|tutorial*",
        "lethal dose|doses ~3 yourself|myself|suicide",
      ],
      except:
        "prevent*|recover*|stop|stopping|cope|coping|resources|hotline*|helpline*|support|helping|help|talk|risk|slack|squad|warning",
    },
    {
      name: "urging",
      says: "urges people to hurt themselves",
      kind: "act",
      phrases: [
        "encourag*|promot*|glorif*|romantici*|persuad*|convinc*|urg* ~4 suicide|anorexia|bulimia|starvation",
        "encourag*|promot*|glorif*|romantici*|persuad*|convinc*|urg* ~4 self harm|harming|injury|mutilation",
        "encourag*|persuad*|convinc*|urg*|tell|tells|telling ~4 hurt|harm|kill|starve|cut|hang themselves|yourself|himself|herself|oneself",
        "should|go|just|please kill|hang|hurt|starve|cut yourself|themselves",
        "kys",
        "drive|drives|driving|push|pushes|pushing ~2 to suicide",
      ],
      except: "prevention|awareness|slack",
    },
    {
      name: "notes",
      says: "helps to carry out a suicide",
      kind: "act",
      phrases: [
        "writ*|generat*|draft*|compos* ~3 suicide note*|letter*",
        "plan|plans|planning|commit|commits|committing|assist* ~2 suicide",
      ],
      except: "risk|prevent*|investigat*",
    },
    {
      name: "eating",
      says: "promotes eating disorders",
      kind: "thing",
      phrases: [
        "pro ana|mia|anorexia",
        "proana",
        "thinspo|thinspiration",
        "starve ~1 yourself|myself ~2 thin|lose|weight",
      ],
    },
  ],
};
