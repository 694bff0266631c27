/** The words of moderation: data, so that the log, labels, command line, API and site say the same. */

/** What a moderator may say of a target, and the role in the curator list that it takes. */
export const MODERATION_ACTIONS = {
  hold: { role: "hold", measure: true, sentence: "is not shown while it is judged" },
  label: { role: "label", measure: true, sentence: "is shown with a warning" },
  take_down: { role: "take_down", measure: true, sentence: "was taken down" },
  feature: { role: "feature", measure: true, sentence: "is recommended" },
  restore: { role: "restore", measure: false, sentence: "a decision about it was reversed" },
  uphold: { role: "restore", measure: false, sentence: "an appeal was heard and the decision stands" },
  dismiss: { role: "hold", measure: false, sentence: "the reports were judged to be unfounded" },
  /** Said by whom the decision is about, who needs no role. */
  appeal: { role: null, measure: false, sentence: "its author appealed" },
} as const;
export type ModerationAction = keyof typeof MODERATION_ACTIONS;

/** `relay`: may manage the relay (NIP-86). */
export const MODERATION_ROLES = ["hold", "label", "take_down", "restore", "feature", "relay"] as const;
export type ModerationRole = (typeof MODERATION_ROLES)[number];

/** What a report says is wrong, in NIP-56's words. */
export const REPORT_REASONS = ["malware", "spam", "illegal", "impersonation", "nudity", "profanity", "other"] as const;

/** Who or what an appeal has reached. */
export const APPEAL_STATES = ["possible", "open", "upheld", "restored"] as const;

interface Reason {
  readonly sentence: string;
  readonly for: readonly ("hold" | "label" | "take_down")[];
  /** A take-down for it may be without an end. */
  readonly lasting: boolean;
}
const row = (sentence: string, measures: Reason["for"], lasting = false): Reason => ({
  sentence,
  for: measures,
  lasting,
});
const ANY = ["hold", "label", "take_down"] as const;

/** Why, by code. A code never changes its meaning. */
export const MODERATION_REASONS = {
  malware: row("it harms the machine it runs on", ANY, true),
  credential_theft: row("it takes passwords, keys or tokens", ANY, true),
  data_exfiltration: row("it sends data where it does not say", ANY, true),
  undeclared_behaviour: row("it does what it does not declare", ANY),
  impersonation: row("it passes itself off as another author's", ANY, true),
  infringement: row("it uses what belongs to somebody else", ANY),
  illegal: row("it is against the law that the edge's operator is under", ANY, true),
  prohibited_use: row("it is for a use that the acceptable use policy prohibits", ANY, true),
  key_compromised: row("its author's key is in other hands", ANY),
  deceptive_pricing: row("it costs other than it says", ANY),
  spam: row("it is an advertisement, a copy or a flood", ANY),
  sensitive: row("it shows what not everybody wants to see", ["label", "hold"]),
  broken: row("it does not work and is not looked after", ["label"]),
  quality: row("it was looked at by a curator", ["label"]),
  disputed: row("what it is said to do is disputed", ["hold", "label"]),
  other: row("see the note", ANY),
} as const satisfies Readonly<Record<string, Reason>>;

/** What a label says of its target, apart from how far the harm reaches. */
export const LABEL_STATUSES = {
  reviewed: "a curator read it and found nothing wrong",
  unmaintained: "nobody looks after it",
  sensitive: "it shows what not everybody wants to see",
  disputed: "what it does is disputed",
  misleading: "it does not do what it says",
  risky: "it works as it says, and that can do harm",
  unsafe: "it does harm",
} as const;

/** How far the harm could reach: the blast radius, apart from what is said. */
export const BLAST_RADII = {
  none: "nothing",
  output: "what it writes",
  files: "files it may read or write",
  accounts: "accounts whose secrets it is given",
  money: "money it may spend",
  machine: "the whole machine",
} as const;

/** The longest that a decision may hold, in days; null: without end, where its reason allows that. */
export const DECISION_DAYS = { hold: 14, label: 365, take_down: 365, feature: 90 } as const;

/** Word of a report (NIP-56) to the reason it is a sign of. */
export const REASON_OF_REPORT = {
  malware: "malware",
  spam: "spam",
  illegal: "illegal",
  impersonation: "impersonation",
  nudity: "sensitive",
  profanity: "sensitive",
  other: "other",
} as const;
