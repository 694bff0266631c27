import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ReceiptBundle, ReceiptReport } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { checkProof } from "@oa/shared/nostr/24054-receipt-proof.ts";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { BUYER, replacing, type SaleChange, STRANGER, sell, sign } from "../fakes/receipts.ts";
import { AUTHOR, key, manifestBy, publish } from "../fakes/signed-upgrade.ts";
import { connect, NOW, openTestEdge, type TestEdge } from "./fixture.ts";

let host: TestEdge;
before(async () => {
  host = await openTestEdge();
});
after(() => host.close());

const sold = (change: SaleChange = {}) => sell({ created_at: NOW - 100, ...change });
const url = (path: string) => `${host.edge().url}/v1/receipts${path}`;
const now = () => Math.floor(Date.now() / 1000);

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & {
    readonly error?: { readonly code: string; readonly message: string; readonly details?: Record<string, unknown> };
  };
}
const read = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: (await response.json()) as Answer["body"],
});
const code = ({ status, body }: Answer) => (body.error === undefined ? `${status}` : `${status} ${body.error.code}`);
const post = async (path: string, body: string, headers: Record<string, string> = {}) =>
  read(await fetch(url(path), { method: "POST", body, headers }));
const authorize = (by: Uint8Array, body: string, change: { at?: number; path?: string; method?: string } = {}) => {
  const { at = now(), path = "/claim", method = "POST" } = change;
  return httpAuthHeader(sign(httpAuthTemplate({ url: url(path), method, body }, at, randomUUID()), by));
};
const claim = (bundle: ReceiptBundle, by = BUYER) => {
  const body = JSON.stringify(bundle);
  return post("/claim", body, { authorization: authorize(by, body) });
};
async function verifyAll(receipts: readonly ReceiptBundle[]) {
  const { status, body } = await post("/verify", JSON.stringify({ receipts }));
  assert.equal(status, 200, JSON.stringify(body));
  const answer: unknown = body;
  assert.ok(validators.isReceiptVerification(answer), JSON.stringify(body));
  return answer.results;
}
const failures = ({ checks }: ReceiptReport) => checks.flatMap(({ code: name, ok }) => (ok === false ? [name] : []));
const open = ({ checks }: ReceiptReport) => checks.flatMap(({ code: name, ok }) => (ok === null ? [name] : []));
async function verify(bundle: ReceiptBundle) {
  const [result] = await verifyAll([bundle]);
  assert.ok(result !== undefined);
  return result;
}
async function publishEvent(event: object): Promise<void> {
  const client = await connect(host.edge().relay_url);
  client.send(["EVENT", event]);
  assert.equal((await client.until("OK")).at(-1)?.[2], true);
  await client.close();
}
async function edgeKey(): Promise<string> {
  const response = await fetch(host.edge().url, { headers: { accept: "application/nostr+json" } });
  return String(((await response.json()) as { readonly self?: string }).self);
}

test("a receipt is unproven until its buyer claims the payment, then valid, with a proof for offline use", async () => {
  const { bundle, draft } = sold();
  const before = await verify(bundle);
  assert.deepEqual([before.report.verdict, open(before.report), before.proof], ["unproven", ["receipt_claim"], null]);
  assert.equal(code(await read(await fetch(url(`/${draft.payment_hash}`)))), "404 not_found");

  const claimed = await claim(bundle);
  const answer: unknown = claimed.body;
  assert.ok(validators.isReceiptClaimed(answer), JSON.stringify(claimed));
  assert.equal(answer.claim.receipt_event_id, bundle.receipt.id);
  const held = await read(await fetch(url(`/${draft.payment_hash}`)));
  assert.ok(validators.isReceiptClaim(held.body));
  assert.deepEqual(held.body, answer.claim);

  const after = await verify(bundle);
  assert.equal(after.report.verdict, "valid", JSON.stringify(after.report));
  const trusted = { edges: [await edgeKey()], now_s: now() };
  for (const proof of [answer.proof, after.proof]) {
    const checked = checkProof(proof, trusted, pureSchnorr);
    assert.ok(!isRejection(checked), JSON.stringify(checked));
    assert.equal(checked.receipt_event_id, bundle.receipt.id);
    assert.ok(checked.expires_at <= now() + LIMITS.receipt_proof_s);
  }
  const later = checkProof(after.proof, { ...trusted, now_s: now() + LIMITS.receipt_proof_s + 10 }, pureSchnorr);
  assert.ok(isRejection(later));
});

test("a claim is idempotent for its receipt, and its time stays the first one", async () => {
  const { bundle } = sold();
  const first = await claim(bundle);
  const again = await claim(bundle);
  assert.deepEqual([first.status, again.status], [200, 200]);
  assert.deepEqual(again.body.claim, first.body.claim);
});

test("a proof does not outlive the licence", async () => {
  const expires_at = now() + 3_600;
  const { body } = await claim(sold({ receipt: { expires_at } }).bundle);
  const proof = checkProof(body.proof, { edges: [await edgeKey()], now_s: now() }, pureSchnorr);
  assert.ok(!isRejection(proof));
  assert.equal(proof.expires_at, expires_at);
});

test("a batch is answered in order, each receipt by itself", async () => {
  const good = sold().bundle;
  const bad = { ...sold().bundle, preimage: "00".repeat(32) };
  const unreadable = { ...good, receipt: { ...good.receipt, sig: "0".repeat(128) } };
  const ended = sold({ receipt: { expires_at: NOW - 1 } }).bundle;
  await claim(good);
  const results = await verifyAll([bad, good, unreadable, ended, good]);
  assert.deepEqual(
    results.map(({ report }) => failures(report)),
    [["receipt_preimage"], [], ["receipt_signature"], ["receipt_expiry"], []],
  );
  assert.deepEqual(
    results.map(({ report }) => report.verdict),
    ["invalid", "valid", "invalid", "invalid", "valid"],
  );
});

test("everything that fails is told at once", async () => {
  const { bundle } = sold({ seller: STRANGER, receipt: { expires_at: NOW - 1 } });
  const { report } = await verify({ ...bundle, preimage: "00".repeat(32) });
  assert.deepEqual(failures(report), ["receipt_signer", "receipt_preimage", "receipt_expiry"]);
});

test("what does not hold cannot be claimed: each reason has a code and a status", async () => {
  const other = publish(manifestBy(AUTHOR, { id: "another" }));
  const paid = sold().bundle;
  const table: readonly (readonly [string, ReceiptBundle, string])[] = [
    ["another listing", { ...paid, manifest: sold({ of: other }).bundle.manifest }, "422 receipt_manifest"],
    ["signed by a stranger", sold({ seller: STRANGER }).bundle, "403 receipt_signer"],
    ["signed by its buyer", sold({ seller: BUYER }).bundle, "403 receipt_signer"],
    [
      "another payee",
      sold({ node: STRANGER, offer: { node_pubkey: sold().offer.node_pubkey } }).bundle,
      "422 receipt_payee",
    ],
    ["another amount", sold({ invoice: { amount_msats: null } }).bundle, "422 receipt_amount"],
    ["an offer that was not paid", { ...paid, invoice: sold().bundle.invoice }, "422 receipt_commitment"],
    ["no preimage", { ...paid, preimage: "00".repeat(32) }, "422 receipt_preimage"],
    ["a network that does not count", sold({ offer: { network: "signet" } }).bundle, "422 receipt_network"],
    [
      "mainnet in the offer, regtest in the invoice",
      sold({ offer: { network: "bitcoin" }, invoice: { network: "regtest" } }).bundle,
      "422 receipt_network",
    ],
    ["ended", sold({ receipt: { expires_at: NOW - 1 } }).bundle, "410 receipt_expiry"],
    ["from the future", sold({ created_at: NOW + 2_000 }).bundle, "422 receipt_time"],
    ["taken back", sold({ receipt: { status: "refunded" } }).bundle, "410 receipt_withdrawal"],
    ["altered", { ...paid, receipt: { ...paid.receipt, content: "{}" } }, "422 receipt_signature"],
    ["no receipt", { ...paid, receipt: paid.manifest }, "422 receipt_form"],
    ["no invoice", { ...paid, invoice: "lnbcrt1qqq" }, "422 receipt_invoice"],
  ];
  for (const [name, bundle, expected] of table) {
    const answer = await claim(bundle);
    assert.equal(code(answer), expected, `${name}: ${JSON.stringify(answer.body)}`);
    assert.ok(Array.isArray(answer.body.error?.details?.checks), name);
  }
  assert.equal(code(await claim(sold().bundle, STRANGER)), "403 receipt_buyer");
});

test("another receipt for a payment that is claimed is told which one holds it, and by whom is not said", async () => {
  const first = sold();
  await claim(first.bundle);
  const second = sold({ buyer: STRANGER, preimage: first.bundle.preimage });
  const refused = await claim(second.bundle, STRANGER);
  assert.equal(code(refused), "409 receipt_claim");
  assert.deepEqual(refused.body.error?.details, { receipt_event_id: first.bundle.receipt.id });
  const seen = await (await fetch(url(`/${first.draft.payment_hash}`))).text();
  for (const text of [JSON.stringify(refused.body), seen]) {
    assert.ok(!text.includes(publicKeyOf(BUYER)) && !text.includes("linter-pro"));
  }
  assert.deepEqual(failures((await verify(second.bundle)).report), ["receipt_claim"]);
});

test("a receipt its seller has replaced or deleted on the relay no longer counts", async () => {
  const [revoked, deleted, extended] = [sold(), sold(), sold()];
  for (const { bundle } of [revoked, deleted, extended]) assert.equal(code(await claim(bundle)), "200");
  await publishEvent(replacing(revoked, { status: "revoked" }));
  const tags = [["e", deleted.bundle.receipt.id]];
  await publishEvent(sign({ kind: KINDS.deletion.kind, created_at: NOW, tags, content: "" }, AUTHOR));
  const longer = replacing(extended, { expires_at: NOW + 90 * 86_400 });
  await publishEvent(longer);
  for (const { bundle } of [revoked, deleted, extended]) {
    const { report, proof } = await verify(bundle);
    assert.deepEqual([failures(report), proof], [["receipt_withdrawal"], null]);
    assert.equal(code(await claim(bundle)), "410 receipt_withdrawal");
  }
  // The later version of the same receipt takes its payment over; the earlier one does not get it back.
  const renewed = { ...extended.bundle, receipt: longer };
  assert.deepEqual(open((await verify(renewed)).report), ["receipt_claim"]);
  assert.equal(code(await claim(renewed)), "200");
  assert.equal((await verify(renewed)).report.verdict, "valid");
});

test("a stranger's deletion and a stranger's version of a receipt change nothing", async () => {
  const sale = sold();
  await claim(sale.bundle);
  const tags = [["e", sale.bundle.receipt.id]];
  await publishEvent(sign({ kind: KINDS.deletion.kind, created_at: NOW, tags, content: "" }, STRANGER));
  await publishEvent(replacing({ ...sale, seller: STRANGER }, { status: "revoked" }));
  assert.equal((await verify(sale.bundle)).report.verdict, "valid");
});

test("a claim is signed for exactly this request, now, and once", async () => {
  const { bundle } = sold();
  const body = JSON.stringify(bundle);
  const send = (authorization: string) => post("/claim", body, { authorization });
  assert.equal(code(await post("/claim", body)), "401 auth_required");
  assert.equal(code(await send("Nostr e30=")), "401 auth_invalid");
  assert.equal(code(await send(authorize(BUYER, "{}"))), "401 auth_invalid");
  assert.equal(code(await send(authorize(BUYER, ""))), "401 auth_invalid");
  assert.equal(code(await send(authorize(BUYER, body, { path: "/verify" }))), "401 auth_invalid");
  assert.equal(code(await send(authorize(BUYER, body, { method: "GET" }))), "401 auth_invalid");
  assert.equal(code(await send(authorize(BUYER, body, { at: now() - 300 }))), "401 auth_stale");
  assert.equal(code(await send(authorize(BUYER, body, { at: now() + 300 }))), "401 auth_stale");
  const forged = sign(httpAuthTemplate({ url: url("/claim"), method: "POST", body }, now(), "n"), STRANGER);
  assert.equal(code(await send(httpAuthHeader({ ...forged, pubkey: publicKeyOf(BUYER) }))), "401 auth_invalid");
  const once = authorize(BUYER, body);
  assert.equal(code(await send(once)), "200");
  assert.equal(code(await send(once)), "401 auth_replayed");
  await host.restart();
  const again = authorize(BUYER, body);
  assert.equal(code(await send(again)), "200");
});

test("too many, too large, and what is no JSON or no receipt is refused", async () => {
  const { bundle } = sold();
  const many = (count: number) => JSON.stringify({ receipts: Array.from({ length: count }, () => bundle) });
  assert.equal(code(await post("/verify", many(LIMITS.receipts_per_request))), "200");
  assert.equal(code(await post("/verify", many(LIMITS.receipts_per_request + 1))), "422 schema_invalid");
  assert.equal(code(await post("/verify", `"${"x".repeat(LIMITS.receipt_body_bytes)}"`)), "413 too_large");
  assert.equal(code(await post("/verify", "no")), "400 json_invalid");
  assert.equal(code(await post("/verify", '{"receipts":[],"receipts":[]}')), "400 json_duplicate_key");
  assert.equal(code(await post("/verify", JSON.stringify({ receipts: [] }))), "422 schema_invalid");
  assert.equal(code(await post("/verify", JSON.stringify(bundle))), "422 schema_invalid");
  const short = await post("/verify", JSON.stringify({ receipts: [{ ...bundle, preimage: "secret-preimage" }] }));
  assert.equal(code(short), "422 schema_invalid");
  assert.ok(!JSON.stringify(short.body).includes("secret-preimage"));
  assert.equal(code(await read(await fetch(url("/not-a-hash")))), "400 usage");
  assert.equal(code(await read(await fetch(url("/verify"), { method: "PUT" }))), "404 not_found");
});

test("who sends too much hears so, and its connection serves its next request", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = (bytes: number) =>
    new Promise<{ status: number | undefined; reused: boolean }>((resolve, reject) => {
      const asking = request(url("/verify"), { method: "POST", agent }, (answer) => {
        answer.resume().on("end", () => resolve({ status: answer.statusCode, reused: asking.reusedSocket }));
      });
      asking.on("error", reject).end("x".repeat(bytes));
    });
  const much = LIMITS.receipt_body_bytes + LIMITS.body_drained_bytes;
  assert.deepEqual(await send(much), { status: 413, reused: false });
  for (const bytes of [much, 2]) {
    assert.deepEqual(await send(bytes), { status: bytes === 2 ? 400 : 413, reused: true });
  }
  agent.destroy();
});

test("a sale's invoice, preimage and buyer are nowhere in what the edge keeps or logs", async () => {
  const buyer = key(8);
  const { bundle } = sold({ buyer });
  await verify(bundle);
  assert.equal(code(await claim(bundle, buyer)), "200");
  await claim({ ...bundle, preimage: sold().bundle.preimage }, buyer);
  await host.restart();
  const folder = host.data_dir;
  const kept = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  assert.ok(
    kept.some((bytes) => bytes.includes(bundle.receipt.id)),
    "the claim itself is kept",
  );
  for (const secret of [bundle.invoice, bundle.invoice.slice(20, 90), bundle.preimage, publicKeyOf(buyer)]) {
    assert.ok(!kept.some((bytes) => bytes.includes(secret)), secret.slice(0, 12));
    assert.ok(!kept.some((bytes) => bytes.includes(Buffer.from(secret, "hex")) && secret.length === 64));
  }
  assert.deepEqual(host.log, []);
});
