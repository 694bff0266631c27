import { sha256 } from "@noble/hashes/sha2.js";
import { base58, base64urlnopad, bech32, utf8 } from "@scure/base";

/** A format that keys or tokens are issued in. */
export interface SecretFormat {
  /** As a sentence calls it. */
  readonly name: string;
  /** Global; every quantifier is bounded, and no two of them share what they can match. */
  readonly pattern: RegExp;
  /** What a pattern cannot say: a checksum, or what is inside. */
  readonly check?: (text: string) => boolean;
  /** One of these stands in every text that the pattern matches, in lower case; none: there is no such text. */
  readonly marks: readonly string[];
  /** `key`: found by its form alone, wherever it stands. `token`: as certain, but common in source code and its tests. */
  readonly kind: "key" | "token";
}

const key = (name: string, pattern: RegExp, check?: (text: string) => boolean): SecretFormat => ({
  ...{ name, pattern: new RegExp(pattern.source, `g${pattern.flags}`), kind: "key", marks: marksOf(pattern.source) },
  ...(check === undefined ? {} : { check }),
});
const token = (name: string, pattern: RegExp, check?: (text: string) => boolean): SecretFormat => ({
  ...key(name, pattern, check),
  kind: "token",
});

/** Every format, as data. Nothing before and after may belong to the same word: part of a longer one is no key. */
export const SECRET_FORMATS: readonly SecretFormat[] = [
  key(
    "a private key",
    /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[^A-Za-z0-9/]){0,24}(?:[A-Za-z-]{1,20}: [^\n]{0,200}\n\s{0,4}){0,4}[A-Za-z0-9+/=]{32}(?:[A-Za-z0-9+/=\s"',]|\\[nr]){0,20000}(?:-----END [A-Z0-9 ]{0,40}-----)?/,
  ),
  token("a capability token of a worker", /\boat1\.[A-Za-z0-9_-]{40,8000}\.[A-Za-z0-9_-]{43}\b/),
  // Nostr, wallets and Lightning.
  key("a Nostr secret key", /\bnsec1[02-9ac-hj-np-z]{58}\b/),
  key("an encrypted Nostr secret key", /\bncryptsec1[02-9ac-hj-np-z]{100,300}\b/),
  key(
    "a wallet connection (NWC)",
    /\bnostr\+?walletconnect:(?:\/\/)?[0-9a-f]{64}\?[^\s"'<>]{0,1000}?\bsecret=[0-9a-f]{64}/i,
  ),
  key("a signer connection (NIP-46)", /\bbunker:\/\/[0-9a-f]{64}\?[^\s"'<>]{0,1000}?\bsecret=[^\s"'<>&]{4,200}/i),
  key("an extended private key", /\b[xyzt]prv[1-9A-HJ-NP-Za-km-z]{107}\b/),
  key("a Bitcoin private key", /\b(?:5[1-9A-HJ-NP-Za-km-z]{50}|[KL][1-9A-HJ-NP-Za-km-z]{51})\b/, isWif),
  key("an age secret key", /\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b/),
  key("an LND macaroon", /\b0201036c6e64[0-9a-f]{80,4000}\b/i),
  key("an LND macaroon", /(?<![A-Za-z0-9+/_-])AgEDbG5k[A-Za-z0-9+/_-]{60,4000}/),
  key("a macaroon", /(?<![A-Za-z0-9+/_-])MDA[A-Za-z0-9]{2}[GWm2]xvY2F0aW9u[A-Za-z0-9+/_-]{40,4000}/),
  key("an L402 token", /\b(?:L402|LSAT) [A-Za-z0-9+/=_-]{20,4000}:[0-9a-f]{64}\b/),
  token("an LNURL", /\blnurl1[02-9ac-hj-np-z]{40,2000}\b/i, isBearerLnurl),
  // Clouds and code.
  key("an AWS access key", /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/),
  key(
    "an AWS secret key",
    /\baws_?secret_?(?:access_?)?key["']?\s{0,3}[:=]\s{0,3}["']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/i,
  ),
  key("a GitHub token", /\bgh[oprsu]_[A-Za-z0-9]{36}\b/),
  key("a GitHub token", /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/),
  key("a GitLab token", /\bglpat-[A-Za-z0-9_-]{20}\b/),
  key("a Google API key", /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/),
  key("a Google client secret", /\bGOCSPX-[A-Za-z0-9_-]{28}(?![A-Za-z0-9_-])/),
  key("a Google access token", /\bya29\.[A-Za-z0-9_-]{50,2000}/),
  key("an npm token", /\bnpm_[A-Za-z0-9]{36}\b/),
  key("a PyPI token", /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,1000}/),
  key("a Hugging Face token", /\bhf_[A-Za-z]{34}\b/),
  key("a DigitalOcean token", /\bdo[opr]_v1_[0-9a-f]{64}\b/),
  // Models.
  key("an Anthropic key", /\bsk-ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{40,200}(?![A-Za-z0-9_-])/),
  key("an OpenAI key", /\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}(?![A-Za-z0-9_-])/),
  key("an OpenAI key", /\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b/),
  key("an OpenRouter key", /\bsk-or-v1-[0-9a-f]{64}\b/),
  key("a Groq key", /\bgsk_[A-Za-z0-9]{52}\b/),
  // Messages and money.
  key("a Slack token", /\bxox[abeprs]-[0-9]{8,}-[A-Za-z0-9-]{16,200}/),
  key("a Slack token", /\bxapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{10,16}-[0-9a-f]{64}\b/),
  key("a Slack webhook", /\bhooks\.slack\.com\/services\/T[A-Z0-9]{8,14}\/B[A-Z0-9]{8,14}\/[A-Za-z0-9]{20,40}\b/),
  key("a Discord webhook", /\bdiscord(?:app)?\.com\/api\/webhooks\/[0-9]{17,20}\/[A-Za-z0-9_-]{60,80}/),
  key("a Telegram bot token", /\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])/),
  key("a SendGrid key", /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/),
  key("a Stripe key", /\b[rs]k_live_[A-Za-z0-9]{24,200}\b/),
  key("a Stripe webhook secret", /\bwhsec_[A-Za-z0-9]{32,64}\b/),
  key("a Shopify token", /\bshp(?:at|ca|pa|ss)_[0-9a-f]{32}\b/),
  token(
    "a JSON web token",
    /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{20,2000}/,
    isJwt,
  ),
];

/**
 * What a pattern cannot match without, read from its source: the longest run of plain characters, with small classes and
 * groups of plain words written out. Empty where that has less than 4 characters.
 */
function marksOf(source: string): readonly string[] {
  let best: readonly string[] = [""];
  let runs: readonly string[] = [""];
  let before = runs;
  const shortest = (texts: readonly string[]): number => Math.min(...texts.map(({ length }) => length));
  const keep = (texts: readonly string[]): void => {
    if (shortest(texts) > shortest(best)) best = texts;
  };
  for (const { 0: part } of source.matchAll(/\\.|\[[^\]]*\]|\([^()]*\)|\{[\d,]+\}|[\s\S]/g)) {
    if (/^[?*+{]/.test(part)) {
      keep(before); // what stands before it may be missing, or be there more than once
      [runs, before] = [[""], [""]];
      continue;
    }
    keep(runs);
    const words = wordsOf(part);
    before = runs;
    runs = words === null ? [""] : runs.flatMap((run) => words.map((word) => run + word));
    if (runs.length > 16) runs = [""];
  }
  keep(runs);
  return shortest(best) < 4 ? [] : best.map((mark) => mark.toLowerCase());
}

/** The texts that a part of a pattern stands for, where they are few and plain; null otherwise. */
function wordsOf(part: string): readonly string[] | null {
  const plain = /^[A-Za-z0-9_:=/ -]+$/;
  if (/^\\[^A-Za-z0-9]$/.test(part)) return [part.slice(1)];
  if (/^\[[A-Za-z0-9_]{1,8}\]$/.test(part)) return [...part.slice(1, -1)];
  const words = /^\(\?:(.*)\)$/s.exec(part)?.[1]?.split("|") ?? [part];
  return words.every((word) => plain.test(word)) ? words : null;
}

function isWif(text: string): boolean {
  try {
    const bytes = base58.decode(text);
    const [body, sum] = [bytes.subarray(0, -4), bytes.subarray(-4)];
    const hash = sha256(sha256(body));
    return body[0] === 0x80 && sum.every((byte, index) => byte === hash[index]);
  } catch {
    return false; // not base58: any word of that length
  }
}

/** An LNURL for paying someone is an address; one for withdrawing or logging in is money or a door. */
function isBearerLnurl(text: string): boolean {
  try {
    const { prefix, bytes } = bech32.decodeToBytes(text.toLowerCase());
    if (prefix !== "lnurl") return false;
    const url = utf8.encode(bytes);
    return /^(?:https?|lnurlw|keyauth):\/\//i.test(url) && !/\blnurlp\b|\/pay(?:[/?]|$)|payRequest/i.test(url);
  } catch {
    return false; // a wrong checksum is no LNURL
  }
}

function isJwt(text: string): boolean {
  try {
    const header: unknown = JSON.parse(utf8.encode(base64urlnopad.decode(text.split(".", 1)[0] ?? "")));
    return typeof header === "object" && header !== null && "alg" in header;
  } catch {
    return false; // three words with dots between them
  }
}
