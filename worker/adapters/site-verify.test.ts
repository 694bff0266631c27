import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { toEvent as headOf, type Snapshot, snapshotRoot } from "@oa/shared/nostr/30078-snapshot.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { verifySnapshot } from "./site-verify.ts";

const KEY = new Uint8Array(32).fill(7);
const event = (content: string, kind = 1): NostrEvent =>
  signEvent({ kind, tags: [], content, created_at: 1_700_000_000 }, KEY, KEY);
const EVENTS = [event("a listing", 30051), event("another", 30051), event("a label")];
const lines = (events: readonly NostrEvent[]): string => events.map((each) => `${JSON.stringify(each)}\n`).join("");

interface Served {
  readonly events: readonly NostrEvent[];
  readonly head: Partial<Snapshot>;
  readonly files: Readonly<Record<string, string>>;
}

/** What comes of a snapshot of `EVENTS`, as somebody serves it. */
async function served({ events = EVENTS, head = {}, files = {} }: Partial<Served>): Promise<Snapshot | Rejection> {
  const root = snapshotRoot(EVENTS.map(({ id }) => id));
  const template = headOf({ root, events: 3, listings: 2, created_at: 1_700_000_001, ...head });
  const all: Readonly<Record<string, string>> = {
    "head.json": JSON.stringify(signEvent(template, KEY, KEY)),
    "parts.json": JSON.stringify(["events-0.ndjson", "events-1.ndjson"]),
    "events-0.ndjson": lines(events.slice(0, 1)),
    "events-1.ndjson": lines(events.slice(1)),
    ...files,
  };
  return verifySnapshot(async (name) => {
    const text = all[name];
    return text === undefined ? reject("not_found", `${name} does not exist`) : new TextEncoder().encode(text);
  }, pureSchnorr);
}

async function refusal(change: Partial<Served>): Promise<Rejection> {
  const snapshot = await served(change);
  assert.ok(isRejection(snapshot));
  return snapshot;
}

test("a snapshot is whole when its events are signed and have the root that its builder signed, in any order", async () => {
  for (const events of [EVENTS, EVENTS.toReversed()]) {
    const snapshot = await served({ events });
    assert.ok(!isRejection(snapshot));
    assert.deepEqual([snapshot.events, snapshot.listings, snapshot.builder], [3, 2, EVENTS[0]?.pubkey]);
  }
});

test("a snapshot that lacks an event, has one twice or one more, or another in its place, is not whole", async () => {
  const [first, second] = EVENTS;
  assert.ok(first !== undefined && second !== undefined);
  assert.match((await refusal({ events: EVENTS.slice(0, 2) })).message, /has 2 events, and its head says 3/);
  assert.match((await refusal({ events: [first, first, second] })).message, /is in it twice/);
  assert.match((await refusal({ events: [...EVENTS, event("more")] })).message, /has 4 events/);
  assert.match((await refusal({ events: [first, second, event("other")] })).message, /have the root/);
  assert.match((await refusal({ head: { listings: 3 } })).message, /has 2 listings, its head says 3/);
});

test("a forged event or head is refused by what is wrong with it", async () => {
  const [first, ...others] = EVENTS;
  assert.ok(first !== undefined);
  assert.equal((await refusal({ events: [{ ...first, content: "forged" }, ...others] })).code, "event_id_mismatch");
  const head = { ...event("no snapshot"), kind: 30078 };
  assert.equal((await refusal({ files: { "head.json": JSON.stringify(head) } })).code, "event_id_mismatch");
  assert.equal((await refusal({ files: { "head.json": JSON.stringify(first) } })).code, "foreign_event");
});

test("only parts of the snapshot are read, and what is missing or no text is told", async () => {
  for (const name of ["../head.json", "events-../x.ndjson", "https://elsewhere.example/", 7, null]) {
    assert.match((await refusal({ files: { "parts.json": JSON.stringify([name]) } })).message, /no part of it/);
  }
  assert.equal((await refusal({ files: { "parts.json": '["events-2.ndjson"]' } })).code, "not_found");
  assert.match((await refusal({ files: { "parts.json": "{}" } })).message, /has 0 events/);
  assert.equal((await refusal({ files: { "events-0.ndjson": "{\n" } })).code, "json_invalid");
});
