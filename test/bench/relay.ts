import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LABEL_NAMESPACE } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { startEdge } from "@oa/worker/adapters/edge.ts";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { WebSocket } from "ws";
import { openPeerRelay, PEER_NAME } from "../peers/nostr-relay.ts";
import { median } from "./figures/median.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** No more than one author may publish at once. */
const EVENTS = 1_500;
const QUERIES = 300;
const RUNS = 5;

/**
 * Signed events pipelined over one WebSocket until each has its OK, by one author and by as many as there are events;
 * against the bare check of their signatures in the same workerd, and against another relay on this machine. All are
 * measured in turn, so that a busy machine slows all of them.
 */
export async function bench(): Promise<{ name: string; figures: Record<string, number | string> }> {
  const data_dir = await mkdtemp(join(tmpdir(), "oa-bench-relay-"));
  const edge = await startEdge({ port: 0, data_dir, root: ROOT, bindings: { BENCH: "1" } });
  const peer = await openPeerRelay();
  const rates = new Map<string, number[]>();
  const note = (name: string, rate: number): void => void rates.set(name, [...(rates.get(name) ?? []), rate]);
  try {
    await bareVerification(edge.url, notes(500, 1)); // warms up
    for (let run = 0; run < RUNS; run += 1) {
      for (const [who, authors] of [
        ["one author", 1],
        ["many authors", EVENTS],
      ] as const) {
        const events = notes(EVENTS, authors);
        note(`bare ${who}`, await bareVerification(edge.url, events));
        note(`ours ${who}`, await publishAll(edge.relay_url, events));
        note(`peer ${who}`, await publishAll(peer.url, events));
        note(`ours queries, ${who}`, await queryAll(edge.relay_url, events));
        note(`peer queries, ${who}`, await queryAll(peer.url, events));
      }
    }
  } finally {
    await peer.close();
    await edge.close();
    await rm(data_dir, { recursive: true, force: true });
  }
  const rate = (name: string): number => median(rates.get(name) ?? []);
  const ratio = (name: string, to: string): string =>
    median((rates.get(name) ?? []).map((value, run) => value / (rates.get(to)?.[run] ?? Number.NaN))).toFixed(2);
  const figures: Record<string, number | string> = { events: EVENTS, peer: PEER_NAME };
  for (const who of ["one author", "many authors"]) {
    figures[`ingest per s, ${who}`] = Math.round(rate(`ours ${who}`));
    figures[`bare verification per s, ${who}`] = Math.round(rate(`bare ${who}`));
    figures[`ingest to bare verification, ${who}`] = ratio(`ours ${who}`, `bare ${who}`);
    figures[`ingest per s, ${who}, peer`] = Math.round(rate(`peer ${who}`));
    figures[`ingest to the peer's, ${who}`] = ratio(`ours ${who}`, `peer ${who}`);
    figures[`queries per s, ${who}`] = Math.round(rate(`ours queries, ${who}`));
    figures[`queries per s, ${who}, peer`] = Math.round(rate(`peer queries, ${who}`));
    figures[`queries to the peer's, ${who}`] = ratio(`ours queries, ${who}`, `peer queries, ${who}`);
  }
  return { name: "relay", figures };
}

function notes(count: number, authors: number): readonly NostrEvent[] {
  const keys = Array.from({ length: authors }, () => generateSecretKey());
  const created_at = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, (_, index) => {
    const { id, pubkey, kind, tags, content, sig } = finalizeEvent(
      {
        kind: 1,
        created_at: created_at - (index % 600),
        tags: [
          ["L", LABEL_NAMESPACE],
          ["t", `tag${index % 50}`],
        ],
        content: `note ${index}: the night run is done`,
      },
      keys[index % authors] ?? generateSecretKey(),
    );
    return { id, pubkey, created_at: created_at - (index % 600), kind, tags, content, sig };
  });
}

/** Requests answered in a second, pipelined: by ids, by author and kind, and by tag, twenty events at most each. */
async function queryAll(relay_url: string, events: readonly NostrEvent[]): Promise<number> {
  const socket = await opened(relay_url);
  const picked = (index: number): NostrEvent => events[(index * 7919) % events.length] as NostrEvent;
  const frames = Array.from({ length: QUERIES }, (_, index) => {
    const { id, pubkey } = picked(index);
    const filters = [
      { ids: [id] },
      { authors: [pubkey], kinds: [1], limit: 20 },
      { kinds: [1], "#t": [`tag${index % 50}`], limit: 20 },
    ];
    return JSON.stringify([
      "REQ",
      `q${index % 16}`,
      { ...filters[index % filters.length], until: 4_000_000_000 - index },
    ]);
  });
  let answers = 0;
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    socket.onclose = () => reject(new Error("the relay closed the connection"));
    let next = 0;
    const send = (): void => {
      const frame = frames[next];
      next += 1;
      if (frame !== undefined) socket.send(frame);
    };
    socket.onmessage = ({ data }) => {
      const [verb] = JSON.parse(String(data)) as readonly unknown[];
      if (verb === "EVENT") return;
      if (verb !== "EOSE") return reject(new Error(String(data)));
      answers += 1;
      if (answers === QUERIES) resolve();
      else send();
    };
    for (let index = 0; index < 16; index += 1) send();
  });
  const seconds = (performance.now() - start) / 1000;
  socket.onclose = null;
  socket.close();
  return QUERIES / seconds;
}

async function opened(relay_url: string): Promise<WebSocket> {
  // As the worker's own connections do; a browser's would be compressed by one relay and not by the other.
  const socket = new WebSocket(relay_url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
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
  const socket = await opened(relay_url);
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

if (import.meta.main) console.log(JSON.stringify(await bench(), null, 2));
