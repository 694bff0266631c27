import assert from "node:assert/strict";
import { test } from "node:test";
import { bech32 } from "@scure/base";
import fc from "fast-check";
import {
  BUYER,
  COORDINATOR,
  replacing,
  type SaleChange,
  SOLD_AT,
  STRANGER,
  sell,
  sign,
} from "../../test/fakes/receipts.ts";
import { AUTHOR, key, manifestBy, publish } from "../../test/fakes/signed-upgrade.ts";
import { sha256Hex } from "../core/hash.ts";
import { msats } from "../core/money.ts";
import { REASONS } from "../core/reasons.ts";
import { isRejection } from "../core/refusal.ts";
import type { ReceiptBundle } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { checkProof, toEvent as proofEvent } from "../nostr/24054-receipt-proof.ts";
import { KINDS } from "../nostr/kinds.ts";
import { pureSchnorr } from "../nostr/schnorr.ts";
import { publicKeyOf } from "../nostr/template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "../nostr/verify.ts";
import { type Knowledge, RECEIPT_CHECKS, refuseClaim, UNCLAIMED, verifyReceipt } from "./verify.ts";

const OFFLINE: Knowledge = { now_s: SOLD_AT + 60, networks: ["regtest"], withdrawals: null, holder: null };
const verify = (bundle: ReceiptBundle, knowledge: Partial<Knowledge> = {}) => {
  const report = verifyReceipt(bundle, { ...OFFLINE, ...knowledge }, pureSchnorr);
  assert.ok(validators.isReceiptReport(report));
  return report;
};
const failed = (bundle: ReceiptBundle, knowledge: Partial<Knowledge> = {}) =>
  verify(bundle, knowledge).checks.flatMap(({ code, ok }) => (ok === false ? [code] : []));
const failedSale = (change: SaleChange, knowledge: Partial<Knowledge> = {}) => failed(sell(change).bundle, knowledge);
const verified = (event: NostrEvent): VerifiedEvent => {
  const result = verifyEvent(event, pureSchnorr);
  assert.ok(!isRejection(result));
  return result;
};
const heldBy = ({ receipt }: ReceiptBundle) => ({
  receipt_event_id: receipt.id,
  receipt_address_sha256: sha256Hex(`30053:${receipt.pubkey}:${receipt.tags[0]?.[1]}`),
});

test("offline a whole receipt is unproven in two points: withdrawal and claim", () => {
  for (const change of [{}, { seller: COORDINATOR }, { as_text: true }, { receipt: { expires_at: null } }]) {
    const report = verify(sell(change).bundle);
    assert.equal(report.verdict, "unproven", JSON.stringify(report.checks));
    assert.deepEqual(
      report.checks.filter(({ ok }) => ok !== true).map(({ code, ok }) => [code, ok]),
      [
        ["receipt_withdrawal", null],
        ["receipt_claim", null],
      ],
    );
  }
});

test("it is valid where nothing takes it back and it holds its payment", () => {
  const { bundle } = sell();
  assert.equal(verify(bundle, { withdrawals: [], holder: heldBy(bundle) }).verdict, "valid");
  assert.equal(verify(bundle, { withdrawals: [], holder: UNCLAIMED }).verdict, "unproven");
  assert.equal(verify(bundle, { withdrawals: null, holder: heldBy(bundle) }).verdict, "unproven");
});

test("every check has a code of its own that programs and people can rely on", () => {
  const codes = RECEIPT_CHECKS.map(({ code }) => code);
  assert.equal(new Set(codes).size, codes.length);
  for (const code of codes) assert.ok(code in REASONS);
  assert.deepEqual(
    verify(sell().bundle).checks.map(({ code }) => code),
    codes,
  );
});

test("a receipt signed by anyone but the author or the named coordinator proves nothing", () => {
  assert.deepEqual(failedSale({ seller: STRANGER }), ["receipt_signer"]);
  assert.deepEqual(failedSale({ seller: BUYER }), ["receipt_signer"]);
  const { pricing: _, ...unsold } = manifestBy(AUTHOR, { id: "linter-pro" });
  assert.deepEqual(failedSale({ of: publish(unsold), seller: COORDINATOR }), ["receipt_signer"]);
});

test("what is altered after it was signed fails by its signature, and the rest is still told", () => {
  const { bundle } = sell();
  const altered = {
    ...bundle.receipt,
    tags: bundle.receipt.tags.map((tag) => (tag[0] === "amount" ? ["amount", "1"] : tag)),
  };
  assert.deepEqual(failed({ ...bundle, receipt: altered }), ["receipt_signature"]);
  assert.deepEqual(failed({ ...bundle, receipt: altered, preimage: "00".repeat(32) }), [
    "receipt_signature",
    "receipt_preimage",
  ]);
  const manifest = { ...bundle.manifest, content: bundle.manifest.content.replace("2100", "1") };
  assert.deepEqual(failed({ ...bundle, manifest }), ["receipt_manifest"]);
  const { prefix, words } = bech32.decode(bundle.invoice as `${string}1${string}`, false);
  const invoice = bech32.encode(prefix.replace("21u", "1u"), words, false);
  assert.notEqual(invoice, bundle.invoice);
  assert.deepEqual(failed({ ...bundle, invoice }), ["receipt_invoice"]);
});

test("a receipt of another listing, or of another version of it, is told so", () => {
  const { bundle } = sell();
  const other = publish(manifestBy(AUTHOR, { id: "other" }));
  assert.deepEqual(failed({ ...bundle, manifest: sell({ of: other }).bundle.manifest }), [
    "receipt_manifest",
    "receipt_listing",
  ]);
  const next = publish(manifestBy(AUTHOR, { id: "linter-pro", version: "9.0.0" }));
  assert.deepEqual(failed({ ...bundle, manifest: sell({ of: next }).bundle.manifest }), ["receipt_manifest"]);
  const thief = publish(manifestBy(STRANGER, { id: "linter-pro" }), STRANGER);
  assert.ok(failed({ ...bundle, manifest: sell({ of: thief }).bundle.manifest }).includes("receipt_signer"));
});

test("an offer that says anything else than the receipt is refused", () => {
  assert.deepEqual(failedSale({ receipt: { offer_sha256: "ab".repeat(32) } }), ["receipt_offer"]);
  assert.deepEqual(failedSale({ offer: { seller: publicKeyOf(STRANGER) } }), ["receipt_offer"]);
  assert.deepEqual(failedSale({ offer: { buyer: publicKeyOf(STRANGER) }, receipt: { buyer: publicKeyOf(BUYER) } }), [
    "receipt_buyer",
  ]);
  const release = (event: { readonly tags: readonly (readonly string[])[] }) =>
    event.tags.map((tag) => (tag[0] === "e" ? ["e", "cd".repeat(32)] : tag));
  assert.deepEqual(failedSale({ edit: (event) => ({ ...event, tags: release(event) }) }), ["receipt_offer"]);
});

test("an invoice for another offer, or for none, is no proof", () => {
  const one = sell();
  const hash = { describes: { description_hash: one.draft.offer_sha256 } };
  assert.deepEqual(failedSale({ invoice: hash }), ["receipt_commitment"]);
  for (const description of ["a licence", `oa1:${"g".repeat(64)}`, `oa2:${one.draft.offer_sha256}`, ""]) {
    assert.deepEqual(failedSale({ invoice: { describes: { description } } }), ["receipt_commitment"], description);
  }
});

test("another buyer's payment proves nothing, even with the invoice and its preimage in hand", () => {
  const paid = sell();
  const stolen = sell({ buyer: STRANGER, preimage: paid.bundle.preimage });
  assert.deepEqual(failed({ ...stolen.bundle, invoice: paid.bundle.invoice }), ["receipt_commitment"]);
  assert.deepEqual(failed(paid.bundle, { buyer: publicKeyOf(STRANGER) }), ["receipt_buyer"]);
});

test("a payment to another node than the offer pins is no payment", () => {
  const { node_pubkey } = sell({ node: STRANGER }).offer;
  assert.deepEqual(failedSale({ offer: { node_pubkey } }), ["receipt_payee"]);
});

test("receipt, offer and invoice name one amount", () => {
  assert.deepEqual(failedSale({ invoice: { amount_msats: msats(1_000) } }), ["receipt_amount"]);
  assert.deepEqual(failedSale({ invoice: { amount_msats: null } }), ["receipt_amount"]);
  assert.deepEqual(failedSale({ receipt: { amount_msats: msats(2_100) } }), ["receipt_amount"]);
});

test("the preimage and the payment hash belong together", () => {
  const { bundle } = sell();
  assert.deepEqual(failed({ ...bundle, preimage: "11".repeat(32) }), ["receipt_preimage"]);
  assert.deepEqual(failedSale({ receipt: { payment_hash: "11".repeat(32) } }), ["receipt_payment_hash"]);
});

test("networks are never mistaken for each other", () => {
  const main = sell({ offer: { network: "bitcoin" } }).bundle;
  assert.deepEqual(failed(main, { networks: ["bitcoin"] }), []);
  assert.deepEqual(failed(main), ["receipt_network"]);
  assert.deepEqual(failed(sell().bundle, { networks: ["bitcoin"] }), ["receipt_network"]);
  assert.deepEqual(failed(sell().bundle, { networks: [] }), ["receipt_network"]);
  const mixed = { offer: { network: "bitcoin" as const }, invoice: { network: "regtest" as const } };
  assert.deepEqual(failedSale(mixed, { networks: ["bitcoin", "regtest"] }), ["receipt_network"]);
});

test("a licence ends, a receipt does not come from the future, and an offer's invoice is made in time", () => {
  assert.deepEqual(failedSale({}, { now_s: SOLD_AT + 31 * 86_400 }), ["receipt_expiry"]);
  assert.deepEqual(failedSale({ receipt: { expires_at: OFFLINE.now_s } }), ["receipt_expiry"]);
  assert.deepEqual(failedSale({ created_at: OFFLINE.now_s + 1_000 }), ["receipt_time"]);
  assert.deepEqual(failedSale({ created_at: OFFLINE.now_s + 600 }), []);
  assert.deepEqual(failedSale({ offer: { expires_at: SOLD_AT - 60 } }), ["receipt_time"]);
});

test("what is no receipt of ours is told apart from one with a bad signature", () => {
  const retagged = (name: string, ...tags: string[][]): SaleChange => ({
    edit: (event) => ({ ...event, tags: [...event.tags.filter((tag) => tag[0] !== name), ...tags] }),
  });
  for (const name of ["L", "l", "d", "a", "e", "x", "p", "payment_hash", "amount", "offer", "status", "version"]) {
    assert.ok(failedSale(retagged(name)).includes("receipt_form"), name);
  }
  const buyers = [
    ["p", publicKeyOf(BUYER), "", "buyer"],
    ["p", publicKeyOf(STRANGER), "", "buyer"],
    ["p", publicKeyOf(AUTHOR), "", "author"],
  ];
  assert.deepEqual(failedSale(retagged("p", ...buyers)), ["receipt_form"]);
  assert.deepEqual(failedSale(retagged("amount", ["amount", "2100000"], ["amount", "1"])), ["receipt_form"]);
  for (const amount of ["0", "-1", "1.5", "1e3", "9".repeat(17)]) {
    assert.deepEqual(failedSale(retagged("amount", ["amount", amount])), ["receipt_form"], amount);
  }
  assert.deepEqual(failedSale(retagged("expires_at", ["expires_at", "soon"])), ["receipt_form"]);
  assert.deepEqual(failedSale(retagged("status", ["status", "fine"])), ["receipt_form"]);
  assert.deepEqual(failedSale({ edit: (event) => ({ ...event, content: "{}" }) }), ["receipt_form"]);
  assert.deepEqual(failedSale({ edit: (event) => ({ ...event, kind: 1 }) }), ["receipt_form"]);
});

test("what its seller publishes later takes a receipt back, even offline where the receipt itself says so", () => {
  const sale = sell();
  const { receipt } = sale.bundle;
  const withdrawn = (...events: NostrEvent[]) => failed(sale.bundle, { withdrawals: events.map(verified) });
  assert.deepEqual(withdrawn(replacing(sale, { status: "revoked" })), ["receipt_withdrawal"]);
  assert.deepEqual(withdrawn(replacing(sale, { status: "refunded" })), ["receipt_withdrawal"]);
  assert.deepEqual(withdrawn(replacing(sale, { expires_at: SOLD_AT + 1 })), ["receipt_withdrawal"]);
  assert.deepEqual(failedSale({ receipt: { status: "revoked" } }), ["receipt_withdrawal"]);
  const unreadable = { kind: KINDS.receipt.kind, created_at: SOLD_AT + 9, tags: [receipt.tags[0] ?? []], content: "" };
  assert.deepEqual(withdrawn(sign(unreadable, AUTHOR)), ["receipt_withdrawal"]);
  const deletion = (tags: string[][], later_s = 1) =>
    sign({ kind: KINDS.deletion.kind, created_at: SOLD_AT + later_s, tags, content: "" }, AUTHOR);
  const address = `30053:${receipt.pubkey}:${receipt.tags[0]?.[1]}`;
  assert.deepEqual(withdrawn(deletion([["e", receipt.id]])), ["receipt_withdrawal"]);
  assert.deepEqual(withdrawn(deletion([["a", address]])), ["receipt_withdrawal"]);
  assert.deepEqual(withdrawn(deletion([["a", address]], -1)), []);
});

test("nobody else takes a receipt back, except the author one that the coordinator gave", () => {
  const own = sell();
  const by = (seller: Uint8Array, sale = own) => verified(replacing({ ...sale, seller }, { status: "revoked" }));
  assert.deepEqual(failed(own.bundle, { withdrawals: [by(STRANGER), by(COORDINATOR), by(BUYER)] }), []);
  const deletion = {
    kind: KINDS.deletion.kind,
    created_at: SOLD_AT + 1,
    tags: [["e", own.bundle.receipt.id]],
    content: "",
  };
  assert.deepEqual(failed(own.bundle, { withdrawals: [verified(sign(deletion, STRANGER))] }), []);
  const coordinated = sell({ seller: COORDINATOR });
  assert.deepEqual(failed(coordinated.bundle, { withdrawals: [by(AUTHOR, coordinated)] }), ["receipt_withdrawal"]);
  const other = sell();
  assert.deepEqual(failed(own.bundle, { withdrawals: [by(AUTHOR, other), verified(own.bundle.receipt)] }), []);
  const earlier = verified(replacing(own, { status: "revoked" }, -5));
  assert.deepEqual(failed(own.bundle, { withdrawals: [earlier] }), []);
});

test("a payment that another receipt has claimed is used up", () => {
  const { bundle } = sell();
  assert.deepEqual(failed(bundle, { holder: heldBy(sell({ buyer: STRANGER }).bundle) }), ["receipt_claim"]);
  const earlier = { ...heldBy(bundle), receipt_event_id: "ef".repeat(32) };
  assert.equal(verify(bundle, { withdrawals: [], holder: earlier }).verdict, "unproven");
});

test("with an edge's proof a receipt is valid offline, for that receipt alone and until the proof ends", () => {
  const { bundle } = sell();
  const EDGE = key(6);
  const draft = {
    receipt_event_id: bundle.receipt.id,
    payment_hash: sha256Hex(Buffer.from(bundle.preimage, "hex")),
    checked_at: SOLD_AT + 10,
    expires_at: SOLD_AT + 1_000,
  };
  const read = (raw: unknown, edges = [publicKeyOf(EDGE)], now_s = OFFLINE.now_s) =>
    checkProof(raw, { edges, now_s }, pureSchnorr);
  const event = sign(proofEvent(draft), EDGE);
  assert.ok(validators.isReceiptProofEvent(event));
  const proof = read(event);
  assert.ok(!isRejection(proof));
  assert.equal(verify(bundle, { proof }).verdict, "valid");
  assert.equal(verify(sell().bundle, { proof }).verdict, "unproven");
  assert.deepEqual(failedSale({ receipt: { status: "revoked" } }, { proof }), ["receipt_withdrawal"]);
  assert.equal(verify(bundle, { proof, holder: UNCLAIMED, withdrawals: [] }).verdict, "unproven");

  const code = (result: unknown) => (isRejection(result) ? result.code : "accepted");
  assert.equal(code(read(event, [publicKeyOf(STRANGER)])), "proof_invalid");
  assert.equal(code(read(event, [])), "proof_invalid");
  assert.equal(code(read({ ...event, created_at: event.created_at + 1 })), "proof_invalid");
  assert.equal(code(read(sign({ ...proofEvent(draft), kind: 1 }, EDGE))), "proof_invalid");
  assert.equal(code(read(event, undefined, SOLD_AT + 1_000)), "proof_expired");
});

test("a claim needs every check but the claim itself, and says all that fail", () => {
  const { bundle } = sell();
  assert.equal(refuseClaim(verify(bundle, { withdrawals: [] })), null);
  const unknown = refuseClaim(verify(bundle));
  assert.equal(unknown?.code, "receipt_withdrawal");
  const broken = refuseClaim(verify({ ...bundle, preimage: "22".repeat(32) }, { withdrawals: [], networks: [] }));
  assert.equal(broken?.code, "receipt_network");
  const told = broken.details?.checks as readonly { readonly code: string }[];
  assert.deepEqual(
    told.map((check) => check.code),
    ["receipt_network", "receipt_preimage"],
  );
});

test("whatever single letter of a bundle is changed, it is invalid", () => {
  const { bundle } = sell({ seller: COORDINATOR });
  const { receipt, manifest, invoice, preimage } = bundle;
  type Place = readonly [string, (change: (text: string) => string) => unknown];
  const places: readonly Place[] = [
    ...(["id", "pubkey", "sig", "content"] as const).flatMap((field): readonly Place[] => [
      [receipt[field], (change) => ({ ...bundle, receipt: { ...receipt, [field]: change(receipt[field]) } })],
      [manifest[field], (change) => ({ ...bundle, manifest: { ...manifest, [field]: change(manifest[field]) } })],
    ]),
    ...receipt.tags.map((tag, at): Place => {
      const edit = (change: (text: string) => string) => ({
        ...bundle,
        receipt: {
          ...receipt,
          tags: receipt.tags.map((t, index) => (index === at ? [t[0], change(t[1] ?? ""), ...t.slice(2)] : t)),
        },
      });
      return [tag[1] ?? "", edit];
    }),
    [invoice, (change) => ({ ...bundle, invoice: change(invoice) })],
    [preimage, (change) => ({ ...bundle, preimage: change(preimage) })],
  ];
  const anywhere = fc
    .constantFrom(...places)
    .chain((place) => fc.tuple(fc.constant(place), fc.nat(place[0].length - 1)));
  fc.assert(
    fc.property(anywhere, fc.constantFrom(...'0af1z9"\\'), ([[text, edit], at], letter) => {
      fc.pre(text[at] !== letter);
      const changed = edit((whole) => whole.slice(0, at) + letter + whole.slice(at + 1));
      if (validators.isReceiptBundle(changed)) assert.equal(verify(changed).verdict, "invalid");
    }),
    { numRuns: 150 },
  );
});

test("no message of a report repeats the invoice or the preimage", () => {
  const { bundle } = sell();
  const other = sell({ node: STRANGER });
  for (const wrong of [
    bundle,
    { ...bundle, preimage: other.bundle.preimage },
    { ...bundle, invoice: "lnbc1nonsense" },
  ]) {
    const text = JSON.stringify(verify(wrong));
    assert.ok(!text.includes(wrong.preimage) && !text.includes(wrong.invoice.slice(0, 60)));
  }
});
