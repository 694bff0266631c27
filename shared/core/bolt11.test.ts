import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { bech32, bech32m, createBase58check } from "@scure/base";
import fc from "fast-check";
import { decodeInvoice, encodeInvoice, type Invoice, type InvoiceDraft } from "./bolt11.ts";
import { sha256Hex } from "./hash.ts";
import { LIMITS } from "./limits.ts";
import { type Msats, msats } from "./money.ts";
import { isRejection, type Rejection } from "./refusal.ts";

interface Vectors {
  readonly signing_key: string;
  readonly valid: readonly {
    readonly name: string;
    readonly invoice: string;
    readonly facts: Partial<Omit<Invoice, "payee">> & {
      readonly payee: string | null;
      readonly described_text?: string;
      readonly fallback_address?: string;
    };
  }[];
  readonly invalid: readonly { readonly name: string; readonly invoice: string; readonly code: string }[];
}
const file = join(import.meta.dirname, "..", "..", "test", "vectors", "bolt11", "specification.json");
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const KEY = hexToBytes(vectors.signing_key);
const NODE = bytesToHex(secp256k1.getPublicKey(KEY, true));
const DRAFT: InvoiceDraft = {
  network: "regtest",
  amount_msats: msats(21_000),
  timestamp_s: 1_766_000_000,
  payment_hash: "aa".repeat(32),
  payment_secret: "bb".repeat(32),
  describes: { description: "a run" },
};

const code = (result: Invoice | Rejection): string => (isRejection(result) ? result.code : "accepted");
function accepted(text: string): Invoice {
  const invoice = decodeInvoice(text);
  assert.ok(!isRejection(invoice), isRejection(invoice) ? invoice.message : "");
  return invoice;
}
function address(network: string, fallback: Invoice["fallbacks"][number] | undefined): string {
  assert.ok(fallback !== undefined);
  const { version, program } = fallback;
  const base58 = (prefix: number) => createBase58check(sha256).encode(Uint8Array.of(prefix, ...hexToBytes(program)));
  if (version === 17) return base58(network === "bitcoin" ? 0x00 : 0x6f);
  if (version === 18) return base58(network === "bitcoin" ? 0x05 : 0xc4);
  const { encode, toWords } = version === 0 ? bech32 : bech32m;
  return encode(network === "bitcoin" ? "bc" : "tb", [version, ...toWords(hexToBytes(program))]);
}

/** An invoice of any words, properly signed: what a careless or hostile node could send. */
function handmade(fields: readonly (readonly [number, readonly number[]])[], prefix = "lnbcrt210n", key = KEY): string {
  const words = [
    ...[0, 0, 0, 0, 0, 0, 1],
    ...fields.flatMap(([type, data]) => [type, data.length >> 5, data.length & 31, ...data]),
  ];
  const padded = [...words, ...Array.from({ length: (8 - (words.length % 8)) % 8 }, () => 0)];
  const whole = bech32.fromWords(padded).slice(0, Math.ceil((words.length * 5) / 8));
  const digest = sha256(concatBytes(utf8ToBytes(prefix), whole));
  const signature = secp256k1.sign(digest, key, { prehash: false, format: "recovered" });
  const compact = concatBytes(signature.subarray(1), signature.subarray(0, 1));
  return bech32.encode(prefix, [...words, ...bech32.toWords(compact)], false);
}
const hash32 = (byte: number) => bech32.toWords(new Uint8Array(32).fill(byte));
const P = [1, hash32(1)] as const;
const S = [16, hash32(2)] as const;
const D = [13, bech32.toWords(utf8ToBytes("a run"))] as const;

for (const { name, invoice, facts } of vectors.valid) {
  test(`the specification's invoice is read: ${name}`, () => {
    const read = accepted(invoice);
    const { described_text, fallback_address, payee, ...stated } = facts;
    for (const [field, value] of Object.entries(stated)) assert.deepEqual(read[field as keyof Invoice], value, field);
    if (payee !== null) assert.equal(read.payee, payee);
    if (described_text !== undefined) assert.equal(read.description_hash, sha256Hex(described_text));
    if (fallback_address === undefined) assert.deepEqual(read.fallbacks, []);
    else assert.equal(address(read.network, read.fallbacks[0]), fallback_address);
    assert.equal(read.routes.length, facts.routes?.length ?? 0);
  });
}

for (const { name, invoice, code: expected } of vectors.invalid) {
  test(`the specification's invalid invoice is refused: ${name}`, () => {
    assert.equal(code(decodeInvoice(invoice)), expected);
  });
}

test("invoices of the specification come out of the encoder bit by bit", () => {
  const base = { network: "bitcoin", payment_hash: "00".repeat(32), payment_secret: "11".repeat(32) } as const;
  let same = 0;
  for (const { invoice, facts } of vectors.valid) {
    const { description, described_text, amount_msats = null, timestamp_s = 0, payment_hash = "" } = facts;
    const plain = facts.fallback_address === undefined && facts.routes === undefined && facts.metadata === null;
    if (!plain || facts.payee !== NODE || facts.features?.includes(99) === true) continue;
    const describes =
      typeof description === "string" ? { description } : { description_hash: sha256Hex(described_text ?? "") };
    const lasts_s = (facts.expires_at_s ?? 0) - timestamp_s;
    const draft = { ...base, amount_msats, timestamp_s, payment_hash, describes };
    assert.equal(encodeInvoice(lasts_s === 3_600 ? draft : { ...draft, expiry_s: lasts_s }, KEY, false), invoice);
    same += 1;
  }
  assert.equal(same, 4);
});

test("what is encoded is decoded, on every network, for every amount and text", () => {
  const drafts = fc.record({
    network: fc.constantFrom("bitcoin", "testnet", "signet", "regtest"),
    amount_msats: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) as fc.Arbitrary<Msats>),
    timestamp_s: fc.integer({ min: 0, max: 2 ** 35 - 1 }),
    payment_hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes)),
    payment_secret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes)),
    describes: fc.oneof(
      fc.record({ description: fc.string({ unit: "grapheme", maxLength: 100 }) }),
      fc.record({ description_hash: fc.constant("cd".repeat(32)) }),
    ),
    expiry_s: fc.integer({ min: 0, max: 31_536_000 }),
    min_final_cltv_expiry: fc.integer({ min: 0, max: 2_016 }),
  });
  fc.assert(
    fc.property(drafts, fc.boolean(), (draft, named) => {
      const { expiry_s, describes, ...same } = draft;
      const read = accepted(encodeInvoice(draft, KEY, named));
      for (const [field, value] of Object.entries(same)) assert.deepEqual(read[field as keyof Invoice], value);
      assert.equal(read.expires_at_s, draft.timestamp_s + expiry_s);
      assert.deepEqual([read.payee, read.payee_named], [NODE, named]);
      for (const [field, value] of Object.entries(describes)) assert.equal(read[field as keyof Invoice], value);
    }),
    { numRuns: 60 },
  );
});

test("an amount is written with the largest multiplier", () => {
  const prefix = (amount: number) => encodeInvoice({ ...DRAFT, amount_msats: msats(amount) }, KEY).split("1p")[0];
  assert.equal(prefix(1), "lnbcrt10p");
  assert.equal(prefix(100), "lnbcrt1n");
  assert.equal(prefix(250_000_000), "lnbcrt2500u");
  assert.equal(prefix(2_000_000_000), "lnbcrt20m");
  assert.equal(prefix(300_000_000_000), "lnbcrt3");
});

test("an altered invoice that named its payee is refused, or no longer names that payee", () => {
  const text = encodeInvoice(DRAFT, KEY);
  const intact = accepted(text);
  const { prefix, words } = bech32.decode(text as `${string}1${string}`, false);
  let refused = 0;
  for (let at = 0; at < words.length; at += 1) {
    const altered = [...words];
    altered[at] = (altered[at] ?? 0) ^ 1;
    const result = decodeInvoice(bech32.encode(prefix, altered, false));
    if (isRejection(result)) refused += 1;
    // What is left: the recovery id, which a named payee makes idle, and the field that names it.
    else if (result.payee_named) assert.deepEqual(result, intact, `word ${at}`);
    else assert.notEqual(result.payee, NODE, `word ${at}`);
  }
  assert.ok(refused > words.length - 8, `${refused} of ${words.length}`);
  for (const other of ["lnbc210n", "lnbcrt220n", "lntb210n"]) {
    assert.equal(code(decodeInvoice(bech32.encode(other, words, false))), "invoice_signature_invalid");
  }
});

test("without a named payee an altered invoice names another payee, which is why ours name theirs", () => {
  const { prefix, words } = bech32.decode(encodeInvoice(DRAFT, KEY, false) as `${string}1${string}`, false);
  const altered = decodeInvoice(bech32.encode(prefix.replace("210n", "220n"), words, false));
  if (!isRejection(altered)) assert.notEqual(altered.payee, NODE);
});

test("an invoice signed by another than the payee it names is refused", () => {
  const other = new Uint8Array(32).fill(7);
  const named = [19, bech32.toWords(secp256k1.getPublicKey(other, true))] as const;
  assert.equal(code(decodeInvoice(handmade([P, S, D, named]))), "invoice_signature_invalid");
  assert.equal(code(decodeInvoice(handmade([P, S, D, named], undefined, other))), "accepted");
  const noPoint = [19, bech32.toWords(new Uint8Array(33).fill(255))] as const;
  assert.equal(code(decodeInvoice(handmade([P, S, D, noPoint]))), "invoice_signature_invalid");
});

test("of several payment hashes, secrets and descriptions the first counts", () => {
  const other = bech32.toWords(utf8ToBytes("another"));
  const read = accepted(handmade([P, [1, hash32(9)], S, [16, hash32(9)], D, [13, other]]));
  assert.deepEqual(
    [read.payment_hash, read.payment_secret, read.description],
    ["01".repeat(32), "02".repeat(32), "a run"],
  );
});

test("fields of a fixed length that have another one do not stand for the field", () => {
  const short = hash32(9).slice(1);
  assert.equal(accepted(handmade([[1, short], P, S, D])).payment_hash, "01".repeat(32));
  assert.equal(code(decodeInvoice(handmade([[1, short], S, D]))), "invoice_field_missing");
  assert.equal(code(decodeInvoice(handmade([P, [16, short], D]))), "invoice_field_missing");
  assert.equal(code(decodeInvoice(handmade([P, S, [23, short]]))), "invoice_field_missing");
});

test("a description and the hash of one exclude each other", () => {
  assert.equal(code(decodeInvoice(handmade([P, S, D, [23, hash32(3)]]))), "invoice_field_invalid");
  assert.equal(code(decodeInvoice(handmade([P, S]))), "invoice_field_missing");
});

test("numbers and features in longer form than they need, and a description that is no UTF-8, are refused", () => {
  for (const type of [6, 24, 5]) {
    assert.equal(code(decodeInvoice(handmade([P, S, D, [type, [0, 8]]]))), "invoice_field_invalid", String(type));
  }
  assert.equal(code(decodeInvoice(handmade([P, S, D, [6, Array(11).fill(31)]]))), "invoice_field_invalid");
  const broken = bech32.toWords(Uint8Array.of(0x61, 0xff, 0xfe));
  assert.equal(code(decodeInvoice(handmade([P, S, [13, broken]]))), "invoice_field_invalid");
  assert.equal(code(decodeInvoice(handmade([P, S, D, [3, hash32(1)]]))), "invoice_field_invalid");
});

test("a required feature that is not known is refused and named, an optional one ignored", () => {
  // Six words are 30 bits: 16 in the first is bit 29, 8 is bit 28.
  assert.deepEqual(accepted(handmade([P, S, D, [5, [16, 0, 0, 0, 0, 0]]])).features, [29]);
  const refused = decodeInvoice(handmade([P, S, D, [5, [8, 0, 0, 0, 0, 0]]]));
  assert.ok(isRejection(refused));
  assert.equal(refused.code, "invoice_feature_unknown");
  assert.match(refused.message, /feature 28\b/);
});

test("unknown networks and amounts that are none are refused", () => {
  const withPrefix = (prefix: string) => code(decodeInvoice(handmade([P, S, D], prefix)));
  for (const prefix of ["lnxx", "ln", "lnsb", "bc", "lno"]) assert.equal(withPrefix(prefix), "invoice_network_unknown");
  for (const amount of ["0", "01", "1k", "m", "-1", "1.5", "15p", "1mm", "9".repeat(18), "9".repeat(30)]) {
    assert.equal(withPrefix(`lnbcrt${amount}`), "invoice_amount_invalid", amount);
  }
  assert.equal(withPrefix("lnbcrt"), "accepted");
});

test("no text, however broken, is read for long, thrown on or quoted back", () => {
  const secret = encodeInvoice(DRAFT, KEY);
  const check = (text: string) => {
    const result = decodeInvoice(text);
    if (isRejection(result) && text.length > 8) assert.ok(!result.message.includes(text.slice(0, 40)));
  };
  fc.assert(fc.property(fc.string({ maxLength: 300 }), check), { numRuns: 300 });
  fc.assert(
    fc.property(fc.nat(secret.length - 1), fc.constantFrom(..."qpzry9x8gf2tvdw0s3jn54khce6mua7lB1 "), (at, letter) =>
      check(secret.slice(0, at) + letter + secret.slice(at + 1)),
    ),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.array(fc.nat(31), { maxLength: 400 }), (words) => check(bech32.encode("lnbc1m", words, false))),
    { numRuns: 300 },
  );
  const long = `lnbc1${"q".repeat(LIMITS.invoice_chars)}`;
  assert.equal(code(decodeInvoice(long)), "too_large");
  const cut = [0, 0, 0, 0, 0, 0, 1, 1, 31, 31];
  assert.equal(code(decodeInvoice(bech32.encode("lnbc", [...cut, ...Array(104).fill(0)], false))), "invoice_malformed");
});
