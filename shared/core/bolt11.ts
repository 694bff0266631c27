import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { bech32, utf8 } from "@scure/base";
import { LIMITS } from "./limits.ts";
import { type Msats, msats } from "./money.ts";
import { assert, isRejection, type Rejection, reject } from "./refusal.ts";

/** Networks by the letters after `ln`. */
const PREFIXES = { bitcoin: "bc", testnet: "tb", signet: "tbs", regtest: "bcrt" } as const;
export type LightningNetwork = keyof typeof PREFIXES;
export const LIGHTNING_NETWORKS = Object.keys(PREFIXES) as readonly LightningNetwork[];

/** A decoded BOLT11 invoice whose signature is valid. Hashes and keys are lower-case hex, times Unix seconds. */
export interface Invoice {
  readonly network: LightningNetwork;
  /** Null where the payer chooses. */
  readonly amount_msats: Msats | null;
  readonly timestamp_s: number;
  /** When it may no longer be paid. */
  readonly expires_at_s: number;
  readonly payment_hash: string;
  readonly payment_secret: string;
  /** Exactly one of the two is set. A description is a stranger's text: never show it unescaped. */
  readonly description: string | null;
  readonly description_hash: string | null;
  /** The node that signed: named by the `n` field, or recovered from the signature. */
  readonly payee: string;
  /** False where the payee was only recovered: an altered invoice would then name another payee, not fail. */
  readonly payee_named: boolean;
  readonly min_final_cltv_expiry: number;
  readonly features: readonly number[];
  readonly metadata: string | null;
  readonly fallbacks: readonly { readonly version: number; readonly program: string }[];
  readonly routes: readonly (readonly RouteHop[])[];
}

/** One hop of a private route, towards the payee. */
export interface RouteHop {
  readonly node: string;
  readonly short_channel_id: string;
  readonly fee_base_msats: number;
  readonly fee_proportional_millionths: number;
  readonly cltv_expiry_delta: number;
}

const FIELD = { p: 1, r: 3, features: 5, x: 6, f: 9, d: 13, s: 16, n: 19, h: 23, c: 24, m: 27 } as const;
const TIMESTAMP_WORDS = 7;
const SIGNATURE_WORDS = 104;
const HASH_WORDS = 52;
const KEY_WORDS = 53;
const HOP_BYTES = 51;
/** Ten words of five bits stay below 2^53. */
const NUMBER_WORDS = 10;
const DEFAULT_EXPIRY_S = 3_600;
const DEFAULT_CLTV_EXPIRY = 18;
/** Even feature bits an invoice may require (BOLT 9, context 9). */
const KNOWN_FEATURES: ReadonlySet<number> = new Set([8, 14, 16, 24, 36, 48]);
/** Millisatoshis of one unit of each multiplier, largest first; below them `p`, a tenth of a millisatoshi. */
const MULTIPLIERS = [
  ["", 100_000_000_000],
  ["m", 100_000_000],
  ["u", 100_000],
  ["n", 100],
] as const;

type Words = readonly number[];
type Fields = ReadonlyMap<number, readonly Words[]>;

/**
 * Decodes an invoice and verifies its signature. Unknown fields, and fields of a fixed length that have another one,
 * are skipped; the first of several counts. Refusals, none of which quotes the invoice: too_large, invoice_malformed,
 * invoice_network_unknown, invoice_amount_invalid, invoice_field_missing, invoice_field_invalid,
 * invoice_feature_unknown, invoice_signature_invalid. BOLT 11.
 */
export function decodeInvoice(text: string): Invoice | Rejection {
  if (text.length > LIMITS.invoice_chars) {
    return reject("too_large", `the invoice is longer than ${LIMITS.invoice_chars} characters`);
  }
  const decoded = bech32.decodeUnsafe(text, false);
  if (decoded === undefined) return malformed("it is not bech32 with a valid checksum");
  const { prefix, words } = decoded;
  const end = words.length - SIGNATURE_WORDS;
  if (end < TIMESTAMP_WORDS) return malformed("it is too short to hold a time and a signature");
  const head = readPrefix(prefix);
  if (isRejection(head)) return head;
  const fields = readFields(words.slice(TIMESTAMP_WORDS, end));
  if (isRejection(fields)) return fields;
  const facts = readFacts(fields, toNumber(words.slice(0, TIMESTAMP_WORDS)));
  if (isRejection(facts)) return facts;
  const signed = sha256(concatBytes(utf8ToBytes(prefix), toBytes(words.slice(0, end), true)));
  const payee = readPayee(first(fields, FIELD.n, KEY_WORDS), toBytes(words.slice(end)), signed);
  return isRejection(payee) ? payee : { ...head, ...facts, ...payee };
}

/** A Lightning node's public key, compressed, in hex. */
export function nodeKeyOf(secret_key: Uint8Array): string {
  return bytesToHex(secp256k1.getPublicKey(secret_key, true));
}

/** What an invoice is made of. Without an expiry it may be paid for an hour. */
export interface InvoiceDraft {
  readonly network: LightningNetwork;
  readonly amount_msats: Msats | null;
  readonly timestamp_s: number;
  readonly payment_hash: string;
  readonly payment_secret: string;
  readonly describes: { readonly description: string } | { readonly description_hash: string };
  readonly expiry_s?: number;
  readonly min_final_cltv_expiry?: number;
}

/**
 * Encodes an invoice and signs it with a node's key. It names its payee, so that altering it breaks the signature;
 * `named: false` leaves that out, as many nodes do. BOLT 11.
 */
export function encodeInvoice(draft: InvoiceDraft, node_key: Uint8Array, named = true): string {
  const { amount_msats, timestamp_s, describes, expiry_s, min_final_cltv_expiry } = draft;
  assert(timestamp_s >= 0 && timestamp_s < 2 ** 35, "an invoice's time has 35 bits");
  const prefix = `ln${PREFIXES[draft.network]}${amount_msats === null ? "" : writeAmount(amount_msats)}`;
  const hex = (value: string): Words => bech32.toWords(hexToBytes(value));
  const words = [
    ...fromNumber(timestamp_s, TIMESTAMP_WORDS),
    ...writeField(FIELD.s, hex(draft.payment_secret)),
    ...writeField(FIELD.p, hex(draft.payment_hash)),
    ...("description" in describes
      ? writeField(FIELD.d, bech32.toWords(utf8ToBytes(describes.description)))
      : writeField(FIELD.h, hex(describes.description_hash))),
    ...(expiry_s === undefined ? [] : writeField(FIELD.x, fromNumber(expiry_s))),
    ...(min_final_cltv_expiry === undefined ? [] : writeField(FIELD.c, fromNumber(min_final_cltv_expiry))),
    ...(named ? writeField(FIELD.n, bech32.toWords(secp256k1.getPublicKey(node_key, true))) : []),
    // var_onion_optin and payment_secret, both required.
    ...writeField(FIELD.features, [16, 8, 0]),
  ];
  const signed = sha256(concatBytes(utf8ToBytes(prefix), toBytes(words, true)));
  const signature = secp256k1.sign(signed, node_key, { prehash: false, format: "recovered" });
  const compact = concatBytes(signature.subarray(1), signature.subarray(0, 1));
  return bech32.encode(prefix, [...words, ...bech32.toWords(compact)], false);
}

function readPrefix(prefix: string): Pick<Invoice, "network" | "amount_msats"> | Rejection {
  const [, letters, amount = ""] = /^ln(bcrt|bc|tbs|tb)(.*)$/.exec(prefix) ?? [];
  const network = LIGHTNING_NETWORKS.find((name) => PREFIXES[name] === letters);
  if (network === undefined) {
    return reject(
      "invoice_network_unknown",
      "the invoice is for no network that is known: it must start with lnbc, lntb, lntbs or lnbcrt",
    );
  }
  const amount_msats = amount === "" ? null : readAmount(amount);
  return isRejection(amount_msats) ? amount_msats : { network, amount_msats };
}

function readAmount(text: string): Msats | Rejection {
  const [, digits, letter] = /^([1-9]\d{0,17})([munp]?)$/.exec(text) ?? [];
  const invalid = (why: string): Rejection =>
    reject("invoice_amount_invalid", `the invoice's amount is invalid: ${why}`);
  if (digits === undefined) return invalid("it is not a positive whole number with at most one of m, u, n, p");
  if (letter === "p" && !digits.endsWith("0")) return invalid("it is not whole millisatoshis");
  const unit = MULTIPLIERS.find(([name]) => name === letter)?.[1];
  const amount = unit === undefined ? BigInt(digits) / 10n : BigInt(digits) * BigInt(unit);
  return amount > BigInt(Number.MAX_SAFE_INTEGER) ? invalid("it is more than can exist") : msats(Number(amount));
}

/** The shortest way to write an amount. */
function writeAmount(amount: Msats): string {
  assert(amount > 0, "an invoice asks for more than nothing, or for any amount");
  const [letter, unit] = MULTIPLIERS.find(([, size]) => amount % size === 0) ?? [];
  return unit === undefined ? `${BigInt(amount) * 10n}p` : `${amount / unit}${letter}`;
}

function readFields(words: Words): Fields | Rejection {
  const fields = new Map<number, Words[]>();
  for (let at = 0; at < words.length; ) {
    const [type = 0, high = 0, low] = words.slice(at, at + 3);
    if (low === undefined) return malformed("its last field is cut off");
    const start = at + 3;
    at = start + high * 32 + low;
    if (at > words.length) return malformed("its last field is cut off");
    const same = fields.get(type);
    if (same === undefined) fields.set(type, [words.slice(start, at)]);
    else same.push(words.slice(start, at));
  }
  return fields;
}

type Facts = Omit<Invoice, "network" | "amount_msats" | "payee" | "payee_named">;

function readFacts(fields: Fields, timestamp_s: number): Facts | Rejection {
  const payment_hash = first(fields, FIELD.p, HASH_WORDS);
  const payment_secret = first(fields, FIELD.s, HASH_WORDS);
  const hash = first(fields, FIELD.h, HASH_WORDS);
  const text = first(fields, FIELD.d);
  if (payment_hash === undefined || payment_secret === undefined) {
    return reject("invoice_field_missing", "the invoice has no payment hash or no payment secret");
  }
  if (hash === undefined && text === undefined) {
    return reject("invoice_field_missing", "the invoice has neither a description nor the hash of one");
  }
  if (hash !== undefined && text !== undefined) return invalidField("it has both a description and the hash of one");
  const description = text === undefined ? null : readText(toBytes(text));
  if (isRejection(description)) return description;
  const expiry_s = readNumber(first(fields, FIELD.x), DEFAULT_EXPIRY_S);
  if (isRejection(expiry_s)) return expiry_s;
  const min_final_cltv_expiry = readNumber(first(fields, FIELD.c), DEFAULT_CLTV_EXPIRY);
  if (isRejection(min_final_cltv_expiry)) return min_final_cltv_expiry;
  const features = readFeatures(first(fields, FIELD.features) ?? []);
  if (isRejection(features)) return features;
  const routes = readRoutes(fields.get(FIELD.r) ?? []);
  if (isRejection(routes)) return routes;
  const metadata = first(fields, FIELD.m);
  return {
    timestamp_s,
    expires_at_s: timestamp_s + expiry_s,
    payment_hash: toHex(payment_hash),
    payment_secret: toHex(payment_secret),
    description,
    description_hash: hash === undefined ? null : toHex(hash),
    min_final_cltv_expiry,
    features,
    metadata: metadata === undefined ? null : toHex(metadata),
    fallbacks: readFallbacks(fields.get(FIELD.f) ?? []),
    routes,
  };
}

/** The named payee must have signed, with a low S; an unnamed one is whoever did. */
function readPayee(
  named: Words | undefined,
  signature: Uint8Array,
  signed: Uint8Array,
): Pick<Invoice, "payee" | "payee_named"> | Rejection {
  const [compact, recovery] = [signature.subarray(0, 64), signature.subarray(64)];
  const refused = reject("invoice_signature_invalid", "the invoice's signature is not valid");
  try {
    if (named === undefined) {
      const key = secp256k1.recoverPublicKey(concatBytes(recovery, compact), signed, { prehash: false });
      return { payee: bytesToHex(key), payee_named: false };
    }
    const key = toBytes(named);
    const valid = secp256k1.verify(compact, signed, key, { prehash: false, lowS: true });
    return valid ? { payee: bytesToHex(key), payee_named: true } : refused;
  } catch {
    return refused; // no point of the curve, or a recovery id above 3
  }
}

function readText(bytes: Uint8Array): string | Rejection {
  const text = utf8.encode(bytes);
  return bytesToHex(utf8ToBytes(text)) === bytesToHex(bytes) ? text : invalidField("its description is not UTF-8");
}

/** A number in as few words as it needs. */
function readNumber(words: Words | undefined, fallback: number): number | Rejection {
  if (words === undefined) return fallback;
  if (words[0] === 0 || words.length > NUMBER_WORDS)
    return invalidField("a number in it is not written in its shortest form");
  return toNumber(words);
}

function readFeatures(words: Words): readonly number[] | Rejection {
  if (words[0] === 0) return invalidField("its features are not written in their shortest form");
  const bits = words.flatMap((word, index) =>
    [4, 3, 2, 1, 0].filter((bit) => ((word >> bit) & 1) === 1).map((bit) => (words.length - 1 - index) * 5 + bit),
  );
  const unknown = bits.find((bit) => bit % 2 === 0 && !KNOWN_FEATURES.has(bit));
  if (unknown === undefined) return bits.reverse();
  return reject("invoice_feature_unknown", `the invoice requires feature ${unknown}, which is not known`);
}

/** On-chain addresses: a witness version and program, or 17 and 18 for the hash of a key and of a script. */
function readFallbacks(all: readonly Words[]): Invoice["fallbacks"] {
  return all.flatMap(([version, ...program]) =>
    version === undefined || version > 18 ? [] : [{ version, program: toHex(program) }],
  );
}

function readRoutes(all: readonly Words[]): readonly (readonly RouteHop[])[] | Rejection {
  const routes: RouteHop[][] = [];
  for (const words of all) {
    const bytes = toBytes(words);
    if (bytes.length === 0 || bytes.length % HOP_BYTES !== 0) return invalidField("a route in it is cut off");
    const hops: RouteHop[] = [];
    for (let at = 0; at < bytes.length; at += HOP_BYTES) {
      const number = (start: number, end: number): number =>
        bytes.subarray(at + start, at + end).reduce((value, byte) => value * 256 + byte, 0);
      hops.push({
        node: bytesToHex(bytes.subarray(at, at + 33)),
        short_channel_id: `${number(33, 36)}x${number(36, 39)}x${number(39, 41)}`,
        fee_base_msats: number(41, 45),
        fee_proportional_millionths: number(45, 49),
        cltv_expiry_delta: number(49, 51),
      });
    }
    routes.push(hops);
  }
  return routes;
}

/** The first field of a type, of exactly so many words where its length is fixed. */
function first(fields: Fields, type: number, length?: number): Words | undefined {
  return fields.get(type)?.find((words) => length === undefined || words.length === length);
}

function writeField(type: number, words: Words): Words {
  assert(words.length < 1024, "a field of an invoice has at most 1,023 words of five bits");
  return [type, words.length >> 5, words.length & 31, ...words];
}

/** The whole bytes in words of five bits; with `pad`, the last bits too, filled with zeros. */
function toBytes(words: Words, pad = false): Uint8Array {
  const bytes: number[] = [];
  let [value, bits] = [0, 0];
  for (const word of words) {
    value = ((value << 5) | word) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  if (pad && bits > 0) bytes.push((value << (8 - bits)) & 0xff);
  return Uint8Array.from(bytes);
}

function toHex(words: Words): string {
  return bytesToHex(toBytes(words));
}

function toNumber(words: Words): number {
  return words.reduce((value, word) => value * 32 + word, 0);
}

function fromNumber(value: number, length = 0): Words {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} is not a whole number`);
  const words: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 32)) words.unshift(rest % 32);
  return [...Array.from({ length: Math.max(0, length - words.length) }, () => 0), ...words];
}

function malformed(why: string): Rejection {
  return reject("invoice_malformed", `this is not a Lightning invoice: ${why}`);
}

function invalidField(why: string): Rejection {
  return reject("invoice_field_invalid", `the invoice is not valid: ${why}`);
}
