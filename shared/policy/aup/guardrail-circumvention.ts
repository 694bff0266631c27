import type { AupCategory } from "./category.ts";

/** Getting a model to drop its rules. Finding such attempts, and getting round a cache or a proxy, is none. */
export const guardrailCircumvention: AupCategory = {
  name: "guardrail_circumvention",
  severity: "high",
  rules: [
    {
      name: "instructions",
      says: "tells a model to drop its instructions",
      kind: "act",
      phrases: [
        "ignor*|disregard*|forget|override|overrule|neglect ~2 previous|prior|earlier|above|preceding|system|original ~1 instruction*|prompt|prompts|guideline*|directive*|guardrail*",
        "ignor*|disregard*|forget|override|overrule ~2 your instruction*|guideline*|guardrail*|restrictions|programming|directive*|safety",
        "ignor*|disregard*|forget ~1 instruction*|prompt|prompts above|before|earlier",
        "ignor*|disregard*|forget ~1 everything ~1 before|above|told",
      ],
      except_before: "tells|asks|says|told|asking|telling|try|tries|trying|wants|attempt*|claims|orders",
    },
    {
      name: "bypass",
      says: "gets round the safeguards of a model",
      kind: "act",
      phrases: [
        "bypass*|circumvent*|evad*|defeat*|disabl*|ignor*|overrid*|remov*|avoid*|trick*|unlock* ~3 guardrail*|safeguard*|censorship",
        "bypass*|circumvent*|evad*|defeat*|disabl*|ignor*|overrid*|remov*|avoid*|trick* ~3 content|safety|moderation|model|ai|openai|alignment filter*|polic*|guideline*|restriction*|safety|measures|rules|training|moderation|alignment",
        "around ~2 content|safety|moderation filter*|polic*|rules|restrictions",
      ],
    },
    {
      name: "jailbreak",
      says: "jailbreaks a model",
      kind: "thing",
      phrases: [
        "jailbreak* ~3 model|models|llm|llms|ai|assistant*|gpt|chatgpt|claude|gemini|prompt*|chatbot*|guardrail*",
        "llm|ai|gpt|chatgpt|claude|model|prompt jailbreak*",
        "do anything now",
        "dan mode|prompt",
        "uncensored ~1 model|models|llm|ai|answer*|output|mode|response*|assistant|chatbot",
      ],
      except: "iphone*|ios|ipad*|android|firmware|device*",
    },
    {
      name: "no_rules",
      says: "tells a model that it has no rules",
      kind: "act",
      holds_negation: true,
      phrases: [
        "have|has|with no ~1 restrictions|guidelines|ethics|morals|guardrails|censorship|filter|filters",
        "without ~1 guardrails|censorship|ethics|morals|moral|ethical|disclaimers|refusing|refusal|refusals",
        "no guardrails|censorship",
        "never|not refuse|decline ~2 request*|question*|anything|order*|prompt*",
        "free ~1 of|from ~1 restrictions|guardrails|censorship|ethics",
      ],
      except: "bypass*|circumvent*|option|options",
    },
    {
      name: "system_prompt",
      says: "draws out a model's hidden instructions",
      kind: "act",
      phrases: ["reveal*|leak*|extract*|steal*|exfiltrat* ~3 system|hidden|secret prompt*|instructions"],
    },
  ],
};
