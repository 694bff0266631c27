import { setImmediate } from "node:timers/promises";
import type { RandomBytes } from "@oa/shared/core/id.ts";
import type { Json } from "@oa/shared/core/json.ts";
import { type FoundSecret, type KnownSecrets, knownSecrets, type NamedSecret } from "@oa/shared/core/known-secrets.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { hostOfUrl, type Permission, permits } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { cutOut, findSecrets, REDACTED, redact, withoutSecrets } from "@oa/shared/core/secrets.ts";
import { ipFamily, isPublicAddress } from "./ip-address.ts";
import type { Vault, VaultSecret } from "./vault.ts";

/** A request about to be sent, after its host was checked. */
export interface Outgoing {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** Where secrets go in and where they are taken out: the only place that knows their values beside the vault. */
export interface Secrecy {
  /** From now on this text is a secret too: a key or token of the worker's own, the passphrase of the vault. */
  readonly keep: (secret: NamedSecret) => void;
  /** What stands for a secret of the vault until it is sent; it cannot be guessed, so no data from outside can be one. */
  readonly slot: (name: string) => string;
  /** For logs and errors: without anything that looks like a credential. */
  readonly redact: (text: string) => string;
  /** For data: without secrets and otherwise as it is; the very same value where there are none. */
  readonly clean: <T>(value: T) => T;
  /** The same for bytes of any kind, and however many: others go on in between. */
  readonly cleanBytes: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** What secret stands in the text, as a sentence calls it; null for none. */
  readonly find: (text: string) => string | null;
  /** Whether bytes hold the value of a known secret; others go on in between. */
  readonly knows: (bytes: Uint8Array) => Promise<boolean>;
  /**
   * Puts secrets where they stand in a request, and lets no other leave. Only the vault's secrets fit a slot, each only
   * for a host that both the grant (`secret:use`) and the owner's own binding name, and only over an encrypted
   * connection or to an address of this machine or its network. Faults: vault_locked, secret_missing, secret_not_bound,
   * secret_leak.
   */
  readonly outgoing: (request: Outgoing, grant: readonly Permission[]) => Outgoing;
  /** The secrets that stand in a request before they are put in, by name. */
  readonly named: (request: Outgoing) => readonly string[];
}

export function openSecrecy(vault: Pick<Vault, "status" | "all" | "get">, random: RandomBytes): Secrecy {
  const own: NamedSecret[] = [];
  const nonce = Buffer.from(random(16)).toString("hex");
  const slots = new RegExp(`oa-slot-${nonce}-([A-Za-z][A-Za-z0-9_]{0,63})-`, "g");
  let known: { readonly secrets: KnownSecrets; readonly kept: readonly VaultSecret[] } | null = null;
  const all = (): KnownSecrets => {
    const kept = vault.all();
    if (known?.kept !== kept) {
      const titled = kept.map(({ name, value }) => ({ name: titleOf(name), value }));
      known = { kept, secrets: knownSecrets([...own, ...titled]) };
    }
    return known.secrets;
  };
  const unslotted = (text: string): string => text.replace(slots, (_, name: string) => `\${secrets.${name}}`);
  const cleanText = (text: string): string => withoutSecrets(unslotted(text), all());

  const secretFor = (name: string, url: URL, grant: readonly Permission[]): VaultSecret => {
    const host = hostOfUrl(url.href) ?? url.host;
    if (!permits(grant, `secret:use:${name}@${host}`)) {
      throw new Fault(
        "secret_not_bound",
        `the secret ${name} may not be sent to ${host}: the install does not grant it`,
      );
    }
    if (vault.status() === "locked") {
      throw new Fault(
        "vault_locked",
        `the vault with the secret ${name} is locked: open it with \`oa secrets unlock\``,
      );
    }
    const secret = vault.get(name);
    if (secret === undefined) {
      const command = `oa secrets set ${name} --host ${host}`;
      throw new Fault("secret_missing", `the vault holds no secret called ${name}: set it with \`${command}\``);
    }
    if (!secret.hosts.includes(host)) {
      const bound = secret.hosts.join(" and ");
      throw new Fault("secret_not_bound", `the secret ${name} is bound to ${bound}, not to ${host}`);
    }
    if (url.protocol !== "https:" && !isNear(url.hostname)) {
      throw new Fault("secret_not_bound", `the secret ${name} would travel to ${host} unencrypted: use https`);
    }
    return secret;
  };
  const fits = (name: string, url: URL, grant: readonly Permission[]): boolean => {
    const secret = vault.all().find((one) => titleOf(one.name) === name);
    try {
      return secret !== undefined && secretFor(secret.name, url, grant) === secret;
    } catch (error) {
      if (error instanceof Fault) return false;
      throw error;
    }
  };
  const refuseLeak = (where: string, text: string, url: URL, grant: readonly Permission[]): void => {
    const found = findSecrets(text, all());
    const allowed = found.filter(({ name }) => fits(name, url, grant));
    const leak = found.find((one) => !allowed.some((range) => isWithin(one, range)));
    if (leak === undefined) return;
    const message = `the ${where} of the request to ${safeHost(url, all())} holds ${leak.name}, so it was not sent`;
    throw new Fault("secret_leak", message);
  };
  return {
    keep: (secret) => {
      if (own.some(({ value }) => value === secret.value)) return;
      own.push(secret);
      known = null;
    },
    slot: (name) => `oa-slot-${nonce}-${name}-`,
    redact: (text) => redact(unslotted(text), all()),
    clean: (value) => {
      if (typeof value === "string") return cleanText(value) as typeof value;
      const text = JSON.stringify(value);
      if (text === undefined || cleanText(text) === text) return value;
      const members = deep(value as Json, cleanText);
      return eachMember(members, (member) => acrossMembers(member, cleanText)) as typeof value;
    },
    cleanBytes: async (bytes) => {
      const text = latin1(bytes);
      const bare = unslotted(text);
      const clean = cutOut(bare, await inPieces(bare, (piece) => findSecrets(piece, all())));
      return clean === text ? bytes : Buffer.from(clean, "latin1");
    },
    find: (text) => findSecrets(text, all())[0]?.name ?? null,
    knows: async (bytes) => (await inPieces(latin1(bytes), (piece) => all().find(piece))).length > 0,
    named: ({ url, headers }) => {
      const texts = [url.href, ...Object.values(headers)];
      return [...new Set(texts.flatMap((text) => [...text.matchAll(slots)].flatMap(([, name]) => name ?? [])))];
    },
    outgoing: ({ url, headers, body }, grant) => {
      const named = Object.entries(headers);
      refuseLeak("address", url.href, url, grant);
      for (const [name, value] of named) refuseLeak(`header ${name}`, `${name}: ${value}`, url, grant);
      if (body !== undefined) {
        refuseLeak("body", typeof body === "string" ? body : Buffer.from(body).toString("latin1"), url, grant);
      }
      const fill = (text: string, encode: (value: string) => string): string =>
        text.replace(slots, (_, name: string) => encode(secretFor(name, url, grant).value));
      const sent = new URL(url);
      const at = url.href.length - url.pathname.length - url.search.length - url.hash.length;
      sent.href = url.href.slice(0, at) + fill(url.href.slice(at), encodeURIComponent);
      return {
        url: sent,
        headers: Object.fromEntries(named.map(([name, value]) => [name, fill(value, (text) => text)])),
        body,
      };
    },
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/**
 * What a search finds in a text, looked for piece by piece so that a long one holds nobody up. A piece answers for what
 * begins in it, and is searched with the character before it and as much after it as anything found may take.
 */
async function inPieces(
  text: string,
  search: (piece: string) => readonly FoundSecret[],
): Promise<readonly FoundSecret[]> {
  const found: FoundSecret[] = [];
  for (let from = 0; from < text.length; from += LIMITS.secret_piece_chars) {
    if (from > 0) await setImmediate();
    const [first, end] = [Math.max(0, from - 1), from + LIMITS.secret_piece_chars];
    for (const one of search(text.slice(first, end + LIMITS.secret_overlap_chars))) {
      const start = first + one.start;
      if (start >= from && start < end) found.push({ ...one, start, end: first + one.end });
    }
  }
  return found;
}

function titleOf(name: string): string {
  return `the secret ${name}`;
}

function isWithin(one: FoundSecret, other: FoundSecret): boolean {
  return one.start >= other.start && one.end <= other.end;
}

/** The host, unless the secret stands in it. */
function safeHost(url: URL, known: KnownSecrets): string {
  return findSecrets(url.host, known).length > 0 ? REDACTED : url.host;
}

function isNear(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  return hostname === "localhost" || (ipFamily(address) !== 0 && !isPublicAddress(address));
}

/** Every text in it cleaned, and numbers that are secrets. */
function deep(value: Json, clean: (text: string) => string): Json {
  if (typeof value === "string") return clean(value);
  if (typeof value === "number") return clean(String(value)) === String(value) ? value : REDACTED;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => deep(item, clean));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [clean(key), deep(member, clean)]));
}

/**
 * What stands across several members (a key that is a JSON object itself, a phrase as a list of words) takes the least
 * part that holds it along. Not for a value as a whole: of an event, its own fields say what it is.
 */
function acrossMembers(value: Json, clean: (text: string) => string): Json {
  const holds = (part: Json): boolean => clean(JSON.stringify(part)) !== JSON.stringify(part);
  if (typeof value !== "object" || value === null || !holds(value)) return value;
  const least = eachMember(value, (member) => acrossMembers(member, clean));
  return holds(least) ? deep(least, () => REDACTED) : least;
}

function eachMember(value: Json, change: (member: Json) => Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(change);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, change(member)]));
}
