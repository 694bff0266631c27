import type { AupCategory, AupRule, AupSeverity } from "./category.ts";
import { fits, indexPhrases, matchAt, type Phrase, type PhraseIndex, parsePhrase } from "./pattern.ts";
import { type Word, wordsOf } from "./words.ts";

/** A rule that a text breaks, with the words that show it. */
export interface Breach {
  readonly category: AupCategory;
  readonly rule: AupRule;
  readonly severity: AupSeverity;
  readonly excerpt: string;
}

interface Prepared {
  readonly category: AupCategory;
  readonly rule: AupRule;
  readonly except: Alternatives | null;
  readonly except_before: Alternatives | null;
}
type Alternatives = Extract<Phrase["slots"][number], { stems: readonly string[] }>;

const BEFORE = 6;
const AFTER = 3;
const BESIDE = 3;
const EXCERPT_CHARS = 120;

const NEGATIONS = alternatives(
  "not|no|never|without|neither|nor|none|dont|doesnt|didnt|isnt|arent|wont|cant|cannot|wouldnt|shouldnt|mustnt|forbid*|prohibit*|disallow*|ban|bans|banned",
);
/** "No matter", "not only": not a negation of what follows. */
const EMPTY_NEGATIONS = alternatives(
  "only|just|matter|nonsense|problem|problems|cost|costs|fee|fees|limit|limits|questions|fuss|signup|doubt|charge|experience|more|less|longer|wonder",
);
/** Works against what follows. */
const OPPOSING = alternatives(
  "detect*|prevent*|block|blocks|blocked|blocking|filter*|refus*|reject*|declin*|against|anti|moderat*|protect*|quarantin*|flag|flags|flagged|flagging|mitigat*|combat|combats|combating|stop|stops|avoid*|hotline*|helpline*|prevention|awareness|survivor*|victim*|counter|counters|countering",
);
/** Deals with what is named: enough for a thing, not for an act. */
const HANDLING = alternatives(
  "report|reports|reporting|remov*|find|finds|finding|scan|scans|scanning|spot|spots|catch|catches|catching|warn|warns|warning|identif*|recogni*|delet*|classif*|hide|hides|drop|drops|discard*|research*|news|history|laws|law|articles|papers|statistics",
);
/** Follows the name of what is worked against: "phishing filter". */
const OPPOSED = alternatives(
  "detect*|prevention|protection|filter*|block|blocker*|blocking|blocklist*|awareness|scanner*|hotline*|helpline*|defen*|mitigation*|classifier*|moderation|attempt*|survivor*|victim*|support|counsel*|statistics|research*|news|prevent*|report|reports|taskforce|removal|resistant|resistance|proof",
);
const TURNS = alternatives("but|then|instead|however|yet");
const AND = alternatives("and");

function alternatives(text: string): Alternatives {
  const [slot] = parsePhrase(text).slots;
  if (slot === undefined || "gap" in slot) throw new Error(`assertion failed: ${text} is no list of words`);
  return slot;
}

/** Rules made ready to read texts with. */
export interface Scanner {
  /** Every rule that the text breaks, each once, in the order of the text. */
  readonly scan: (text: string) => readonly Breach[];
}

/** Prepares rules; reading a text then takes time in proportion to its length. */
export function openScanner(categories: readonly AupCategory[]): Scanner {
  const index = indexPhrases(
    categories.flatMap((category) =>
      category.rules.flatMap((rule) => {
        const of: Prepared = {
          category,
          rule,
          except: rule.except === undefined ? null : alternatives(rule.except),
          except_before: rule.except_before === undefined ? null : alternatives(rule.except_before),
        };
        return rule.phrases.map((phrase) => ({ phrase: parsePhrase(phrase), of }));
      }),
    ),
  );
  return { scan: (text) => scan(text, index) };
}

function scan(text: string, index: PhraseIndex<Prepared>): readonly Breach[] {
  const words = wordsOf(text);
  const clean = text.normalize("NFKD").replace(/[\p{Mn}\p{Cf}]/gu, "");
  const found = new Map<AupRule, Breach>();
  for (const [start, word] of words.entries()) {
    for (const { phrase, of } of index.at(word)) {
      const { category, rule } = of;
      if (found.has(rule)) continue;
      const end = matchAt(phrase, words, start);
      if (end === null || isTurnedRound(of, words, start, end)) continue;
      const excerpt = clean.slice(word.start, words[end - 1]?.end).slice(0, EXCERPT_CHARS);
      found.set(rule, { category, rule, severity: rule.severity ?? category.severity, excerpt });
    }
  }
  return [...found.values()];
}

/** Whether the words around a phrase say that the opposite, or something else, is meant. */
function isTurnedRound(
  { rule, except, except_before }: Prepared,
  words: readonly Word[],
  start: number,
  end: number,
): boolean {
  const clause = words[start]?.clause;
  const within = (from: number, to: number): readonly Word[] =>
    words.slice(Math.max(0, from), to).filter((word) => word.clause === clause);
  if (except !== null && within(start - BESIDE, end + BESIDE).some((word) => fits(word, except))) return true;
  if (except_before !== null && within(start - BEFORE, start).some((word) => fits(word, except_before))) return true;
  if (within(end, end + AFTER).some((word, at) => (at === 0 || rule.kind === "thing") && fits(word, OPPOSED)))
    return true;
  if (rule.holds_negation !== true && negatedWithin(words, start, end)) return true;
  for (let at = start - 1; at >= Math.max(0, start - BEFORE); at -= 1) {
    const word = words[at];
    if (word === undefined || word.clause !== clause || fits(word, TURNS)) return false;
    if (rule.kind === "act" && fits(word, AND)) return false;
    if (isNegation(words, at) || fits(word, OPPOSING)) return true;
    if (rule.kind === "thing" && fits(word, HANDLING)) return true;
  }
  return false;
}

function negatedWithin(words: readonly Word[], start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (isNegation(words, at)) return true;
  return false;
}

function isNegation(words: readonly Word[], at: number): boolean {
  const word = words[at];
  return word !== undefined && fits(word, NEGATIONS) && !fits(words[at + 1], EMPTY_NEGATIONS);
}
