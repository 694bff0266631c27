import type { AupCategory } from "./category.ts";

/** Deceiving people for gain. Finding fraud, and made-up data for tests, is none. */
export const fraud: AupCategory = {
  name: "fraud",
  severity: "high",
  rules: [
    {
      name: "phishing",
      says: "sends or builds phishing",
      kind: "act",
      phrases: [
        "send*|creat*|generat*|writ*|build|builds|design*|host|hosts|launch*|craft*|deploy*|clone|clones|mak* ~4 phishing|spearphishing|smishing",
        "phishing kit|kits|template|templates",
        "clone|clones|cloning|copy|imitat*|mimic* ~3 bank|paypal|login page|pages|site|sites|website|screen ~4 credential*|password*|victim*|steal*|users",
      ],
      except:
        "report|reports|alert|alerts|awareness|warning|warnings|training|simulation*|quiz|test|tests|detector*|classifier*|rule|rules",
    },
    {
      name: "forgery",
      says: "forges papers, money or reviews",
      kind: "act",
      phrases: [
        "fake|fakes|forged|forging|counterfeit*|bogus ~1 invoice*|receipt*|passport*|licenses|licences|license|licence|identity|identities|diploma*|degree*|document|documents|certificate|certificates|currency|money|banknote*|vaccine|prescription*|cheques",
        "fake|fakes|bogus|paid|buy|sell ~2 review|reviews|testimonial*|followers|likes|ratings|upvotes|endorsement*",
        "fake id|ids card|cards",
      ],
      except:
        "test|tests|testing|fixture*|mock|mocks|seed|sample|samples|demo|staging|sandbox|faker|placeholder*|data|integration|dev|development|ca|tls|ssl",
    },
    {
      name: "theft",
      says: "steals credentials, cards or identities",
      kind: "act",
      phrases: [
        "steal|steals|stealing|harvest*|skim|skims|skimming|exfiltrat*|phish* ~3 credential|credentials|password|passwords|passphrase*|cookies|identities|identity|wallet|wallets|card|cards|secret|secrets|ssn|ssns|personal|seed|login|logins|bank",
        "buy|buys|buying|sell|sells|selling|use|uses|using|trade|trading ~2 stolen ~1 credit|card|cards|credential*|identities|identity|account*|data|password*",
        "generat* ~2 valid|working|real credit card|cards",
        "identity theft",
        "carding forum*|bot|bots|tutorial*",
      ],
      except: "dashboard|ui|component*|recipe*|test|tests",
    },
    {
      name: "scam",
      says: "cheats people out of money",
      kind: "act",
      phrases: [
        "scam|scams|scamming|defraud*|swindl*|deceiv* ~3 people|users|elderly|investor|investors|customer|customers|seniors|buyers|donors|pensioners",
        "run|runs|running|writ*|generat*|automat*|launch*|build|builds ~3 scam|scams|ponzi",
        "ponzi|pyramid scheme|schemes",
        "guarantee* ~1 daily|monthly|weekly|investment|crypto|trading|high return|returns|profit|profits|income",
        "pump and dump",
        "romance|lottery|inheritance scam|scams",
      ],
      except: "report|reports|alert|alerts|warning|warnings",
    },
    {
      name: "laundering",
      says: "launders money or evades taxes and sanctions",
      kind: "thing",
      phrases: [
        "money laundering",
        "launder* ~2 money|funds|bitcoin|crypto|cash|proceeds",
        "tax evasion",
        "evad*|dodg* ~2 tax|taxes|sanctions|kyc|aml",
        "bypass* ~2 kyc|aml|sanctions",
      ],
    },
    {
      name: "impersonation",
      says: "impersonates others to deceive",
      kind: "act",
      phrases: [
        "impersonat*|pretend*|pos* ~3 bank|police|government|irs|microsoft|celebrit*|ceo|officials",
        "commit*|automat*|perform*|perpetrat* ~2 click|ad|insurance|tax|identity|invoice|wire|bank|card|payment|welfare fraud",
        "commit*|perpetrat* ~1 fraud",
      ],
      except: "post|posts|posting|position*|possib*",
    },
  ],
};
