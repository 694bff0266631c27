import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ReceiptBundle } from "@oa/shared/generated/types.ts";
import { verifyReceipt } from "@oa/shared/license/verify.ts";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { eventHash } from "@oa/shared/nostr/verify.ts";
import { startEdge } from "@oa/worker/adapters/edge.ts";
import { NODE, sell, sign } from "../fakes/receipts.ts";
import { median } from "./figures/median.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const RECEIPTS = 100;
const ROUNDS = 5;
const BATCHES = 8;
const RIVALS = 200;
const CLAIMS = 1_000;
const IN_FLIGHT = 64;

/**
 * Receipts verified in a second against the three bare signature checks of each, by the same library in the same run
 * and in turn; then the edge: receipts verified in batches, and claims of one payment racing each other.
 */
export async function bench(): Promise<{ name: string; figures: Record<string, number | string> }> {
  const bundles = Array.from({ length: RECEIPTS }, () => sold().bundle);
  const bareChecks = await bareSignatures(bundles);
  const knowledge = { now_s: nowSeconds(), networks: ["regtest"], withdrawals: null, holder: null } as const;
  const whole = () => {
    for (const bundle of bundles) {
      const { verdict } = verifyReceipt(bundle, knowledge, pureSchnorr);
      if (verdict !== "unproven") throw new Error(`a good receipt is ${verdict}`);
    }
  };
  whole(); // warms up
  const bare: number[] = [];
  const full: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(rate(RECEIPTS, bareChecks));
    full.push(rate(RECEIPTS, whole));
  }
  const ratio = median(full.map((each, round) => each / (bare[round] ?? Number.NaN)));

  const data_dir = await mkdtemp(join(tmpdir(), "oa-bench-receipts-"));
  const edge = await startEdge({ port: 0, data_dir, root: ROOT });
  try {
    const batch = bundles.slice(0, LIMITS.receipts_per_request);
    await verifyAt(edge.url, batch); // warms up
    const started = performance.now();
    for (let index = 0; index < BATCHES; index += 1) await verifyAt(edge.url, batch);
    const edge_per_s = (BATCHES * batch.length * 1000) / (performance.now() - started);
    const race = await raceFor(edge.url);
    return {
      name: "licence receipts",
      figures: {
        verified_per_s: Math.round(median(full)),
        "bare: the three signature checks of a receipt, per s": Math.round(median(bare)),
        ratio: ratio.toFixed(2),
        "edge: verified_per_s, in batches": Math.round(edge_per_s),
        "edge: racing claims of one payment, per s": Math.round(race.per_s),
        "edge: claims, by receipts": `${CLAIMS} by ${RIVALS}`,
        "edge: receipts that won": race.winners,
      },
    };
  } finally {
    await edge.close();
    await rm(data_dir, { recursive: true, force: true });
  }
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const sold = (change: Parameters<typeof sell>[0] = {}) => sell({ created_at: nowSeconds() - 100, ...change });

interface Curve {
  readonly sign: (hash: Uint8Array, key: Uint8Array, options: object) => Uint8Array;
  readonly verify: (signature: Uint8Array, hash: Uint8Array, key: Uint8Array, options: object) => boolean;
  readonly getPublicKey: (key: Uint8Array, compressed: boolean) => Uint8Array;
}

/** Two BIP-340 checks and one ECDSA check for each receipt, on bytes that lie ready. */
async function bareSignatures(bundles: readonly ReceiptBundle[]): Promise<() => void> {
  const path = createRequire(join(ROOT, "shared", "package.json")).resolve("@noble/curves/secp256k1.js");
  const { secp256k1 } = (await import(pathToFileURL(path).href)) as { readonly secp256k1: Curve };
  const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
  const node = secp256k1.getPublicKey(NODE, true);
  const ready = bundles.map(({ receipt, manifest }) => {
    const hash = new Uint8Array(randomBytes(32));
    return {
      events: [receipt, manifest].map((event) => [hex(event.sig), eventHash(event), hex(event.pubkey)] as const),
      invoice: [secp256k1.sign(hash, NODE, { prehash: false }), hash] as const,
    };
  });
  return () => {
    for (const { events, invoice } of ready) {
      const valid = events.every((parts) => pureSchnorr(...parts));
      if (!valid || !secp256k1.verify(...invoice, node, { prehash: false }))
        throw new Error("a signature is not valid");
    }
  };
}

async function verifyAt(url: string, receipts: readonly ReceiptBundle[]): Promise<void> {
  const response = await fetch(`${url}/v1/receipts/verify`, { method: "POST", body: JSON.stringify({ receipts }) });
  if (response.status !== 200) throw new Error(await response.text());
}

async function raceFor(url: string): Promise<{ readonly per_s: number; readonly winners: number }> {
  const preimage = randomBytes(32).toString("hex");
  const address = `${url}/v1/receipts/claim`;
  const rivals = Array.from({ length: RIVALS }, () => {
    const buyer = new Uint8Array(randomBytes(32));
    return { buyer, bundle: sold({ buyer, preimage }).bundle };
  });
  const requests = Array.from({ length: CLAIMS }, (_, index) => {
    const { buyer, bundle } = rivals[index % RIVALS] ?? { buyer: NODE, bundle: sold().bundle };
    const body = JSON.stringify(bundle);
    const template = httpAuthTemplate({ url: address, method: "POST", body }, nowSeconds(), randomUUID());
    return { body, id: bundle.receipt.id, authorization: httpAuthHeader(sign(template, buyer)) };
  }).values();
  const winners = new Set<string>();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const { body, id, authorization } of requests) {
        const response = await fetch(address, { method: "POST", body, headers: { authorization } });
        if (response.status === 200) winners.add(id);
        else if (response.status !== 409) throw new Error(await response.text());
        await response.arrayBuffer();
      }
    }),
  );
  return { per_s: (CLAIMS * 1000) / (performance.now() - started), winners: winners.size };
}

function rate(count: number, work: () => void): number {
  const started = performance.now();
  work();
  return (count * 1000) / (performance.now() - started);
}

if (import.meta.main) console.log(JSON.stringify(await bench(), null, 2));
