import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Fault } from "@oa/shared/core/refusal.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent, SchnorrVerify, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openRelayPool, type RelayPool, type RelayPoolOptions } from "@oa/worker/adapters/relay-pool.ts";
import type { CursorStore } from "@oa/worker/adapters/relay-subscription.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { type FakeRelay, type FakeRelayOptions, openFakeRelay } from "../fakes/relay.ts";

let schnorr: SchnorrVerify;
const secret = randomBytes(32);
const START = 1_700_000_000;
const note = (content: string, created_at = START, kind = 1): NostrEvent =>
  signEvent({ kind, content, tags: [], created_at }, secret, randomBytes(32));
const limits = { timeout_ms: 5_000, signal: new AbortController().signal };

before(async () => {
  schnorr = await loadSchnorr();
});

/** Relays and a pool for one test, closed after it. */
async function set(
  relays: readonly FakeRelayOptions[],
  body: (pool: RelayPool, relays: readonly FakeRelay[], signal: AbortSignal) => Promise<void>,
  options: Partial<RelayPoolOptions> = {},
): Promise<void> {
  const open = await Promise.all(relays.map(openFakeRelay));
  const pool = openRelayPool({ schnorr, ...options });
  const stop = new AbortController();
  try {
    await body(pool, open, stop.signal);
  } finally {
    stop.abort();
    pool.close();
    await Promise.all(open.map((relay) => relay.close()));
  }
}
const at = (relays: readonly FakeRelay[], index = 0): FakeRelay => {
  const relay = relays[index];
  assert.ok(relay);
  return relay;
};
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await setTimeout(5);
};
function cursors(): CursorStore & { readonly values: Map<string, number> } {
  const values = new Map<string, number>();
  return {
    values,
    get: (relay) => values.get(relay) ?? null,
    set: (relay, _subscription, created_at) => void values.set(relay, created_at),
  };
}

test("each relay answers for itself: taken, refused, unreachable, silent", async () => {
  const refuse = { accept: () => [false, "blocked: not here"] as const };
  const silent = { accept: () => null };
  await set([{}, refuse, silent, { mute: true }], async (pool, relays) => {
    const urls = [...relays.map(({ url }) => url), "ws://127.0.0.1:1/", "https://example.com/", "nonsense"];
    const answers = await pool.publish(note("hello"), urls, { ...limits, timeout_ms: 300 });
    assert.deepEqual(
      answers.map(({ relay, accepted }) => [relay, accepted]),
      urls.map((url, index) => [url, index === 0]),
    );
    const messages = answers.map(({ message }) => message);
    assert.equal(messages[1], "blocked: not here");
    assert.match(messages[2] ?? "", /did not answer within 300 ms/);
    assert.match(messages[3] ?? "", /did not answer within 300 ms/);
    assert.match(messages[4] ?? "", /could not be reached/);
    assert.match(messages[5] ?? "", /not a relay's address/);
    assert.match(messages[6] ?? "", /not a relay's address/);
    assert.equal(at(relays).events.length, 1);
  });
});

test("a relay named twice is asked once, and a canceled publish is an answer", async () => {
  await set([{ accept: () => null }, {}], async (pool, relays) => {
    const url = at(relays, 1).url;
    assert.equal((await pool.publish(note("x"), [url, url], limits)).length, 1);
    const abort = new AbortController();
    const pending = pool.publish(note("y"), [at(relays).url], { ...limits, signal: abort.signal });
    await until(() => at(relays).frames.length > 0);
    abort.abort();
    assert.deepEqual(
      (await pending).map(({ accepted, message }) => [accepted, message]),
      [[false, "publishing was canceled"]],
    );
  });
});

test("a relay that asks who is there is told, where there is a signer", async () => {
  const signAuth: RelayPoolOptions["signAuth"] = (template) => signEvent(template, secret, randomBytes(32));
  await set(
    [{ challenge: "c1" }],
    async (pool, relays) => {
      const [answer] = await pool.publish(note("hello"), [at(relays).url], limits);
      assert.equal(answer?.accepted, true);
      const auth = at(relays).frames.find(([verb]) => verb === "AUTH")?.[1] as NostrEvent;
      assert.equal(auth.kind, 22242);
      assert.deepEqual(auth.tags, [
        ["relay", at(relays).url],
        ["challenge", "c1"],
      ]);
    },
    { signAuth },
  );
  await set([{ challenge: "c1" }], async (pool, relays) => {
    const [answer] = await pool.publish(note("hello"), [at(relays).url], limits);
    assert.equal(answer?.accepted, false);
    assert.match(answer?.message ?? "", /^auth-required:/);
  });
});

test("a query gives each valid event once and drops what was forged or not asked for", async () => {
  await set([{}, {}], async (pool, relays) => {
    const good = note("good");
    const forged = { ...note("real"), content: "forged" };
    for (const relay of relays) relay.events.push(good, forged);
    const found = await pool.query(
      relays.map(({ url }) => url),
      [{ kinds: [1] }],
      limits,
    );
    assert.deepEqual(
      found.map(({ id }) => id),
      [good.id],
    );
  });
});

test("a query is answered by the relays that can; with none it says why", async () => {
  await set([{}, { mute: true }], async (pool, relays) => {
    at(relays).events.push(note("good"));
    const urls = [at(relays).url, at(relays, 1).url, "ws://127.0.0.1:1/"];
    assert.equal((await pool.query(urls, [{ kinds: [1] }], { ...limits, timeout_ms: 300 })).length, 1);
    assert.deepEqual(await pool.query([at(relays).url], [{ kinds: [7] }], limits), []);
    await assert.rejects(
      pool.query(["ws://127.0.0.1:1/"], [{ kinds: [1] }], limits),
      (error: Fault) => error.code === "relay_unreachable" && error.retryable,
    );
    await assert.rejects(
      pool.query(urls, [{ kinds: [1] }], { ...limits, signal: AbortSignal.abort() }),
      (error: Fault) => error.code === "canceled",
    );
  });
});

test("a subscription hears what is stored and what is new, once, from whichever relay", async () => {
  await set([{}, {}], async (pool, relays, signal) => {
    const heard: string[] = [];
    const stored = note("stored");
    for (const relay of relays) relay.events.push(stored);
    const on_event = (event: VerifiedEvent): void => void heard.push(event.content);
    pool.subscribe({ relays: relays.map(({ url }) => url), filters: [{ kinds: [1] }], on_event }, signal);
    await until(() => relays.every(({ frames }) => frames.length >= 2));
    const fresh = note("fresh", START + 1);
    for (const relay of relays) relay.add(fresh);
    at(relays).add({ ...note("x", START + 2), content: "forged" });
    at(relays).add(note("last", START + 3));
    await until(() => heard.includes("last"));
    assert.deepEqual(heard, ["stored", "fresh", "last"]);
  });
});

test("a relay that sends its newest only is read back page by page", async () => {
  await set([{ page: 3 }], async (pool, relays, signal) => {
    const heard = new Set<string>();
    for (let index = 0; index < 11; index += 1) at(relays).add(note(`n${index}`, START + index));
    const since = cursors();
    const on_event = (event: VerifiedEvent): void => void heard.add(event.content);
    pool.subscribe({ relays: [at(relays).url], filters: [{ kinds: [1] }], since, on_event }, signal);
    await until(() => since.values.size > 0);
    assert.equal(heard.size, 11);
    assert.equal(since.values.get(at(relays).url), START + 10);
  });
});

test("after a lost connection it asks from where it was, with an overlap, and hears what it missed once", async () => {
  await set([{}], async (pool, relays, signal) => {
    const relay = at(relays);
    const heard: string[] = [];
    const since = cursors();
    relay.add(note("one", START));
    const on_event = (event: VerifiedEvent): void => void heard.push(event.content);
    pool.subscribe({ relays: [relay.url], filters: [{ kinds: [1] }], since, on_event }, signal);
    await until(() => since.values.get(relay.url) === START);
    relay.drop();
    relay.events.unshift(note("missed", START + 5));
    await until(() => since.values.get(relay.url) === START + 5);
    assert.deepEqual(heard, ["one", "missed"]);
    const asked = relay.frames.filter(([verb]) => verb === "REQ").map(([, , filter]) => filter as { since?: number });
    assert.equal(asked[0]?.since, undefined);
    assert.ok(asked.some((filter) => filter.since === START - LIMITS.relay_overlap_s));
  });
});

test("an event that could not be handled comes again and holds the cursor", async () => {
  await set([{}], async (pool, relays, signal) => {
    const relay = at(relays);
    const since = cursors();
    relay.add(note("hard", START));
    let attempts = 0;
    const on_event = (): void => {
      attempts += 1;
      assert.equal(since.values.size, 0);
      if (attempts === 1) throw new Error("not now");
    };
    pool.subscribe({ relays: [relay.url], filters: [{ kinds: [1] }], since, on_event }, signal);
    await until(() => since.values.get(relay.url) === START);
    assert.equal(attempts, 2);
  });
});

test("an event dated ahead does not move the cursor past now", async () => {
  await set([{}], async (pool, relays, signal) => {
    const since = cursors();
    at(relays).add(note("ahead", Math.floor(Date.now() / 1_000) + 600));
    const on_event = (): void => undefined;
    pool.subscribe({ relays: [at(relays).url], filters: [{ kinds: [1] }], since, on_event }, signal);
    await until(() => since.values.size > 0);
    assert.ok((since.values.get(at(relays).url) ?? 0) <= Date.now() / 1_000);
  });
});

test("a relay that sends a huge frame or no JSON is dropped and the others go on", async () => {
  await set([{}, {}], async (pool, relays, signal) => {
    const heard: string[] = [];
    const on_event = (event: VerifiedEvent): void => void heard.push(event.content);
    pool.subscribe({ relays: relays.map(({ url }) => url), filters: [{ kinds: [1] }], on_event }, signal);
    await until(() => relays.every(({ frames }) => frames.length >= 1));
    for (const text of ["x".repeat(LIMITS.relay_frame_chars + 1), "{}", '["EVENT"]', '["OK",1]', "]["])
      at(relays).say(text);
    at(relays, 1).add(note("fine"));
    await until(() => heard.includes("fine"));
  });
});

test("a relay that is not there does not stop a subscription from ending", async () => {
  await set([{}], async (pool, relays, signal) => {
    let heard = 0;
    const on_event = (): void => {
      heard += 1;
    };
    pool.subscribe({ relays: ["ws://127.0.0.1:1/", at(relays).url], filters: [{ kinds: [1] }], on_event }, signal);
    at(relays).add(note("x"));
    await until(() => heard === 1);
  });
});
