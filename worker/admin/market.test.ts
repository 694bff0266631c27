import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision } from "@oa/shared/generated/types.ts";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as kindMutesEvent } from "@oa/shared/nostr/30007-kind-mutes.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { matchFilter } from "nostr-tools/filter";
import type { EdgeClient } from "../adapters/edge-client.ts";
import { catalogOf, listingLookUp, marketPort } from "./market.ts";

const NOW = 1_766_000_000;
const RELAYS = ["wss://relay.example.com/"];
const signal = new AbortController().signal;
const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [author, mo, ann, operator] = [key(1), key(2), key(3), key(4)];
const hex = publicKeyOf;
const address = { author: hex(author), slug: "me.watch", relays: [] };
const listing = `30051:${hex(author)}:me.watch`;

function sign(template: EventTemplate, by: Uint8Array): VerifiedEvent {
  const event = verifyEvent(signEvent(template, by, by), pureSchnorr);
  assert.ok(!isRejection(event));
  return event;
}
const manifest = sign({ kind: 30051, created_at: NOW, content: "{}", tags: [["d", "me.watch"]] }, author);
function takeDown(by: Uint8Array, change: Partial<ModerationDecision> = {}): VerifiedEvent {
  const said: Parameters<typeof decisionEvent>[0] = {
    ...{ action: "take_down", target: { kind: "listing", value: listing }, reason: "malware", status: null },
    ...{ blast_radius: null, evidence_sha256: "8".repeat(64), expires_at: NOW + 86_400, answers: null },
    ...{ appeal: "possible", note: "" },
    ...change,
  };
  return sign(decisionEvent(said, { created_at: NOW }), by);
}

/** A FAKE edge: it notes what it is asked, and answers the same to all of it. */
function fakeEdge(answer: (path: string) => object | Rejection): {
  readonly edge: EdgeClient;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const get = async <T extends object>(path: string): Promise<T | Rejection> => {
    asked.push(path);
    return answer(path) as T | Rejection;
  };
  return {
    asked,
    edge: { get, post: () => assert.fail("it only reads"), health: async () => ({ date_ms: null }) },
  };
}

interface Given {
  readonly events?: readonly VerifiedEvent[];
  readonly moderators?: readonly string[] | null;
  readonly edge?: EdgeClient | null;
  readonly asked?: readonly string[];
}
async function lookUp({ events = [manifest], moderators = null, edge = null, asked }: Given): Promise<string> {
  const found = listingLookUp({
    ...{ edge, relays: RELAYS, config: { moderators, local_only: false }, now_ms: () => NOW * 1_000 },
    queryRelays: async (filters) =>
      events.filter((event) =>
        filters.some((filter) =>
          matchFilter(
            filter as Parameters<typeof matchFilter>[0],
            event as unknown as Parameters<typeof matchFilter>[1],
          ),
        ),
      ),
  });
  const result = await found(address, signal, asked);
  return isRejection(result) ? result.code : `${result.length} events`;
}

test("without an edge, what chosen moderators took down is refused where it was found on relays", async () => {
  const events = [manifest, takeDown(mo)];
  assert.equal(await lookUp({ events, moderators: [hex(mo)] }), "listing_taken_down");
  assert.equal(await lookUp({ events, moderators: [hex(ann)] }), "1 events");
  assert.equal(await lookUp({ events, moderators: [] }), "1 events");
  assert.equal(await lookUp({ events, moderators: null }), "1 events", "no edge names an operator");
  const held = [manifest, takeDown(mo, { action: "hold", evidence_sha256: null })];
  assert.equal(await lookUp({ events: held, moderators: [hex(mo)] }), "listing_held");
});

test("on relays too, chosen moderators' curators and blocklists count, and what has ended does not", async () => {
  const people = [{ pubkey: hex(ann), name: "Ann", roles: ["take_down"] as const }];
  const list = sign(peopleEvent({ list: "curators", people }, { created_at: NOW }), mo);
  assert.equal(await lookUp({ events: [manifest, list, takeDown(ann)], moderators: [hex(mo)] }), "listing_taken_down");
  const mutes = sign(kindMutesEvent([hex(author)], { created_at: NOW }), mo);
  assert.equal(await lookUp({ events: [manifest, mutes], moderators: [hex(mo)] }), "listing_taken_down");
  const ended = takeDown(mo, { expires_at: NOW - 1 });
  assert.equal(await lookUp({ events: [manifest, ended], moderators: [hex(mo)] }), "1 events");
});

test("an edge that does not have a listing names whose decisions apply to it on relays", async () => {
  const roles = { operator: hex(operator), event: null, curators: [], moderators: [] };
  const { edge } = fakeEdge((path) => (path.includes("/roles") ? roles : reject("not_found", "no such listing")));
  const events = [manifest, takeDown(operator)];
  assert.equal(await lookUp({ events, edge }), "listing_taken_down");
  assert.equal(await lookUp({ events, edge, asked: [] }), "1 events");
  const { edge: broken } = fakeEdge(() => {
    throw new Fault("unreachable", "it does not answer");
  });
  assert.equal(await lookUp({ events, edge: broken }), "1 events");
});

test("what is asked for one command goes before the setting, to the catalog as to relays", async () => {
  const setting = [hex(mo)];
  const { edge, asked } = fakeEdge(() => ({ event: manifest, release_events: [] }));
  await lookUp({ edge, moderators: setting });
  await lookUp({ edge, moderators: setting, asked: [] });
  await lookUp({ edge, moderators: setting, asked: [hex(ann)] });
  await lookUp({ edge });
  const path = `/v1/listings/${encodeURIComponent(listing)}`;
  const by = (who: string): string => `${path}?moderators=${who}`;
  assert.deepEqual(asked, [by(hex(mo)), by("none"), by(hex(ann)), path]);
  const events = [manifest, takeDown(mo)];
  assert.equal(await lookUp({ events, moderators: setting, asked: [] }), "1 events");
  assert.equal(await lookUp({ events, moderators: [], asked: setting }), "listing_taken_down");
});

test("lists and listings of the catalog are as the setting has it, or as was asked; what is no key is refused", async () => {
  const { edge, asked } = fakeEdge(() => ({ listings: [], next_cursor: null }));
  const config = { moderators: [hex(mo)] };
  const catalog = catalogOf(edge, config);
  const market = marketPort({ edge, catalog, config, addressNamed: async () => listing });
  await market.list(new URLSearchParams("tag=cron"), signal);
  await market.list(new URLSearchParams("tag=cron&moderators=none"), signal);
  await market.get("watch", null, signal);
  await market.get("watch", "none", signal);
  const path = `/v1/listings/${encodeURIComponent(listing)}`;
  assert.deepEqual(asked, [
    `/v1/listings?tag=cron&moderators=${hex(mo)}`,
    "/v1/listings?tag=cron&moderators=none",
    `${path}?moderators=${hex(mo)}`,
    `${path}?moderators=none`,
  ]);
  for (const wrong of [
    "somebody",
    "",
    `${hex(mo)},`,
    Array.from({ length: 11 }, (_, index) => hex(key(index + 9))).join(),
  ]) {
    const refused = await market.get("watch", wrong, signal);
    assert.ok(isRejection(refused) && refused.code === "usage", wrong);
  }
});
