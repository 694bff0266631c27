import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { CatalogPage, UpgradeManifest, UpstreamPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { toEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { openHostileRelay } from "../fakes/hostile-relay.ts";
import { type FakeRelay, openFakeRelay } from "../fakes/relay.ts";
import { openPeerRelay } from "../peers/nostr-relay.ts";
import { connect, NOW, openTestEdge, ROOT, signed, type TestEdge, eventually as waitUntil } from "./fixture.ts";

/** The machine may be busy, and a relay that knows no comparison is given five seconds to say so. */
const eventually = (check: () => Promise<boolean>): Promise<void> => waitUntil(check);
const L = ["L", "openagents.upgrade"];
const EVERY_SECOND = { UPSTREAM_INTERVAL_S: "1" };
interface Closable {
  readonly close: () => Promise<unknown>;
}
/** Closes what a test opened when it ends, the last first: an edge would go on asking its relays. */
function closing(test: TestContext): <T extends Closable>(opening: Promise<T>) => Promise<T> {
  const opened: Closable[] = [];
  test.after(async () => {
    for (const each of opened.reverse()) await each.close();
  });
  return async (opening) => {
    const each = await opening;
    opened.push(each);
    return each;
  };
}
const label = (key: Uint8Array, content: string, created_at = NOW): NostrEvent =>
  signed(key, { kind: 1985, tags: [L], content, created_at });
const example = JSON.parse(
  await readFile(join(ROOT, "schemas/examples/upgrades/nightly-index.json"), "utf8"),
) as UpgradeManifest;
function manifest(key: Uint8Array, id: string, created_at = NOW): NostrEvent {
  const author = { npub: hexToNpub(getPublicKey(key)) };
  const { tags, ...event } = toEvent({ ...example, id, author }, { created_at });
  return signed(key, { ...event, tags: tags.map((tag) => [...tag]) });
}
async function upstreams(host: TestEdge): Promise<UpstreamPage> {
  const page: unknown = await (await fetch(`${host.edge().url}/v1/upstreams`)).json();
  assert.ok(validators.isUpstreamPage(page), JSON.stringify(page));
  return page;
}
async function slugs(host: TestEdge): Promise<readonly string[]> {
  const page = (await (await fetch(`${host.edge().url}/v1/listings?limit=100`)).json()) as CatalogPage;
  return page.listings.map(({ slug }) => slug).sort();
}
const caughtUp = (host: TestEdge, times = 1): Promise<void> => {
  let [seen, last] = [0, 0];
  return eventually(async () => {
    const [relay] = (await upstreams(host)).relays;
    if (relay?.pulled_at_ms && relay.pulled_at_ms > last) [seen, last] = [seen + 1, relay.pulled_at_ms];
    return seen > times;
  });
};

// They wait more than they work: for turns of a second, and for relays that say nothing.
describe("upstream relays", { concurrency: 2 }, () => {
  it("a second edge pulls listings by comparison, then what is replaced and deleted, and nothing twice", async (test: TestContext) => {
    const open = closing(test);
    const first = await open(openTestEdge());
    const [key, other] = [generateSecretKey(), generateSecretKey()];
    const publisher = await open(connect(first.edge().relay_url));
    const listings = ["one", "two", "three"].map((id) => manifest(key, id, NOW - 100));
    const labels = Array.from({ length: 200 }, (_, index) => label(other, `${index}`, NOW - (index % 3)));
    for (const event of [...listings, ...labels]) assert.equal((await publisher.publish(event))[2], true);
    const second = await open(openTestEdge({ UPSTREAM_RELAYS: first.edge().relay_url, ...EVERY_SECOND }));
    await eventually(async () => (await slugs(second)).length === 3);
    const reader = await open(connect(second.edge().relay_url));
    await eventually(async () => (await reader.query({ kinds: [1985] })).length === 200);

    // Two versions of one second: the lowest id stays, wherever it comes first.
    const rivals = ["b", "c"].map((tag) =>
      signed(key, { kind: 30054, tags: [L, ["d", "same"], ["t", tag]], created_at: NOW }),
    );
    const [low, high] = [...rivals].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.ok(low !== undefined && high !== undefined);
    await reader.publish(high);
    await publisher.publish(low);
    await publisher.publish(manifest(key, "two", NOW - 50));
    await publisher.publish(signed(key, { kind: 5, tags: [["a", `30051:${getPublicKey(key)}:one`]], created_at: NOW }));
    await eventually(async () => (await slugs(second)).join() === "three,two");
    await eventually(async () => (await reader.query({ kinds: [30054] }))[0]?.id === low.id);
    const [two] = await reader.query({ kinds: [30051], "#d": ["two"] });
    assert.equal(two?.created_at, NOW - 50);
    await caughtUp(second, 2);
    const [relay] = (await upstreams(second)).relays;
    assert.deepEqual([relay?.method, relay?.source, relay?.failures], ["negentropy", "configured", 0]);
    // Everything once: 3 listings, 200 labels, the new version, the rating and the deletion.
    assert.deepEqual([relay?.taken, relay?.passed_over], [206, 0]);
    assert.deepEqual(second.log, []);
  });

  it("an independent relay that compares nothing is read page by page, from where it was left", async (test: TestContext) => {
    const open = closing(test);
    const peer = await open(openPeerRelay());
    const key = generateSecretKey();
    const publisher = await open(connect(peer.url));
    // More than that relay gives for one request, many of them in one second.
    const labels = Array.from({ length: 1_200 }, (_, index) => label(key, `${index}`, NOW - Math.floor(index / 40)));
    for (const event of labels) publisher.send(["EVENT", event]);
    for (const _ of labels) assert.equal((await publisher.next())[2], true);
    await publisher.publish(manifest(key, "by-peer"));
    const host = await open(openTestEdge({ UPSTREAM_RELAYS: peer.url, ...EVERY_SECOND }));
    const reader = await open(connect(host.edge().relay_url));
    const count = async (): Promise<number> => {
      reader.send(["COUNT", "c", { kinds: [1985] }]);
      const [, , answer] = (await reader.until("COUNT")).at(-1) ?? [];
      return (answer as { count: number }).count;
    };
    await eventually(async () => (await count()) === 1_200);
    await eventually(async () => (await slugs(host)).join() === "by-peer");
    await caughtUp(host);
    const before = (await upstreams(host)).relays[0];
    assert.deepEqual([before?.method, before?.missed_seconds], ["paging", 0]);
    await host.restart();
    await publisher.publish(label(key, "later"));
    const again = await open(connect(host.edge().relay_url));
    await eventually(async () => (await again.query({ kinds: [1985] })).some(({ content }) => content === "later"));
    assert.equal((await upstreams(host)).relays[0]?.taken, (before?.taken ?? 0) + 1);
  });

  it("more events of one second than a page holds are all read, by kind and then by author", async (test: TestContext) => {
    const open = closing(test);
    const relay = await open(openFakeRelay({ page: 5 }));
    const keys = [generateSecretKey(), generateSecretKey(), generateSecretKey()];
    const second = NOW - 500;
    const events = keys.flatMap((key, author) => [
      ...Array.from({ length: 4 }, (_, index) => label(key, `${author} ${index}`, second)),
      ...Array.from({ length: 3 }, (_, index) =>
        signed(key, { kind: 30267, tags: [L, ["d", `${index}`]], created_at: second }),
      ),
      label(key, "earlier", second - 10),
      label(key, "later", second + 10),
    ]);
    for (const event of events) relay.add(event);
    const host = await open(openTestEdge({ UPSTREAM_RELAYS: relay.url, ...EVERY_SECOND }));
    const reader = await open(connect(host.edge().relay_url));
    await eventually(async () => (await upstreams(host)).relays[0]?.pulled_at_ms !== null);
    const found = await reader.query({ kinds: [1985, 30267] });
    assert.deepEqual(found.map(({ id }) => id).sort(), events.map(({ id }) => id).sort());
  });

  it("what is expired, protected or another application's is passed over and counted, and is not fetched again", async (test: TestContext) => {
    const open = closing(test);
    const key = generateSecretKey();
    const foreign = signed(key, { kind: 30053, tags: [["d", "a name"]], content: "{}" });
    const passed = [
      foreign,
      signed(key, { kind: 1985, tags: [L, ["expiration", `${NOW - 10}`]], content: "expired" }),
      signed(key, { kind: 1985, tags: [L, ["-"]], content: "protected" }),
      signed(key, { kind: 1985, tags: [L], content: "ahead", created_at: NOW + 3_600 }),
      { ...label(key, "true"), content: "forged" },
    ];
    const good = label(key, "good");
    const relay = await open(
      openHostileRelay({
        // It does not look at the filter.
        onFrame: ([verb, id, filter], say) => {
          if (verb === "NEG-OPEN") say(["NOTICE", "unknown command"]);
          if (verb !== "REQ") return;
          const isLabels = ((filter as { kinds?: number[] }).kinds ?? []).includes(30053);
          if (isLabels) for (const event of [...passed, good]) say(["EVENT", id, event]);
          say(["EOSE", id]);
        },
      }),
    );
    const host = await open(openTestEdge({ UPSTREAM_RELAYS: relay.url, ...EVERY_SECOND }));
    const reader = await open(connect(host.edge().relay_url));
    await eventually(async () => (await reader.query({ kinds: [1985] })).length === 1);
    await caughtUp(host);
    assert.deepEqual(await reader.query({ kinds: [30053] }), []);
    const { passed_over } = await upstreams(host);
    for (const code of ["foreign_event", "event_expired", "event_protected", "event_in_future", "event_id_mismatch"]) {
      assert.ok((passed_over[code] ?? 0) >= 1, `${code}: ${JSON.stringify(passed_over)}`);
    }
    assert.deepEqual(host.log, []);
  });

  it("relays that lie, flood, stall or point elsewhere cost their own turns only", async (test: TestContext) => {
    const open = closing(test);
    const key = generateSecretKey();
    const secret = await open(openHostileRelay({}));
    const several = (make: (index: number) => NostrEvent) => Array.from({ length: 80 }, (_, index) => make(index));
    const forged = several((index) => ({ ...label(key, `${index}`), content: "forged" }));
    const unasked = several((index) => signed(key, { kind: 4, content: `${index}` }));
    const stream =
      (events: readonly NostrEvent[]) =>
      ([verb, id]: readonly unknown[], say: (value: unknown) => void) => {
        if (verb === "NEG-OPEN") say(["NEG-ERR", id, "blocked: no"]);
        if (verb === "REQ")
          for (let index = 0; index < 2_000; index += 1) say(["EVENT", id, events[index % events.length]]);
      };
    const relays = {
      "forged|malformed": await open(openHostileRelay({ onFrame: stream(forged) })),
      "not what was asked for": await open(openHostileRelay({ onFrame: stream(unasked) })),
      "frame of": await open(
        openHostileRelay({ onFrame: ([, id], say) => say(["EVENT", id, { content: "x".repeat(2_000_000) }]) }),
      ),
      "not a JSON array": await open(openHostileRelay({ onFrame: (_, say) => say("{") })),
      "not text": await open(openHostileRelay({ onFrame: (_frame, _say, socket) => socket.send(Buffer.from([1, 2])) })),
      "does not follow the protocol": await open(
        openHostileRelay({ onFrame: ([verb, id], say) => verb === "NEG-OPEN" && say(["NEG-MSG", id, "6100"]) }),
      ),
      "opened no WebSocket": await open(openHostileRelay({ redirect: secret.url.replace("ws", "http") })),
      refused: await open(
        openHostileRelay({
          onFrame: ([verb, id], say) => say(verb === "REQ" ? ["CLOSED", id, "auth-required: who?"] : ["NOTICE", "?"]),
        }),
      ),
      "did not come to an end": await open(
        openHostileRelay({ onFrame: ([verb], say) => verb === "NEG-OPEN" && say(["NOTICE", "?"]) }),
      ),
      "could not be reached": { url: "ws://127.0.0.1:9/" },
      "closed the connection|was lost": await open(
        openHostileRelay({ onFrame: (_frame, _say, socket) => socket.terminate() }),
      ),
    };
    const good: FakeRelay = await open(openFakeRelay());
    good.add(label(key, "good"));
    const urls = [...Object.values(relays), good].map(({ url }) => url);
    const host = await open(openTestEdge({ UPSTREAM_RELAYS: urls.join(" "), ...EVERY_SECOND }));
    const reader = await open(connect(host.edge().relay_url));
    const started_ms = Date.now();
    await eventually(async () => (await reader.query({ kinds: [1985] })).length === 1);
    await eventually(async () =>
      (await upstreams(host)).relays.every(({ url, failures }) => url === good.url || failures > 0),
    );
    const { relays: seen } = await upstreams(host);
    for (const [pattern, { url }] of Object.entries(relays)) {
      const relay = seen.find((one) => one.url === url);
      assert.match(relay?.error ?? "", new RegExp(pattern), url);
      assert.ok((relay?.next_at_ms ?? 0) >= started_ms + 60_000, `${url} is left alone for a while`);
    }
    assert.equal(secret.connections(), 0);
    assert.deepEqual(
      (await reader.query({})).map(({ content }) => content),
      ["good"],
    );
    assert.deepEqual(host.log, []);
  });

  it("NIP-65: relays that an author writes to are asked for that author's events, and never private ones", async (test: TestContext) => {
    const open = closing(test);
    const [author, other] = [generateSecretKey(), generateSecretKey()];
    const listed = await open(openFakeRelay());
    const [hidden, read] = [await open(openHostileRelay({})), await open(openHostileRelay({}))];
    listed.add(manifest(author, "elsewhere", NOW - 5));
    listed.add(manifest(other, "not-asked-for", NOW - 5));
    const LISTED_RELAYS = `${listed.url} ${read.url}`;
    const host = await open(openTestEdge({ FOLLOW_RELAY_LISTS: "1", LISTED_RELAYS, ...EVERY_SECOND }));
    const client = await open(connect(host.edge().relay_url));
    await client.publish(manifest(author, "here", NOW - 5));
    const tags = [
      ["r", listed.url],
      ["r", read.url, "read"],
      ["r", hidden.url, "write"],
      ["r", hidden.url.replace("ws:", "wss:").replace("127.0.0.1", "localhost")],
      ["r", "wss://192.168.1.1/"],
      ["r", "wss://[::1]/"],
      ["r", "wss://user:password@relay.example.com/"],
      ["r", "not a relay"],
      ["r"],
    ];
    await client.publish(signed(author, { kind: 10002, tags }));
    await eventually(async () => (await slugs(host)).join() === "elsewhere,here");
    const { relays } = await upstreams(host);
    assert.deepEqual(
      relays.map(({ url, source }) => [url, source]),
      [[listed.url, "relay list"]],
    );
    assert.deepEqual([hidden.connections(), read.connections()], [0, 0]);
    const filters = listed.frames.flatMap(([verb, , filter]) =>
      verb === "REQ" ? [filter as { authors?: string[] }] : [],
    );
    assert.deepEqual([...new Set(filters.flatMap(({ authors }) => authors ?? ["anybody"]))], [getPublicKey(author)]);
  });

  it("lists of other applications are pulled of those whom this edge trusts, and of nobody else", async (test: TestContext) => {
    const open = closing(test);
    const [anchor, near, far] = [generateSecretKey(), generateSecretKey(), generateSecretKey()];
    const upstream = await open(openFakeRelay());
    const names = (by: Uint8Array, kind: number, whom: Uint8Array): NostrEvent =>
      signed(by, {
        kind,
        tags: [
          ["d", "30051"],
          ["p", getPublicKey(whom)],
        ],
        created_at: NOW - 5,
      });
    // Follow lists (NIP-02) of the anchor and of whom it follows; mute lists (NIP-51) of the operator.
    const wanted = [names(anchor, 3, near), names(near, 3, far), names(near, 10_000, far), names(near, 30_007, far)];
    const others = [names(far, 3, anchor), names(far, 10_000, near), names(anchor, 30_007, near)];
    for (const event of [...wanted, ...others]) upstream.add(event);
    const [TRUST_ANCHORS, OPERATOR] = [getPublicKey(anchor), getPublicKey(near)];
    const host = await open(openTestEdge({ UPSTREAM_RELAYS: upstream.url, TRUST_ANCHORS, OPERATOR, ...EVERY_SECOND }));
    const reader = await open(connect(host.edge().relay_url));
    const pulled = async () => (await reader.query({ kinds: [3, 10_000, 30_007] })).map(({ id }) => id).sort();
    await eventually(async () => (await pulled()).length === wanted.length);
    await caughtUp(host, 2);
    assert.deepEqual(await pulled(), wanted.map(({ id }) => id).sort());
  });
});
