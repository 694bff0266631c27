import { type FoundSecret, type KnownSecrets, knownSecrets } from "./known-secrets.ts";
import { SECRET_FORMATS, type SecretFormat } from "./secret-formats.ts";
import { findSeedPhrases, type TextRange } from "./seed-phrase.ts";
import { sieveOf } from "./sieve.ts";

export const REDACTED = "[redacted]";
const NONE = knownSecrets([]);
/** What stands around a credential gives it away; the first group stays. */
const CONTEXTS: readonly RegExp[] = [
  /(-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)[\s\S]*?(?=-----END |$)/g,
  /(\b(?:bearer|basic) +)[A-Za-z0-9._~+/=-]{8,}/gi,
  /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"']{1,400}@/gi,
  /(\b[a-z0-9_-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key)["']?\s{0,3}[:=]\s{0,3}["']?)[^\s"'&,;)}\]]{6,}/gi,
];

/** Whether the text holds a private key or a long-lived token in a known format. */
export function holdsSecret(text: string): boolean {
  return possible(text).some((format) => format.kind === "key" && matchesOf(format, text).next().done === false);
}

const MARKS = SECRET_FORMATS.flatMap((format) => format.marks.map((mark) => ({ mark, format })));
const UNMARKED = SECRET_FORMATS.filter(({ marks }) => marks.length === 0);
const marksIn = sieveOf(
  MARKS.map(({ mark }) => mark),
  4,
);

/** The formats that the text may hold, in their order: most say themselves what they cannot do without. */
function possible(text: string): readonly SecretFormat[] {
  const marks = marksIn(text.toLowerCase());
  if (marks.size === 0) return UNMARKED;
  const marked = new Set(MARKS.flatMap(({ format }, place) => (marks.has(place) ? [format] : [])));
  return SECRET_FORMATS.filter((format) => format.marks.length === 0 || marked.has(format));
}

/** Every secret that stands in the text: those known by value, known formats with what they are, seed phrases. */
export function findSecrets(text: string, known: KnownSecrets = NONE): readonly FoundSecret[] {
  const found = [...known.find(text)];
  for (const format of possible(text)) found.push(...matchesOf(format, text));
  for (const range of findSeedPhrases(text)) found.push({ name: "a seed phrase", ...range });
  return found;
}

function* matchesOf(
  { name, pattern, check }: (typeof SECRET_FORMATS)[number],
  text: string,
): Generator<FoundSecret, undefined> {
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (check === undefined || check(match)) yield { name, start: index, end: index + match.length };
  }
  return undefined;
}

/** The text without the secrets that stand in it, and otherwise as it is: for data that is used further. */
export function withoutSecrets(text: string, known: KnownSecrets = NONE): string {
  return cutOut(text, findSecrets(text, known));
}

/**
 * The text without what looks like a credential: what `withoutSecrets` takes out, bearer tokens, passwords in addresses
 * and values named like secrets. For logs and errors, where too much taken out does no harm.
 */
export function redact(text: string, known: KnownSecrets = NONE): string {
  let clean = cutOut(text, known.find(text));
  for (const pattern of CONTEXTS) clean = clean.replace(pattern, `$1${REDACTED}`);
  return withoutSecrets(clean);
}

/** The text without ranges of it; those that touch or overlap become one mark. */
export function cutOut(text: string, ranges: readonly TextRange[]): string {
  if (ranges.length === 0) return text;
  let clean = "";
  let position = 0;
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    if (start >= position) clean += text.slice(position, start) + REDACTED;
    position = Math.max(position, end);
  }
  return clean + text.slice(position);
}
