import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { type Bunker, parseBunker } from "@oa/shared/nostr/remote-signing.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { BunkerSigner, parseBunkerInput } from "nostr-tools/nip46";
import { type FakeRelay, openFakeRelay } from "../../test/fakes/relay.ts";
import { type FakeSigner, type FakeSignerOptions, openFakeSigner } from "../../test/fakes/remote-signer.ts";
import { openRelayPool, type RelayPool } from "./relay-pool.ts";
import { awaitSigner, openRemoteSigner, type RemoteSignerOptions } from "./remote-signer.ts";

const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const client = { secret_key: key(3), public_key: publicKeyOf(key(3)) };
const template = { kind: 30051, created_at: 1_766_000_000, tags: [["d", "a"]], content: "hello" };
let relay: FakeRelay;
let pool: RelayPool;
const signers: FakeSigner[] = [];
before(async () => {
  relay = await openFakeRelay();
  pool = openRelayPool({ schnorr: pureSchnorr });
});
after(async () => {
  for (const signer of signers) signer.close();
  pool.close();
  await relay.close();
});

let next = 10;
async function fake(options: Partial<FakeSignerOptions> = {}): Promise<FakeSigner> {
  next += 1;
  const signer = await openFakeSigner(relay.url, { author_key: key(1), signer_key: key(next), ...options });
  signers.push(signer);
  return signer;
}
function bunkerOf({ url }: FakeSigner): Bunker {
  const bunker = parseBunker(url);
  assert.ok(!isRejection(bunker));
  return bunker;
}
const connect = (signer: FakeSigner, options: Partial<RemoteSignerOptions> = {}) =>
  openRemoteSigner(bunkerOf(signer), {
    ...{ pool, client, schnorr: pureSchnorr, showPage: () => undefined, signal: new AbortController().signal },
    ...options,
  });
const fault =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code && !error.message.includes("first-time-only");

test("the fake signer is one that an independent client understands", async () => {
  const signer = await fake();
  const pointer = await parseBunkerInput(signer.url);
  assert.ok(pointer !== null);
  const other = BunkerSigner.fromBunker(key(9), pointer);
  assert.equal(await other.getPublicKey(), publicKeyOf(key(1)));
  await other.close();
});

test("a remote signer signs as the author it holds the key of, which is not its own", async () => {
  const fakeSigner = await fake();
  const signer = await connect(fakeSigner);
  assert.equal(signer.public_key, publicKeyOf(key(1)));
  const event = await signer.sign(template);
  assert.deepEqual([event.pubkey, event.content, event.tags], [signer.public_key, "hello", [["d", "a"]]]);
  assert.deepEqual(
    fakeSigner.asked.map(({ method }) => method),
    ["connect", "get_public_key", "sign_event"],
  );
  assert.equal(fakeSigner.asked[0]?.params[1], "first-time-only");
  signer.close();
});

test("without a secret it was connected before, and is not asked to connect again", async () => {
  const fakeSigner = await fake();
  const bunker = { ...bunkerOf(fakeSigner), secret: null };
  const { signal } = new AbortController();
  const options = { ...{ pool, client, schnorr: pureSchnorr, signal }, showPage: () => undefined };
  const signer = await openRemoteSigner(bunker, options);
  assert.deepEqual(
    fakeSigner.asked.map(({ method }) => method),
    ["get_public_key"],
  );
  signer.close();
});

for (const [what, tamper] of [
  ["another content", (event) => ({ ...event, content: "malware" })],
  ["another kind", (event) => ({ ...event, kind: 5 })],
  ["another time", (event) => ({ ...event, created_at: event.created_at + 1 })],
  ["another tag", (event) => ({ ...event, tags: [...event.tags, ["e", "x"]] })],
] as readonly [string, NonNullable<FakeSignerOptions["tamper"]>][]) {
  test(`a signer that signs ${what} than it was asked to is refused`, async () => {
    const signer = await connect(await fake({ tamper }));
    await assert.rejects(signer.sign(template), fault("signer_answer_wrong"));
    signer.close();
  });
}

test("a signer that signs with another key, or gives no event, is refused", async () => {
  const named = await connect(
    await fake({ answer: ({ method }) => (method === "get_public_key" ? { result: publicKeyOf(key(5)) } : undefined) }),
  );
  await assert.rejects(named.sign(template), fault("signer_answer_wrong"));
  const talking = await connect(
    await fake({ answer: ({ method }) => (method === "sign_event" ? { result: "done" } : undefined) }),
  );
  await assert.rejects(talking.sign(template), fault("signer_answer_wrong"));
  const keyless = await fake({ answer: ({ method }) => (method === "get_public_key" ? { result: "me" } : undefined) });
  await assert.rejects(connect(keyless), fault("signer_answer_wrong"));
  const greeting = await fake({ answer: ({ method }) => (method === "connect" ? { result: "hello" } : undefined) });
  await assert.rejects(connect(greeting), fault("signer_answer_wrong"));
});

test("a refusal is told in the signer's words, on one line", async () => {
  const signer = await connect(
    await fake({ answer: ({ method }) => (method === "sign_event" ? { error: "not\nallowed\u001b[31m" } : undefined) }),
  );
  await assert.rejects(
    signer.sign(template),
    (error: unknown) => fault("signer_refused")(error) && (error as Fault).message.endsWith("not allowed [31m"),
  );
});

test("a page to confirm at is shown, and what is signed after it is taken", async () => {
  const pages: string[] = [];
  const auth_url = "https://signer.example/confirm?id=1";
  const signer = await connect(await fake({ auth_url }), { showPage: (url) => void pages.push(url) });
  await signer.sign(template);
  assert.deepEqual(pages, [auth_url, auth_url, auth_url]);
  signer.close();
});

test("a page that is no web address is not shown", async () => {
  for (const auth_url of ["javascript:alert(1)", "file:///etc/passwd", "https://a b", ""]) {
    const pages: string[] = [];
    const showPage = (url: string): void => void pages.push(url);
    await assert.rejects(connect(await fake({ auth_url }), { showPage }), fault("signer_answer_wrong"), auth_url);
    assert.deepEqual(pages, []);
  }
});

test("a signer that does not answer, or only sends to a page, is given up in time", async () => {
  await assert.rejects(connect(await fake({ answer: () => null }), { answer_ms: 50 }), fault("timeout"));
  const page = await fake({ answer: () => null, auth_url: "https://signer.example/" });
  await assert.rejects(connect(page, { answer_ms: 5_000, auth_ms: 50 }), fault("timeout"));
});

test("a relay that takes no requests, and an owner who gives up, end it at once", async () => {
  const closed = await openFakeRelay({ accept: () => [false, "blocked: no"] });
  const bunker = { signer: publicKeyOf(key(4)), relays: [closed.url], secret: null };
  const options = { pool, client, schnorr: pureSchnorr, showPage: () => undefined };
  await assert.rejects(
    openRemoteSigner(bunker, { ...options, signal: new AbortController().signal }),
    fault("relay_unreachable"),
  );
  await closed.close();
  const leaving = new AbortController();
  const waiting = openRemoteSigner(bunkerOf(await fake({ answer: () => null })), {
    ...options,
    signal: leaving.signal,
  });
  leaving.abort();
  await assert.rejects(waiting, fault("canceled"));
});

test("what the signer's own key sends that cannot be read ends what was asked", async () => {
  await assert.rejects(connect(await fake({ noise: true })), fault("signer_answer_wrong"));
});

test("somebody else's answers are not heard", async () => {
  const stranger = await fake();
  const fakeSigner = await fake({
    answer: ({ client: to, id }) => {
      stranger.say(to, { id, result: "ack" });
      return null;
    },
  });
  const waiting = connect(fakeSigner, { answer_ms: 300 });
  await assert.rejects(waiting, fault("timeout"));
});

test("a signer that was shown the address connects, one that guesses does not", async () => {
  const [good, guessing] = [await fake(), await fake()];
  const bunker = await awaitSigner([relay.url], {
    ...{ pool, client, signal: new AbortController().signal },
    show: (address) => {
      guessing.connectTo(`nostrconnect://${client.public_key}?secret=guess`);
      good.connectTo(address);
    },
  });
  assert.deepEqual(bunker, { ...bunkerOf(good), secret: null });
  const none = awaitSigner([relay.url], {
    ...{ pool, client, signal: new AbortController().signal, auth_ms: 100 },
    show: () => guessing.connectTo(`nostrconnect://${client.public_key}?secret=guess`),
  });
  await assert.rejects(none, fault("timeout"));
});
