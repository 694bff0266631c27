import type { AupCategory } from "./category.ts";

/** Financial services to people: investment advice, trading for them, lending decisions. Prices and ledgers are none. */
export const regulatedFinancial: AupCategory = {
  name: "regulated_financial",
  severity: "high",
  rules: [
    {
      name: "advice",
      says: "gives investment or tax advice",
      kind: "thing",
      phrases: [
        "investment|investing|financial|tax|trading|stock|stocks|crypto|mortgage|retirement|pension advice|advisor*|adviser*|advisory|recommendation*|tip|tips",
        "trading signal|signals",
        "which|what ~1 stocks|shares|crypto|cryptos|cryptocurrenc*|coins|securities|funds ~3 buy|sell|trade|invest",
      ],
    },
    {
      name: "recommendation",
      says: "recommends investments",
      kind: "act",
      phrases: [
        "recommend*|pick|picks|picking|suggest*|choose|chooses ~2 stocks|shares|cryptocurrenc*|securities|investments|funds",
        "predict*|forecast* ~2 stock|share|bitcoin|crypto|forex price*|market*|move*",
        "predict*|forecast* ~2 stocks|forex",
        "advis* ~3 invest|investing|investments|savings|mortgage",
      ],
      except: "photo*|image*|template*",
    },
    {
      name: "trading",
      says: "trades or manages money for people",
      kind: "act",
      phrases: [
        "buy|buys|buying|sell|sells|selling|trade|trades|trading ~3 stocks|shares|bitcoin|crypto|cryptocurrenc*|securities|forex",
        "invest|invests|investing ~2 savings|money ~2 in|into|for",
        "automat* ~2 trading|trader",
        "trading bot|bots|algorithm*",
        "forex|stock|crypto|options|futures trader|trading",
        "rebalanc* ~3 portfolio*",
        "manag* ~2 investments|pension|pensions|retirement",
        "manag* ~2 investment|stock|crypto portfolio*",
      ],
      except: "card|cards|photo*",
    },
    {
      name: "lending",
      says: "decides on loans or insurance",
      kind: "act",
      phrases: [
        "approv*|decid*|assess*|evaluat*|score|scores|scoring ~3 loan|loans|mortgage*|creditworthiness|lending",
        "credit scoring",
        "credit score decision|decisions",
        "underwrit* ~2 insurance|policies|loan|loans|mortgage*",
        "insurance|loan|mortgage underwriting|eligibility",
      ],
    },
    {
      name: "role",
      says: "stands in for a financial adviser",
      kind: "act",
      phrases: [
        "you are|re ~2 financial|investment|tax|wealth advisor|adviser|planner|consultant|manager",
        "you are|re ~2 stockbroker|broker",
        "act|acts|acting|behave|speak as ~2 financial|investment|tax|wealth advisor|adviser|planner|consultant|manager",
        "act|acts|acting as ~1 stockbroker|broker",
      ],
      except: "message|mqtt|kafka",
    },
  ],
};
