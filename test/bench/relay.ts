import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LABEL_NAMESPACE } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { startEdge } from "@oa/worker/adapters/edge.ts";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const EVENTS = 4_000;
const RUNS = 5;

/**
 * Signed events pipelined over one WebSocket until each has its OK, against the bare check of their signatures in the
 * same workerd. The two are measured in turn, so that a busy machine slows both.
 */
export async function bench(): Promise<{ name: string; figures: Record<string, number | string> }> {
  const data_dir = await mkdtemp(join(tmpdir(), "oa-bench-relay-"));
  const edge = await startEdge({ port: 0, data_dir, root: ROOT, bindings: { BENCH: "1" } });
  try {
    await bareVerification(edge.url, notes(500, 0)); // warms up
    const bare: number[] = [];
    const ingest: number[] = [];
    for (let run = 1; run <= RUNS; run += 1) {
      const events = notes(EVENTS, run);
      bare.push(await bareVerification(edge.url, events));
      ingest.push(await publishAll(edge.relay_url, events));
    }
    const ratio = median(ingest.map((rate, run) => rate / (bare[run] ?? Number.NaN)));
    return {
      name: "relay ingest",
      figures: {
        events: EVENTS,
        ingest_per_s: Math.round(median(ingest)),
        bare_verification_per_s: Math.round(median(bare)),
        ratio: ratio.toFixed(2),
      },
    };
  } finally {
    await edge.close();
    await rm(data_dir, { recursive: true, force: true });
  }
}

function notes(count: number, run: number): readonly NostrEvent[] {
  const key = generateSecretKey();
  const created_at = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, index) => {
    const { id, pubkey, kind, tags, content, sig } = finalizeEvent(
      {
        kind: 1,
        created_at,
        tags: [["L", LABEL_NAMESPACE]],
        content: `run ${run}, note ${index}: the night run is done`,
      },
      key,
    );
    return { id, pubkey, created_at, kind, tags, content, sig };
  });
}

/** Events whose signature is checked in a second: the time of two rounds less that of one, transfer left out. */
async function bareVerification(url: string, events: readonly NostrEvent[]): Promise<number> {
  const body = JSON.stringify(events);
  const time = async (rounds: number): Promise<number> => {
    const start = performance.now();
    const response = await fetch(`${url}/bench/verify?rounds=${rounds}`, { method: "POST", body });
    const { valid } = (await response.json()) as { readonly valid: number };
    if (valid !== rounds * events.length) throw new Error(`${valid} of ${rounds * events.length} signatures are valid`);
    return performance.now() - start;
  };
  const one = await time(1);
  const two = await time(2);
  return (events.length * 1000) / (two - one);
}

async function publishAll(relay_url: string, events: readonly NostrEvent[]): Promise<number> {
  const socket = new WebSocket(relay_url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const frames = events.map((event) => JSON.stringify(["EVENT", event]));
  const waiting = new Set(events.map(({ id }) => id));
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    socket.onclose = () => reject(new Error("the relay closed the connection"));
    socket.onmessage = ({ data }) => {
      const [verb, id, accepted, reason] = JSON.parse(String(data)) as readonly unknown[];
      if (verb !== "OK" || accepted !== true) reject(new Error(`${verb} ${reason}`));
      waiting.delete(String(id));
      if (waiting.size === 0) resolve();
    };
    for (const frame of frames) socket.send(frame);
  });
  const seconds = (performance.now() - start) / 1000;
  socket.onclose = null;
  socket.close();
  return events.length / seconds;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

if (import.meta.main) console.log(JSON.stringify(await bench(), null, 2));
