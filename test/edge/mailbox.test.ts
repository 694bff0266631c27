import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { MailboxPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { type HttpRequestClaim, httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { openTestEdge, signed, type TestEdge } from "./fixture.ts";

const worker = generateSecretKey();
const phone = generateSecretKey();
const stranger = generateSecretKey();
const WORKER = getPublicKey(worker);
let host: TestEdge;

before(async () => {
  host = await openTestEdge();
});
after(() => host.close());

const now = () => Math.floor(Date.now() / 1000);
const sign = (by: Uint8Array, claim: HttpRequestClaim, at = now()) =>
  httpAuthHeader(finalizeEvent(httpAuthTemplate(claim, at, randomUUID()), by));
const url = (path: string, of = WORKER) => `${host.edge().url}/v1/workers/${of}${path}`;

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: { readonly code: string; readonly message: string } } & Record<string, unknown>;
}
async function ask(method: string, address: string, authorization: string, body?: string): Promise<Answer> {
  const response = await fetch(address, {
    method,
    headers: { authorization, "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}
const call = (by: Uint8Array, method: string, path: string, value?: unknown, of = WORKER): Promise<Answer> => {
  const body = value === undefined ? {} : { body: JSON.stringify(value) };
  return ask(method, url(path, of), sign(by, { url: url(path, of), method, ...body }), body.body);
};
const code = ({ status, body }: Answer) => (body.error === undefined ? `${status}` : `${status} ${body.error.code}`);
let wraps = 0;
const sealed = (recipient = WORKER, kind = 1059): NostrEvent => {
  wraps += 1;
  return signed(generateSecretKey(), { kind, tags: [["p", recipient]], content: `sealed ${wraps}` });
};
const pair = () => call(worker, "PUT", "/signers", { signers: [getPublicKey(phone)] });
const waiting = async (): Promise<MailboxPage> => {
  const { body } = await call(worker, "GET", "/installs?after=0");
  const page: unknown = body;
  assert.ok(validators.isMailboxPage(page), JSON.stringify(body));
  return page;
};

test("before the worker has named signers its mailbox is empty and takes nothing", async () => {
  assert.deepEqual(await waiting(), { installs: [], next_after: null });
  assert.equal(code(await call(phone, "POST", "/installs", { event: sealed() })), "403 not_permitted");
});

test("a paired signer leaves a sealed config, the worker reads it and acknowledges it", async () => {
  assert.equal(code(await pair()), "200");
  const event = sealed();
  const left = await call(phone, "POST", "/installs", { event });
  assert.deepEqual([left.status, left.body], [201, { deposit_id: event.id }]);
  assert.equal(code(await call(phone, "POST", "/installs", { event })), "201");
  const { installs } = await waiting();
  assert.equal(installs.length, 1);
  assert.deepEqual([installs[0]?.deposit_id, installs[0]?.signer], [event.id, getPublicKey(phone)]);
  assert.deepEqual(installs[0]?.event, event);
  assert.equal(code(await call(phone, "DELETE", `/installs/${event.id}`)), "403 not_permitted");
  assert.equal(code(await call(worker, "DELETE", `/installs/${event.id}`)), "200");
  assert.equal(code(await call(worker, "DELETE", `/installs/${event.id}`)), "404 not_found");
  assert.deepEqual((await waiting()).installs, []);
});

test("a stranger leaves nothing, reads nothing and names nobody", async () => {
  assert.equal(code(await call(stranger, "POST", "/installs", { event: sealed() })), "403 not_permitted");
  assert.equal(code(await call(stranger, "GET", "/installs")), "403 not_permitted");
  assert.equal(code(await call(phone, "GET", "/installs")), "403 not_permitted");
  assert.equal(code(await call(stranger, "PUT", "/signers", { signers: [] })), "403 not_permitted");
});

test("an authorisation is used once", async () => {
  const body = JSON.stringify({ event: sealed() });
  const header = sign(phone, { url: url("/installs"), method: "POST", body });
  assert.equal(code(await ask("POST", url("/installs"), header, body)), "201");
  assert.equal(code(await ask("POST", url("/installs"), header, body)), "401 auth_replayed");
  const read = sign(worker, { url: url("/installs"), method: "GET" });
  assert.equal(code(await ask("GET", url("/installs"), read)), "200");
  assert.equal(code(await ask("GET", url("/installs"), read)), "401 auth_replayed");
  await host.restart();
  const header_again = sign(phone, { url: url("/installs"), method: "POST", body });
  assert.equal(code(await ask("POST", url("/installs"), header_again, body)), "201");
});

test("an authorisation for another body, URL, method or time is refused", async () => {
  const body = JSON.stringify({ event: sealed() });
  const claim = { url: url("/installs"), method: "POST", body };
  const post = (header: string) => ask("POST", url("/installs"), header, body);
  assert.equal(code(await post(sign(phone, { ...claim, body: "{}" }))), "401 auth_invalid");
  assert.equal(code(await post(sign(phone, { url: claim.url, method: "POST" }))), "401 auth_invalid");
  assert.equal(code(await post(sign(phone, { ...claim, url: `${claim.url}?x=1` }))), "401 auth_invalid");
  assert.equal(
    code(await post(sign(phone, { ...claim, url: url("/installs", getPublicKey(phone)) }))),
    "401 auth_invalid",
  );
  assert.equal(code(await post(sign(phone, { ...claim, method: "PUT" }))), "401 auth_invalid");
  assert.equal(code(await post(sign(phone, claim, now() - 120))), "401 auth_stale");
  assert.equal(code(await post(sign(phone, claim, now() + 120))), "401 auth_stale");
  assert.equal(code(await post("Bearer token")), "401 auth_invalid");
  assert.equal(code(await post("")), "401 auth_required");
});

test("only an event sealed to this worker is taken", async () => {
  const post = async (event: unknown) => code(await call(phone, "POST", "/installs", { event }));
  assert.equal(await post(sealed(getPublicKey(phone))), "422 schema_invalid");
  assert.equal(await post(sealed(WORKER, 1)), "422 schema_invalid");
  assert.equal(await post({ ...sealed(), content: "altered" }), "400 event_id_mismatch");
  assert.equal(await post({ ...sealed(), sig: "0".repeat(128) }), "400 signature_invalid");
  assert.equal(await post("none"), "422 schema_invalid");
});

test("a body that is no JSON, says a thing twice or is too large is refused", async () => {
  const send = async (body: string) =>
    code(await ask("POST", url("/installs"), sign(phone, { url: url("/installs"), method: "POST", body }), body));
  assert.equal(await send("not json"), "400 json_invalid");
  assert.equal(await send('{"event":1,"event":2}'), "400 json_duplicate_key");
  assert.equal(await send(JSON.stringify({ event: sealed(), extra: 1 })), "422 schema_invalid");
  assert.equal(await send(`"${"x".repeat(LIMITS.mailbox_body_bytes)}"`), "413 too_large");
});

test("a worker is named by its key, and signers by theirs", async () => {
  assert.equal(code(await call(worker, "GET", "/installs", undefined, "me")), "400 usage");
  assert.equal(code(await call(worker, "PUT", "/signers", { signers: ["npub1xyz"] })), "422 schema_invalid");
  assert.equal(code(await call(worker, "GET", "/installs?after=-1")), "400 usage");
});

test("what waits survives a restart, comes in pages, and goes when its signer is no longer paired", async () => {
  await pair();
  for (const { deposit_id } of (await waiting()).installs) await call(worker, "DELETE", `/installs/${deposit_id}`);
  const events = Array.from({ length: LIMITS.mailbox_page + 3 }, () => sealed());
  for (const event of events) assert.equal(code(await call(phone, "POST", "/installs", { event })), "201");
  await host.restart();
  const first = await waiting();
  assert.equal(first.installs.length, LIMITS.mailbox_page);
  const rest = (await call(worker, "GET", `/installs?after=${first.next_after}`)).body as unknown as MailboxPage;
  const seen = [...first.installs, ...rest.installs].map(({ deposit_id }) => deposit_id);
  assert.deepEqual(
    seen,
    events.map(({ id }) => id),
  );
  assert.equal(rest.next_after, null);
  assert.equal(code(await call(worker, "PUT", "/signers", { signers: [] })), "200");
  assert.deepEqual((await waiting()).installs, []);
  assert.equal(code(await call(phone, "POST", "/installs", { event: sealed() })), "403 not_permitted");
});

test("a deposit that waits for too long is gone, and its content with it", async () => {
  await pair();
  const [old, fresh] = [sealed(), sealed()];
  for (const event of [old, fresh]) assert.equal(code(await call(phone, "POST", "/installs", { event })), "201");
  const kept_until = new Date(Date.now() - LIMITS.mailbox_deposit_ms - 1_000).toISOString();
  await host.whileStopped(async () => {
    for (const name of await readdir(host.data_dir, { recursive: true })) {
      if (!name.endsWith(".sqlite")) continue;
      const database = new DatabaseSync(join(host.data_dir, name));
      const isMailbox = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'proj_mailbox'").get() !== undefined;
      if (isMailbox) {
        database.prepare("UPDATE proj_mailbox SET received_at = ? WHERE deposit_id = ?").run(kept_until, old.id);
      }
      database.close();
    }
  });
  assert.deepEqual(
    (await waiting()).installs.map(({ deposit_id }) => deposit_id),
    [fresh.id],
  );
  assert.equal(code(await call(worker, "DELETE", `/installs/${old.id}`)), "404 not_found");
  assert.equal(code(await call(phone, "POST", "/installs", { event: old })), "201");
});

test("nothing of this was a failure of the edge's own", () => {
  assert.deepEqual(host.log, []);
});
