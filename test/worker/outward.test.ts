import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { loadOrCreateKey } from "../../worker/adapters/keys.ts";
import { readConfig } from "../../worker/config.ts";
import { publishOwnSite } from "../../worker/engine/own-publish.ts";
import { openWorker, type Worker } from "../../worker/main.ts";
import { openFakeRelay } from "../fakes/relay.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-outward-"));
const relay = await openFakeRelay();
const workers: Worker[] = [];
after(async () => {
  for (const worker of workers) await worker.close();
  await relay.close();
  rmSync(folder, { recursive: true });
});
const { signal } = new AbortController();
const LISTING = `30051:${"a".repeat(64)}:me.watch`;

async function workerIn(name: string) {
  const data_dir = join(folder, name);
  const worker = await openWorker(await readConfig(data_dir, {}, { relays: [relay.url] }));
  workers.push(worker);
  const outward = () =>
    worker.ports.events
      .page(0, 500)
      .events.filter(({ event_type }) => event_type.startsWith("outward."))
      .map(({ event_type, data }): Readonly<Record<string, unknown>> => ({ event_type, ...data }));
  const setKillSwitch = (on: boolean) => worker.ports.policy.setKillSwitch({ on, reason: "a test" });
  return { worker, outward, setKillSwitch, data_dir };
}

/** A built site of one page, published at a FAKE edge that takes everything it is sent. */
async function publish({ worker, data_dir }: Awaited<ReturnType<typeof workerIn>>, status = 200) {
  const site = join(data_dir, "site");
  mkdirSync(site, { recursive: true });
  writeFileSync(join(site, "index.html"), "<p>hello</p>");
  const asked: string[] = [];
  const { ports } = worker;
  const answer = await publishOwnSite(
    {
      ...{ folder: site, edge_url: "https://edge.example", key: await loadOrCreateKey(data_dir, "worker"), signal },
      ...{ of: { created_at: 1, root: "b".repeat(64), listings: 0 }, now_ms: () => 1_766_000_000_000 },
      egress: {
        fetch: async ({ method, url }) => {
          asked.push(`${method} ${url}`);
          return { status, url, headers: {}, body: new Uint8Array() } as never;
        },
      },
    },
    "command/site",
    // What another process asked before: the worker's own answer counts.
    { aup: "strict", kill_switch: { isOn: () => false }, now_ms: () => 0, record: ports.outward },
  );
  return { answer, asked };
}

test("a site that is published is recorded, with the root of what it shows and where it went", async () => {
  const world = await workerIn("site");
  const { answer, asked } = await publish(world);
  assert.ok(!isRejection(answer), JSON.stringify(answer));
  assert.equal(asked.at(-1), "PUT https://edge.example/v1/site");
  const [begun, ended, ...more] = world.outward();
  assert.deepEqual(begun?.write, {
    ...{ action_type: "site.publish", target: "network:egress:edge.example" },
    ...{ content: "b".repeat(64), approval_id: "command/site" },
  });
  assert.deepEqual([ended?.event_type, ended?.accepted], ["outward.ended", ["https://edge.example"]]);
  assert.equal(more.length, 0);
});

test("the kill switch refuses it though the asker did not know, and the refusal is recorded", async () => {
  const world = await workerIn("killed");
  await world.setKillSwitch(true);
  const { answer, asked } = await publish(world);
  assert.ok(isRejection(answer) && answer.code === "kill_switch_active", JSON.stringify(answer));
  assert.deepEqual(asked, []);
  assert.deepEqual(
    world.outward().map(({ event_type, code }) => [event_type, code]),
    [["outward.refused", "kill_switch_active"]],
  );
  await world.setKillSwitch(false);
  assert.ok(!isRejection((await publish(world)).answer));
});

test("what the edge refuses is recorded as refused by it", async () => {
  const world = await workerIn("refused");
  const { answer } = await publish(world, 403);
  assert.ok(isRejection(answer));
  const { accepted, refused } = world.outward().at(-1) ?? {};
  assert.deepEqual([accepted, refused], [[], ["https://edge.example answered 403 (unreachable)"]]);
});

test("what the owner says in public is recorded with each relay's answer, and never what it says", async () => {
  const world = await workerIn("report");
  const { reputation } = world.worker.ports;
  const done = await reputation.report(LISTING, { reason: "malware", text: "It reads my letters." }, signal);
  assert.ok(!isRejection(done), JSON.stringify(done));
  const [begun, ended] = world.outward();
  const { event_id } = done as { event_id: string };
  assert.deepEqual(begun?.write, {
    ...{ action_type: "event.publish", target: "event:publish:1984", content: event_id, approval_id: "owner/report" },
  });
  assert.deepEqual(ended?.accepted, [relay.url]);
  assert.ok(!JSON.stringify(world.outward()).includes("letters"));
});
