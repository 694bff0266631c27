import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import NDK, {
  NDKEvent,
  type NDKFilter,
  NDKPrivateKeySigner,
  NDKRelayAuthPolicies,
  NDKSubscriptionCacheUsage,
} from "@nostr-dev-kit/ndk";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openRelayPool } from "@oa/worker/adapters/relay-pool.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import * as rust from "@rust-nostr/nostr-sdk";
import { SimplePool } from "nostr-tools/pool";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { openPeerRelay, type PeerRelay } from "../peers/nostr-relay.ts";
import { connect, eventually, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

/** Libraries that we did not write, as their users use them, against our relay; and our pool against another's relay. */
const L = ["L", "openagents.upgrade"];
let host: TestEdge;
let peer: PeerRelay;
/** Both libraries leave timers behind, which would keep this process waiting for minutes. */
const runtime = { setTimeout: globalThis.setTimeout, setInterval: globalThis.setInterval };
before(async () => {
  const { setTimeout: timeout, setInterval: interval } = runtime;
  globalThis.setTimeout = Object.assign((...given: Parameters<typeof timeout>) => timeout(...given).unref(), timeout);
  globalThis.setInterval = Object.assign(
    (...given: Parameters<typeof interval>) => interval(...given).unref(),
    interval,
  );
  host = await openTestEdge();
  peer = await openPeerRelay();
  await rust.loadWasmAsync();
});
after(async () => {
  await host.close();
  await peer.close();
  Object.assign(globalThis, runtime);
});
const relay = (): string => host.edge().relay_url;

describe("rust-nostr, another implementation of the protocol", () => {
  const keys = (): rust.Keys => rust.Keys.generate();
  const note = (content: string, ...tags: string[][]): rust.EventBuilder =>
    new rust.EventBuilder(new rust.Kind(1), content).tags([L, ...tags].map((tag) => rust.Tag.parse(tag)));
  const within = (): rust.Duration => rust.Duration.fromSecs(10);
  async function open(own: rust.Keys): Promise<rust.Client> {
    const client = new rust.Client(rust.NostrSigner.keys(own));
    await client.addRelay(relay());
    await client.connect();
    return client;
  }
  const contents = async (client: rust.Client, filter: object): Promise<readonly string[]> =>
    (await client.fetchEvents(rust.Filter.fromJson(JSON.stringify(filter)), within()))
      .toVec()
      .map(({ content }) => content);

  test("publishes, finds by conditions and by words, counts, replaces and deletes", async () => {
    const own = keys();
    const client = await open(own);
    const authors = [own.publicKey.toHex()];
    const sent = await client.sendEventBuilder(note("the rusty night run", ["t", "rust"]));
    await client.sendEventBuilder(note("another one"));
    assert.deepEqual(sent.success, [relay()]);
    assert.deepEqual(await contents(client, { authors, "#t": ["rust"] }), ["the rusty night run"]);
    assert.deepEqual(await contents(client, { authors, search: "rusty nigh" }), ["the rusty night run"]);
    const one = await client.relay(relay());
    assert.equal(await one.countEvents(rust.Filter.fromJson(JSON.stringify({ authors })), within()), 2n);
    for (const name of ["first", "second"]) {
      await client.sendEventBuilder(
        new rust.EventBuilder(new rust.Kind(0), JSON.stringify({ name })).customCreatedAt(
          rust.Timestamp.fromSecs(name === "first" ? NOW - 5 : NOW),
        ),
      );
    }
    assert.deepEqual(await contents(client, { authors, kinds: [0] }), ['{"name":"second"}']);
    const request = new rust.EventDeletionRequest();
    request.ids = [sent.id];
    await client.sendEventBuilder(rust.EventBuilder.delete(request));
    assert.deepEqual(await contents(client, { authors, kinds: [1] }), ["another one"]);
    await client.shutdown();
  });

  test("NIP-77: compares its events with the relay's, and finds what is missing on either side", async () => {
    const own = keys();
    const publisher = await connect(relay());
    const key = generateSecretKey();
    const events = Array.from({ length: 150 }, (_, index) =>
      signed(key, { kind: 1985, tags: [L], content: `${index}`, created_at: NOW - (index % 4) }),
    );
    for (const event of events) await publisher.publish(event);
    await publisher.close();
    const client = await open(own);
    const filter = rust.Filter.fromJson(JSON.stringify({ kinds: [1985], authors: [getPublicKey(key)] }));
    const { report, success } = await client.sync(filter, new rust.SyncOptions());
    assert.deepEqual(success, [relay()]);
    assert.deepEqual(report.remote.map((id) => id.toHex()).sort(), events.map(({ id }) => id).sort());
    await client.shutdown();
  });

  test("NIP-42 and NIP-59: reads what is sealed for it, once it has said who it is", async () => {
    const [alice, bob] = [keys(), keys()];
    const [sender, reader] = [await open(alice), await open(bob)];
    reader.automaticAuthentication(true);
    const filter = { kinds: [1059], "#p": [bob.publicKey.toHex()] };
    await sender.sendPrivateMsg(bob.publicKey, "for bob only", []);
    await eventually(async () => (await contents(reader, filter)).length === 1);
    assert.deepEqual(await contents(sender, { "#p": [bob.publicKey.toHex()] }), []);
    await sender.shutdown();
    await reader.shutdown();
  });

  test("refuses none of our own events, and we refuse none of its", async () => {
    const client = await connect(relay());
    const json = (await note('signed in Rust ☃ \u{1f980} \u2028 "quoted"').signWithKeys(keys())).asJson();
    assert.equal((await client.publish(JSON.parse(json) as NostrEvent))[2], true);
    const own = signed(generateSecretKey(), { kind: 1, tags: [L], content: 'signed here ☃ \u{1f980} \u2028 "quoted"' });
    assert.equal(rust.Event.fromJson(JSON.stringify(own)).verify(), true);
    await client.close();
  });
});

describe("NDK", () => {
  test("publishes, subscribes, counts, searches and deletes", async () => {
    const key = generateSecretKey();
    const ndk = new NDK({
      explicitRelayUrls: [relay()],
      signer: new NDKPrivateKeySigner(key),
      enableOutboxModel: false,
    });
    await ndk.connect(5_000);
    const authors = [getPublicKey(key)];
    const heard: string[] = [];
    const live = ndk.subscribe(
      { authors, kinds: [1] },
      { closeOnEose: false },
      { onEvent: ({ content }) => heard.push(content) },
    );
    const make = (content: string): NDKEvent => {
      const event = new NDKEvent(ndk);
      Object.assign(event, { kind: 1, content, tags: [L] });
      return event;
    };
    const event = make("by a dev kit");
    assert.equal((await event.publish()).size, 1);
    await make("and another").publish();
    await eventually(async () => heard.length === 2);
    // A question on the same connection: what comes for the subscription has come by its answer.
    assert.equal((await ndk.count({ authors, kinds: [1] })).count, 2);
    live.stop();
    // By another client: one hands whatever arrives to all of its subscriptions, and leaves a search out of the match.
    const reader = new NDK({ explicitRelayUrls: [relay()], enableOutboxModel: false });
    await reader.connect(5_000);
    const find = async (filter: NDKFilter): Promise<readonly string[]> =>
      [
        ...(await reader.fetchEvents(filter, { groupable: false, cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY })),
      ].map(({ content }) => content);
    assert.deepEqual(await find({ authors, kinds: [1], search: "kit" }), ["by a dev kit"]);
    await event.delete("a mistake");
    await eventually(async () => (await find({ authors, kinds: [1], since: NOW - 100 })).length === 1);
    for (const { pool } of [ndk, reader]) for (const each of pool.relays.values()) each.disconnect();
  });

  test("NIP-42: signs in where the relay asks it to, and publishes what only its author may", async () => {
    const key = generateSecretKey();
    const ndk = new NDK({
      explicitRelayUrls: [relay()],
      signer: new NDKPrivateKeySigner(key),
      enableOutboxModel: false,
    });
    ndk.relayAuthDefaultPolicy = NDKRelayAuthPolicies.signIn({ ndk });
    await ndk.connect(5_000);
    const event = new NDKEvent(ndk);
    Object.assign(event, { kind: 1, content: "protected", tags: [L, ["-"]] });
    await eventually(async () => (await event.publish().catch(() => new Set())).size === 1);
    for (const each of ndk.pool.relays.values()) each.disconnect();
  });
});

describe("nostr-tools' SimplePool", () => {
  test("publishes to our relay and another's at once, subscribes to both and hears each event once", async () => {
    const pool = new SimplePool();
    const key = generateSecretKey();
    const relays = [relay(), peer.url];
    const heard: string[] = [];
    const live = pool.subscribeMany(
      relays,
      { authors: [getPublicKey(key)], kinds: [1] },
      { onevent: ({ id }) => heard.push(id) },
    );
    const event = finalizeEvent({ kind: 1, created_at: NOW, tags: [L], content: "to both" }, key);
    await Promise.all(pool.publish(relays, event));
    await eventually(async () => heard.length > 0);
    assert.deepEqual(heard, [event.id]);
    assert.equal((await pool.querySync(relays, { ids: [event.id] })).length, 1);
    const gone = finalizeEvent({ kind: 5, created_at: NOW, tags: [["e", event.id]], content: "" }, key);
    await Promise.all(pool.publish([relay()], gone));
    assert.deepEqual(await pool.querySync([relay()], { ids: [event.id] }), []);
    live.close();
    pool.close(relays);
  });
});

test("the worker's own pool publishes to, reads and follows a relay that is not ours", async () => {
  const key = generateSecretKey();
  const pool = openRelayPool({
    schnorr: await loadSchnorr(),
    signAuth: (template) => signEvent(template, key, new Uint8Array(32)),
  });
  const stop = new AbortController();
  const limits = { timeout_ms: 10_000, signal: stop.signal };
  const events = Array.from({ length: 250 }, (_, index) =>
    signed(key, { kind: 1, tags: [L], content: `${index}`, created_at: NOW - 1_000 + index }),
  );
  for (const event of events) assert.deepEqual((await pool.publish(event, [peer.url], limits))[0]?.accepted, true);
  const filters = [{ kinds: [1], authors: [getPublicKey(key)] }];
  // That relay gives a hundred events for a request, so the rest comes in pages.
  const heard = new Set<string>();
  pool.subscribe({ relays: [peer.url], filters, on_event: ({ id }) => void heard.add(id) }, stop.signal);
  await eventually(async () => heard.size === events.length);
  const live = signed(key, { kind: 1, tags: [L], content: "live", created_at: NOW });
  await pool.publish(live, [peer.url], limits);
  await eventually(async () => heard.has(live.id));
  const forged = { ...live, id: "0".repeat(64) };
  assert.equal((await pool.publish(forged, [peer.url], limits))[0]?.accepted, false);
  stop.abort();
  pool.close();
});

test("nothing of this was a failure of the relay's own", () => {
  assert.deepEqual(host.log, []);
});
