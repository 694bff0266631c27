import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import type { CatalogPage, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { toEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { startEdge } from "@oa/worker/adapters/edge.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { connect, eventually, NOW, ROOT, signed } from "./fixture.ts";

const folders: string[] = [];
const children: ChildProcess[] = [];
after(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});
const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "oa-edge-"));
  folders.push(folder);
  return folder;
};

const key = generateSecretKey();
async function listings(count: number): Promise<readonly NostrEvent[]> {
  const file = join(ROOT, "schemas/examples/upgrades/nightly-index.json");
  const example = JSON.parse(await readFile(file, "utf8")) as UpgradeManifest;
  return Array.from({ length: count }, (_, index) => {
    const author = { npub: hexToNpub(getPublicKey(key)) };
    const { tags, ...event } = toEvent({ ...example, id: `upgrade-${index}`, author }, { created_at: NOW });
    return signed(key, { ...event, tags: tags.map((tag) => [...tag]) });
  });
}
async function listed(url: string): Promise<ReadonlySet<string>> {
  const page = (await (await fetch(`${url}/v1/listings?limit=100`)).json()) as CatalogPage;
  return new Set(page.listings.map(({ event_id }) => event_id));
}

/** `oa edge` in a process of its own, once it has said where it is. */
async function edgeProcess(data_dir: string): Promise<{ child: ChildProcess; url: string; relay_url: string }> {
  const args = [join(ROOT, "worker/cli/oa.mjs"), "edge", "--port", "0", "--data", data_dir, "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { url: string; relay_url: string }) };
}

test("kill -9 loses no acknowledged event, frees the port's process, and the catalog catches up", async () => {
  const data_dir = await newFolder();
  const events = await listings(40);
  const first = await edgeProcess(data_dir);
  const client = await connect(first.relay_url);
  for (const event of events) client.send(["EVENT", event]);
  const acknowledged: string[] = [];
  for (let index = 0; index < 5; index += 1) acknowledged.push(String((await client.next())[1]));
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  await assert.rejects(async () => {
    for (;;) acknowledged.push(String((await client.next())[1]));
  }, /closed/);

  const second = await edgeProcess(data_dir);
  const again = await connect(second.relay_url);
  const found = new Set((await again.query({ ids: acknowledged })).map(({ id }) => id));
  assert.deepEqual([...found].sort(), [...acknowledged].sort());
  await eventually(async () => {
    const shown = await listed(second.url);
    return acknowledged.every((id) => shown.has(id));
  });
  await again.close();
  second.child.kill("SIGTERM");
  await once(second.child, "exit");
  await assert.rejects(fetch(second.url));
});

test("events that the catalog had not taken before a crash are handed over again", async () => {
  const data_dir = await newFolder();
  const start = () => startEdge({ port: 0, data_dir, root: ROOT, log: () => undefined });
  const events = await listings(3);
  const edge = await start();
  const client = await connect(edge.relay_url);
  for (const event of events) assert.equal((await client.publish(event))[2], true);
  await eventually(async () => (await listed(edge.url)).size === events.length);
  await client.close();
  await edge.close();

  // What a crash right after the relay's commit leaves: events behind the cursor, and no catalog of them.
  const objects = join(data_dir, "do");
  await rm(join(objects, "openagents-upgrades-Catalog"), { recursive: true });
  const relay = join(objects, "openagents-upgrades-RelayShard");
  const file = (await readdir(relay)).find((name) => /^[0-9a-f]{64}\.sqlite$/.test(name)) ?? "";
  const db = new DatabaseSync(join(relay, file));
  db.exec("DELETE FROM relay_cursors");
  db.close();

  const restarted = await start();
  try {
    assert.equal((await listed(restarted.url)).size, 0);
    // The alarm that a crash leaves set has gone off here already: a question wakes the shard as well.
    const waking = await connect(restarted.relay_url);
    assert.equal((await waking.query({ ids: events.map(({ id }) => id) })).length, events.length);
    await eventually(async () => (await listed(restarted.url)).size === events.length);
    await waking.close();
  } finally {
    await restarted.close();
  }
});

test("a port in use is one clear sentence with exit status 1", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const args = [join(ROOT, "worker/cli/oa.mjs"), "edge", "--port", String(port), "--data", await newFolder(), "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = await once(child, "close");
  other.close();
  assert.equal(code, 1);
  const { error } = JSON.parse(output) as { error: { code: string; message: string } };
  assert.equal(error.code, "port_in_use");
  assert.match(error.message, new RegExp(`port ${port} is in use`));
});
