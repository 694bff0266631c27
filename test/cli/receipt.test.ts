import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { NostrEvent, ReceiptBundle } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { connect, openTestEdge, ROOT, type TestEdge } from "../edge/fixture.ts";
import { BUYER, replacing, type SaleChange, sell, sign } from "../fakes/receipts.ts";
import { openRecordingServer } from "../fakes/recording-server.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-receipt-"));
const env = { OA_DATA: join(folder, "data") };
let host: TestEdge;
before(async () => {
  host = await openTestEdge();
});
after(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});

const sold = (change: SaleChange = {}) => sell({ created_at: Math.floor(Date.now() / 1000) - 100, ...change }).bundle;
function file(value: unknown): string {
  const path = join(folder, `${randomUUID()}.json`);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}
async function verify(value: unknown, ...options: readonly string[]) {
  const said = await oa(["receipt", "verify", file(value), "--network", "regtest", ...options, "--json"], env);
  const { error, ...report } = document(said) as { error?: { code: string }; verdict: string; checks: unknown[] };
  if (error === undefined) assert.ok(validators.isReceiptReport(report), said.stdout);
  const checks = (report.checks ?? []) as readonly { readonly code: string; readonly ok: boolean | null }[];
  const of = (ok: boolean | null) => checks.filter((check) => check.ok === ok).map(({ code }) => code);
  return { exit: said.code, verdict: report.verdict, failed: of(false), open: of(null), error: error?.code };
}
async function claim(bundle: ReceiptBundle): Promise<NostrEvent> {
  const url = `${host.edge().url}/v1/receipts/claim`;
  const body = JSON.stringify(bundle);
  const template = httpAuthTemplate({ url, method: "POST", body }, Math.floor(Date.now() / 1000), randomUUID());
  const headers = { authorization: httpAuthHeader(sign(template, BUYER)) };
  const answer = (await (await fetch(url, { method: "POST", body, headers })).json()) as { readonly proof: NostrEvent };
  return answer.proof;
}

test("offline a whole receipt is unproven and one that fails is invalid, with exit statuses to match", async () => {
  const bundle = sold();
  const whole = await verify(bundle);
  assert.deepEqual([whole.exit, whole.verdict, whole.failed], [1, "unproven", []]);
  assert.deepEqual(whole.open, ["receipt_withdrawal", "receipt_claim"]);
  const broken = await verify({ ...bundle, preimage: "00".repeat(32) });
  assert.deepEqual([broken.exit, broken.verdict, broken.failed], [3, "invalid", ["receipt_preimage"]]);
});

test("a development node's payment counts only where regtest is named", async () => {
  const said = await oa(["receipt", "verify", file(sold()), "--json"], env);
  const { verdict, checks } = document(said) as unknown as { verdict: string; checks: { code: string; ok: unknown }[] };
  assert.deepEqual([said.code, verdict], [3, "invalid"]);
  assert.deepEqual(
    checks.filter(({ ok }) => ok === false).map(({ code }) => code),
    ["receipt_network"],
  );
});

test("a claimed receipt is valid online, and offline with the edge's proof if that edge is trusted", async () => {
  const bundle = sold();
  const online = ["--online", "--edge", host.edge().url];
  assert.deepEqual(await verify(bundle, ...online), {
    ...{ exit: 1, verdict: "unproven", failed: [], error: undefined },
    open: ["receipt_claim"],
  });
  const proof = await claim(bundle);
  assert.equal((await verify(bundle, ...online)).verdict, "valid");
  const proved = { ...bundle, proof };
  for (const key of [proof.pubkey, hexToNpub(proof.pubkey)]) {
    const { exit, verdict } = await verify(proved, "--trust", key);
    assert.deepEqual([exit, verdict], [0, "valid"]);
  }
  assert.equal((await verify(proved)).verdict, "unproven");
  assert.equal((await verify(proved, "--trust", bundle.receipt.pubkey)).verdict, "unproven");
});

test("what fails here is not sent to the edge, and an edge that is none is said to be so", async () => {
  const server = await openRecordingServer("not an edge");
  try {
    const online = ["--online", "--edge", server.url];
    assert.equal((await verify({ ...sold(), preimage: "00".repeat(32) }, ...online)).verdict, "invalid");
    assert.equal(server.requests.length, 0);
    const asked = await verify(sold(), ...online);
    assert.deepEqual([asked.exit, asked.error], [1, "unreachable"]);
    assert.equal(server.requests.length, 1);
  } finally {
    await server.close();
  }
  assert.equal((await verify(sold(), "--online", "--edge", "http://edge.example")).error, "usage");
  assert.equal((await verify(sold(), "--online")).error, "usage");
});

test("stdin is read for -, and people get each check as a line", () => {
  const entry = join(ROOT, "worker/cli/oa.mjs");
  const args = [entry, "receipt", "verify", "-", "--network", "regtest"];
  const said = spawnSync(process.execPath, args, { input: JSON.stringify(sold()), encoding: "utf8", env: process.env });
  assert.equal(said.status, 1);
  assert.match(said.stdout, /^unproven\n {2}✓ the receipt is signed by the key it names \(receipt_signature\)\n/);
  assert.match(said.stdout, /\? whether another receipt has claimed/);
});

test("what is no receipt is refused without being quoted", async () => {
  for (const [value, code] of [
    ["not json", "json_invalid"],
    [{ receipts: [] }, "schema_invalid"],
    [{ ...sold(), preimage: "my-secret" }, "schema_invalid"],
  ] as const) {
    const path = file(value);
    const said = await oa(["receipt", "verify", path, "--json"], env);
    const { error, verdict } = document(said) as { error?: { code: string }; verdict?: string };
    assert.deepEqual([said.code, error?.code, verdict], [3, code, "invalid"]);
    assert.ok(!said.stdout.includes("my-secret"));
  }
  assert.equal((await oa(["receipt", "verify", join(folder, "none.json"), "--json"], env)).code, 1);
  assert.equal((await oa(["receipt", "verify", file(sold()), "--trust", "me", "--json"], env)).code, 2);
});

test("a receipt is verified before it is held; held ones are listed without invoice and preimage", async () => {
  const data = join(folder, "holder");
  const holder = { OA_DATA: data };
  mkdirSync(data, { mode: 0o700 });
  const said = async (...args: string[]) => {
    const told = await oa([...args, "--json"], holder);
    return { exit: told.code, value: document(told) as Record<string, never> & { error?: { code: string } } };
  };
  const bundle = sold({ offer: { model: "per-run", quantity: 5 } });
  const foreign = await said("receipt", "add", file(bundle));
  assert.deepEqual([foreign.exit, foreign.value.error?.code], [3, "receipt_network"], "regtest money is nobody's");
  writeFileSync(join(data, "config.json"), JSON.stringify({ payment_networks: ["regtest"] }));
  const forged = await said("receipt", "add", file({ ...bundle, preimage: "00".repeat(32) }));
  assert.deepEqual([forged.exit, forged.value.error?.code], [3, "receipt_preimage"]);
  assert.equal((await said("receipt", "add", file(bundle), "--online")).value.error?.code, "usage", "no edge is set");
  const clear = { ...holder, OA_EDGE_URL: "http://edge.example" };
  const bared = await oa(["receipt", "add", file(bundle), "--online"], clear);
  assert.match(bared.stderr, /would carry the preimage in the clear/);
  const added = await said("receipt", "add", file(bundle));
  assert.deepEqual([added.exit, added.value.verdict], [0, "unproven"]);
  const proof = await claim(bundle);
  const proved = await said("receipt", "add", file({ ...bundle, proof }), "--trust", proof.pubkey);
  assert.deepEqual([proved.exit, proved.value.verdict], [0, "valid"]);
  const listed = await oa(["receipt", "list", "--json"], holder);
  const { licences } = document(listed) as unknown as { licences: readonly Record<string, unknown>[] };
  assert.equal(licences.length, 1);
  assert.deepEqual([licences[0]?.receipt_event_id, licences[0]?.runs_used], [bundle.receipt.id, 0]);
  assert.equal(licences[0]?.proved_ms, proof.created_at * 1_000);
  assert.ok(!listed.stdout.includes(bundle.preimage) && !listed.stdout.includes(bundle.invoice));
  assert.match((await oa(["receipt", "list"], holder)).stdout, /linter-pro +\S+ +5 of 5 runs/);
});

test("asked online, the edge vouches for a receipt of this worker's own key, and one that was taken back counts no more", async () => {
  const data = join(folder, "online");
  const holder = { OA_DATA: data };
  mkdirSync(data, { mode: 0o700 });
  const { url, relay_url } = host.edge();
  writeFileSync(join(data, "config.json"), JSON.stringify({ payment_networks: ["regtest"], edge_url: url }));
  const said = async (...args: string[]) => {
    const told = await oa([...args, "--json"], holder);
    return { exit: told.code, value: document(told) as Record<string, never> & { error?: { code: string } } };
  };
  assert.equal((await said("receipt", "list")).exit, 0, "the worker's key is made");
  const buyer = Buffer.from(readFileSync(join(data, "keys", "worker.key"), "utf8").trim(), "hex");
  const sale = sell({ created_at: Math.floor(Date.now() / 1000) - 100, buyer });
  const added = await said("receipt", "add", file(sale.bundle), "--online");
  assert.deepEqual([added.exit, added.value.verdict, added.value.open, added.value.ours], [0, "valid", [], true]);
  const again = await said("receipt", "add", file(sale.bundle), "--online");
  assert.equal(again.value.verdict, "valid", "the same receipt again gets the same answer");

  const strange = await said("receipt", "add", file(sold()), "--online");
  assert.deepEqual([strange.value.verdict, strange.value.ours], ["unproven", false], "only its buyer can claim it");
  assert.match((await oa(["receipt", "add", file(sold())], holder)).stdout, /neither this worker's key nor paired/);

  const client = await connect(relay_url);
  assert.equal((await client.publish(replacing(sale, { status: "refunded" })))[2], true);
  await client.close();
  const back = await said("receipt", "add", file(sale.bundle), "--online");
  assert.deepEqual([back.exit, back.value.error?.code], [3, "receipt_withdrawal"]);
  const offline = await said("receipt", "add", file(sale.bundle));
  assert.deepEqual([offline.exit, offline.value.error?.code], [3, "receipt_withdrawal"], "nor is it held again");
  assert.match((await oa(["receipt", "list"], holder)).stdout, /linter-pro .*TAKEN BACK/);
});
