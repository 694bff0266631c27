/** The formats that keys and tokens are issued in. */
const FORMATS: readonly RegExp[] = [
  /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[^A-Za-z0-9/]){0,24}(?:[A-Za-z-]{1,20}: [^\n]{0,200}\n\s{0,4}){0,4}[A-Za-z0-9+/=]{32}/,
  /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/,
  /\bgh[oprsu]_[A-Za-z0-9]{36}\b/,
  /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/,
  /\bglpat-[A-Za-z0-9_-]{20}\b/,
  /\bxox[abeprs]-[0-9]{8,}-[A-Za-z0-9-]{16,200}\b/,
  /\bsk-(?:ant-[a-z0-9]{3,8}-|proj-|svcacct-)[A-Za-z0-9_-]{40,200}\b/,
  /\b[rs]k_live_[A-Za-z0-9]{24,}\b/,
  /\bAIza[A-Za-z0-9_-]{35}\b/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b/,
  /\bnsec1[02-9ac-hj-np-z]{58}\b/,
];

/** Whether the text holds a private key or a token in a known format. */
export function holdsSecret(text: string): boolean {
  return FORMATS.some((pattern) => pattern.test(text));
}

/** Shorter ones would be found everywhere. */
const KNOWN_CHARS = 8;
const REDACTED = "[redacted]";
const WHOLE_FORMATS = FORMATS.map((pattern) => new RegExp(pattern.source, "g"));
/** What stands around a credential gives it away; the first group stays. */
const CONTEXTS: readonly RegExp[] = [
  /(-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)[\s\S]*?(?=-----END |$)/g,
  /(\b(?:bearer|basic) +)[A-Za-z0-9._~+/=-]{8,}/gi,
  /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"']{1,400}@/gi,
  /(\b[a-z0-9_-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key)["']?\s{0,3}[:=]\s{0,3}["']?)[^\s"'&,;)}\]]{6,}/gi,
];

/**
 * The text without what looks like a credential: known key formats, bearer tokens, passwords in addresses, values named
 * like secrets, and every string of `known`, in any case of its letters.
 */
export function redact(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of known.filter(({ length }) => length >= KNOWN_CHARS)) {
    const at = (): number => clean.toLowerCase().indexOf(secret.toLowerCase());
    for (let index = at(); index >= 0; index = at()) {
      clean = clean.slice(0, index) + REDACTED + clean.slice(index + secret.length);
    }
  }
  for (const pattern of CONTEXTS) clean = clean.replace(pattern, `$1${REDACTED}`);
  for (const pattern of WHOLE_FORMATS) clean = clean.replace(pattern, REDACTED);
  return clean;
}
