import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ReceiptClaim } from "@oa/shared/generated/types.ts";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { type Sale, sell, sign } from "../fakes/receipts.ts";
import { NOW, openTestEdge, ROOT } from "./fixture.ts";

const RECEIPTS = 200;
const CLAIMS = 3_000;
/** What races: after the first of these many the payment is taken, and the rest finds it so. */
const IN_FLIGHT = 128;

interface Rival {
  readonly sale: Sale;
  readonly buyer: Uint8Array;
}
/** Buyers with a valid receipt each, all for one payment: a seller, or its node, that sells the same preimage often. */
function rivals(count: number): { readonly payment_hash: string; readonly all: readonly Rival[] } {
  const preimage = randomBytes(32).toString("hex");
  const all = Array.from({ length: count }, () => {
    const buyer = new Uint8Array(randomBytes(32));
    return { buyer, sale: sell({ buyer, preimage, created_at: NOW - 100 }) };
  });
  return { payment_hash: all[0]?.sale.draft.payment_hash ?? "", all };
}

interface Outcome {
  readonly status: number;
  readonly receipt: string;
  /** Whose receipt the answer says holds the payment. */
  readonly holder: string | undefined;
}
async function claim(edge: string, { sale, buyer }: Rival): Promise<Outcome> {
  const url = `${edge}/v1/receipts/claim`;
  const body = JSON.stringify(sale.bundle);
  const now_s = Math.floor(Date.now() / 1000);
  const authorization = httpAuthHeader(
    sign(httpAuthTemplate({ url, method: "POST", body }, now_s, randomUUID()), buyer),
  );
  const response = await fetch(url, { method: "POST", body, headers: { authorization } });
  const answer = (await response.json()) as {
    readonly claim?: ReceiptClaim;
    readonly error?: { readonly details?: { readonly receipt_event_id?: string } };
  };
  const holder = answer.claim?.receipt_event_id ?? answer.error?.details?.receipt_event_id;
  return { status: response.status, receipt: sale.bundle.receipt.id, holder };
}
const holderOf = async (edge: string, payment_hash: string): Promise<string | undefined> => {
  const response = await fetch(`${edge}/v1/receipts/${payment_hash}`);
  return response.status === 404 ? undefined : ((await response.json()) as ReceiptClaim).receipt_event_id;
};

/** Takes everything through `work`, so many at a time. */
async function together<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const item of waiting) results.push(await work(item));
    }),
  );
  return results;
}

const children: ChildProcess[] = [];
const folders: string[] = [];
after(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

test(`of ${CLAIMS} racing claims of one payment by ${RECEIPTS} receipts exactly one receipt wins`, async () => {
  const { payment_hash, all } = rivals(RECEIPTS);
  const host = await openTestEdge();
  try {
    const race = Array.from({ length: CLAIMS }, (_, index) => all[(index * 7) % RECEIPTS] as Rival);
    const outcomes = await together(race, (rival) => claim(host.edge().url, rival));
    assert.deepEqual([...new Set(outcomes.map(({ status }) => status))].sort(), [200, 409]);
    const winners = new Set(outcomes.filter(({ status }) => status === 200).map(({ receipt }) => receipt));
    assert.equal(winners.size, 1);
    const [winner] = winners;
    assert.equal(outcomes.filter(({ status }) => status === 200).length, CLAIMS / RECEIPTS);
    assert.deepEqual([...new Set(outcomes.map(({ holder }) => holder))], [winner]);
    await host.restart();
    assert.equal(await holderOf(host.edge().url, payment_hash), winner);
    assert.deepEqual(host.log, []);
  } finally {
    await host.close();
  }
});

/** `oa edge` in a process of its own, which can be killed. */
async function edgeProcess(data_dir: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const args = [join(ROOT, "worker/cli/oa.mjs"), "edge", "--port", "0", "--data", data_dir, "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, url: (JSON.parse(line.toString()) as { readonly url: string }).url };
}

test("kill -9 in the middle of a race leaves one holder, and whoever was told of winning has won", async () => {
  const data_dir = await mkdtemp(join(tmpdir(), "oa-edge-"));
  folders.push(data_dir);
  const { payment_hash, all } = rivals(60);
  const first = await edgeProcess(data_dir);
  const told: Outcome[] = [];
  const race = together(all, async (rival) => {
    const outcome = await claim(first.url, rival).catch(() => null); // the process dies under it
    if (outcome !== null) told.push(outcome);
    if (told.length === 5) first.child.kill("SIGKILL");
  });
  await Promise.all([race, once(first.child, "exit")]);
  const winner = told.find(({ status }) => status === 200)?.receipt;
  assert.ok(winner !== undefined, "the first answers came before the end");

  const second = await edgeProcess(data_dir);
  assert.equal(await holderOf(second.url, payment_hash), winner);
  const outcomes = await together(all, (rival) => claim(second.url, rival));
  for (const { status, receipt, holder } of outcomes) {
    assert.deepEqual([status, holder], [receipt === winner ? 200 : 409, winner]);
  }
  second.child.kill("SIGTERM");
  await once(second.child, "exit");
});
