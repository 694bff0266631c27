/** The main job over real parts: an edge in workerd, a worker as a daemon, an author, and a coordinator's key. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { newId } from "@oa/shared/core/id.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, InstallOrder } from "@oa/shared/generated/types.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { seal, toEvent } from "@oa/shared/nostr/24051-install-config.ts";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { document, down, killDaemons, oa, type Running, startOa } from "../cli/oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-market-"));
const env = { HOME: folder };
const data = join(folder, "worker");
const random = (count: number): Uint8Array => randomBytes(count);
const now_s = (): number => Math.floor(Date.now() / 1000);
const coordinator = random(32);
const text = join(folder, "text.txt");
writeFileSync(text, "hello");

let edge: Running;
let relay: string;
before(async () => {
  edge = await startOa(["edge", "--port", "0", "--data", join(folder, "edge")], env);
  relay = String(edge.said.relay_url);
});
after(() => {
  killDaemons();
  rmSync(folder, { recursive: true, force: true });
});

const startWorker = (): Promise<Running> =>
  startOa(["up", "--data", data, "--port", "0", "--edge", edge.url, "--relay", relay], {
    ...env,
    OA_COMPLETION_NOTE_RELAYS: relay,
  });
async function ask<T>(...args: readonly string[]): Promise<T> {
  const said = await oa([...args, "--data", data, "--json"], env);
  assert.equal(said.code, 0, said.stderr + said.stdout);
  return document(said) as T;
}

/** Asks again until it holds; the test's own time limit is the only deadline. */
async function until<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The coordinator's signed order for the one listing, sealed to the worker. */
async function order(worker: string, changes: Partial<InstallOrder> = {}): Promise<NostrEvent> {
  const detail = await catalog();
  const manifest = JSON.parse(detail.event.content);
  const inputs = { file: text };
  const plan = planOf(manifest, inputs, { home: folder });
  assert.ok(!isRejection(plan));
  const config: InstallOrder = {
    config_version: 1,
    action: "install",
    worker,
    signer: publicKeyOf(coordinator),
    install_id: newId("install", Date.now(), random),
    revision: Date.now(),
    issued_at: now_s(),
    expires_at: now_s() + 600,
    listing: detail.listing.address,
    manifest_event_id: detail.event.id,
    release_event_id: detail.release_events[0]?.id ?? "",
    manifest_sha256: detail.listing.manifest_sha256,
    permission_hash: permissionHash(plan.permissions),
    inputs,
    ...changes,
  };
  const inner = signEvent(toEvent(config), coordinator, random(32));
  const keys = { one_time_key: random(32), nonce: random(32), aux_random: random(32), created_at: now_s() };
  const wrap = seal(inner, worker, keys);
  assert.ok(!isRejection(wrap));
  return wrap;
}

async function catalog(): Promise<CatalogDetail> {
  const page = await ask<{ listings: { address: string }[] }>("market", "list");
  return ask<CatalogDetail>("market", "show", page.listings[0]?.address ?? "");
}

async function publishToRelay(event: NostrEvent): Promise<void> {
  const socket = new WebSocket(relay);
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  socket.send(JSON.stringify(["EVENT", event]));
  const answer = await new Promise<MessageEvent>((resolve) =>
    socket.addEventListener("message", resolve, { once: true }),
  );
  assert.equal(JSON.parse(String(answer.data))[2], true, String(answer.data));
  socket.close();
}

function deposit(worker: string, event: NostrEvent): Promise<Response> {
  const url = `${edge.url}/v1/workers/${worker}/installs`;
  const body = JSON.stringify({ event });
  const signed = signEvent(httpAuthTemplate({ url, method: "POST", body }, now_s(), "first"), coordinator, random(32));
  const headers = { "content-type": "application/json", authorization: httpAuthHeader(signed) };
  return fetch(url, { method: "POST", headers, body });
}

const installs = async (): Promise<readonly InstallView[]> =>
  (await ask<{ installs: readonly InstallView[] }>("installs")).installs;

describe("published, discovered, installed, run", { timeout: 120_000 }, () => {
  let worker: Running;
  const key = (): string => String(worker.said.worker);

  it("an author's upgrade appears in the catalog", async () => {
    worker = await startWorker();
    const file = join(folder, "reader.json");
    writeFileSync(
      file,
      JSON.stringify({
        id: "test.upgrade.reader",
        version: "1.0.0",
        title: "Reader",
        author: { npub: hexToNpub(publicKeyOf(random(32))) },
        capabilities: { platforms: ["linux", "macos"], backends: ["lexical-v1"] },
        permissions: { filesystem: [{ path: "${inputs.file}", access: "read" }], tools: ["fs.read"] },
        schedule: { type: "manual" },
        inputs: { file: { type: "path" } },
        pipeline: [{ op: "fs.read", id: "read", path: "${inputs.file}" }],
      }),
    );
    await ask("upgrade", "publish", file, "--author-from-key", "--relay", relay);
    const found = await until(
      () => ask<{ listings: { title: string }[] }>("market", "search", "reader"),
      ({ listings }) => listings.length > 0,
    );
    assert.deepEqual(
      found.listings.map(({ title }) => title),
      ["Reader"],
    );
  });

  it("the owner installs it by its address, runs it, and its completion note is on the relay", async () => {
    const { listing } = await catalog();
    const installed = await ask<InstallView>("install", listing.address, "--input", `file=${text}`, "--yes");
    assert.equal(installed.status, "enabled");
    const run = await ask<{ run_id: string; status: string }>("run", installed.install_id);
    assert.equal(run.status, "succeeded");
    const noted = await until(
      () => ask<{ note: string }>("runs", run.run_id),
      ({ note }) => note !== "pending",
    );
    assert.equal(noted.note, "posted");
    await ask("installs", "remove", installed.install_id);
  });

  it("a stranger's order is refused, and kept in the log", async () => {
    await publishToRelay(await order(key()));
    const { events } = await until(
      () => eventsOf(worker),
      (page) => page.events.some(({ event_type }) => event_type === "intake.refused"),
    );
    const refused = events.filter(({ event_type }) => event_type === "intake.refused");
    assert.deepEqual(
      refused.map(({ data }) => data.code),
      ["signer_unknown"],
    );
    assert.deepEqual(await installs(), []);
  });

  it("a paired coordinator's order waits for the owner where it is above the ceiling", async () => {
    const paired = publicKeyOf(coordinator);
    await ask("pair", "add", "--key", paired, "--label", "phone", "--allow", "tool:invoke:fs.read");
    await publishToRelay(await order(key()));
    const [waiting] = await until(installs, (list) => list.length > 0);
    assert.equal(waiting?.status, "pending");
    assert.equal(waiting?.approval_reasons.length, 1);
    const refused = await oa(["run", waiting?.install_id ?? "", "--data", data, "--json"], env);
    assert.equal(refused.code, 3);
    assert.equal((document(refused).error as { code: string }).code, "approval_required");
    const approved = await ask<InstallView>("installs", "approve", waiting?.install_id ?? "", "--yes");
    assert.equal(approved.status, "enabled");
    assert.equal((await ask<{ status: string }>("run", approved.install_id)).status, "succeeded");
    await ask("installs", "remove", approved.install_id);
  });

  it("an order left in the mailbox is taken when the worker is back", async () => {
    await down(worker);
    worker = await startWorker(); // tells the mailbox who is paired
    const wrap = await order(key());
    const deposited = await until(
      () => deposit(key(), wrap),
      ({ status }) => status !== 403,
    );
    assert.equal(deposited.status, 201, await deposited.text());
    await down(worker);
    worker = await startWorker();
    const [waiting] = await until(installs, (list) => list.length > 0);
    assert.equal(waiting?.pending?.signed_by.signer, publicKeyOf(coordinator));
  });

  it("everything that happened is in a log that verifies, and the daemon said nothing on stderr", async () => {
    assert.equal((await ask<{ ok: boolean }>("audit", "verify")).ok, true);
    const stderr = worker.stderr();
    assert.equal(await down(worker), 0);
    assert.equal(stderr, "");
    await down(edge);
  });
});

async function eventsOf({ url, token_path }: Running) {
  const headers = { authorization: `Bearer ${readFileSync(token_path, "utf8").trim()}` };
  const response = await fetch(`${url}/v1/events?limit=500`, { headers });
  return (await response.json()) as { events: { event_type: string; data: { code?: string } }[] };
}
