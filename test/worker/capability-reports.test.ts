import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { open as openReport } from "@oa/shared/nostr/24055-worker-capabilities.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type PairingCommand, pairingDecider } from "@oa/shared/pairing/decider.ts";
import { listPairings, pairingProjection } from "@oa/shared/pairing/views.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { matrixOf } from "@oa/worker/admin/matrix.ts";
import { openCapabilityReports } from "@oa/worker/loops/capability-reports.ts";
import { contextOf, fakeClock, random, settled } from "../fakes/runs.ts";
import { key } from "../fakes/signed-upgrade.ts";

const [WORKER, PEER] = [key(3), key(4)];
const peer = publicKeyOf(PEER);
const capabilities = {
  ...{ platform: "linux", os_release: "6.1", arch: "x64", node_version: "24.0.0", cpu_count: 4, ram_mb: 4_000 },
  ...{ disk_free_mb: 50_000, gpu: { present: null, name: null }, tools: { git: "2.43" }, sandbox: null, backends: [] },
};
let end = async (): Promise<void> => {};
afterEach(() => end());

function open() {
  const clock = fakeClock();
  const sql = openSqlite(":memory:");
  const store = openEventStore(sql, [pairingProjection], random);
  const ask = (asked: PairingCommand) => {
    const done = store.handle(contextOf(clock.now_ms()), [task(pairingDecider, "pair_1", asked)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  ask({ type: "pair", pubkey: peer, already_paired: false, ceiling: [], label: "mini", now_ms: clock.now_ms() });
  const sent: { readonly event: NostrEvent; readonly to: string }[] = [];
  const measured = { ...capabilities };
  const reports = openCapabilityReports({
    ...{ sql, clock, random, secret_key: WORKER },
    report: (error) => assert.fail(String(error)),
    measure: async () => measured,
    send: async (event, to) => void sent.push({ event, to }),
  });
  const stop = new AbortController();
  const running = reports.run(stop.signal);
  end = async () => {
    stop.abort();
    await running;
    assert.equal(store.verify().ok, true);
    const live = sql.all("SELECT * FROM proj_pairings");
    store.rebuild();
    assert.deepEqual(sql.all("SELECT * FROM proj_pairings"), live);
    sql.close();
  };
  return { clock, sql, ask, sent, measured };
}

test("nobody is told anything until the owner chose so, and then only that key can read it", async () => {
  const { clock, ask, sent } = open();
  await clock.pass(10 * LIMITS.install_poll_ms);
  assert.equal(sent.length, 0);
  ask({ type: "share", capabilities: true });
  await clock.pass(LIMITS.install_poll_ms);
  const [first] = sent;
  assert.ok(first !== undefined);
  assert.equal(first.to, peer);
  assert.ok(!JSON.stringify(first.event).includes("linux"), "what travels is sealed");
  const wrap = verifyEvent(first.event, pureSchnorr);
  assert.ok(!isRejection(wrap));
  const now_s = Math.floor(clock.now_ms() / 1_000);
  const read = openReport(wrap, { secret_key: PEER, worker: peer, schnorr: pureSchnorr, now_s });
  assert.ok(!isRejection(read), JSON.stringify(read));
  assert.deepEqual([read.worker, read.capabilities], [publicKeyOf(WORKER), capabilities]);
  const other = openReport(wrap, { secret_key: key(9), worker: peer, schnorr: pureSchnorr, now_s });
  assert.ok(isRejection(other) && other.code === "config_unreadable");
});

test("it is told again when it changed or now and then, and no longer once the owner says so", async () => {
  const { clock, ask, sent, measured } = open();
  ask({ type: "share", capabilities: true });
  await clock.pass(LIMITS.capabilities_report_ms - LIMITS.install_poll_ms);
  assert.equal(sent.length, 1);
  await clock.pass(2 * LIMITS.install_poll_ms);
  assert.equal(sent.length, 2);
  measured.ram_mb = 8_000;
  await clock.pass(LIMITS.capabilities_report_ms_min + LIMITS.install_poll_ms);
  assert.equal(sent.length, 3);
  ask({ type: "share", capabilities: false });
  await clock.pass(2 * LIMITS.capabilities_report_ms);
  assert.equal(sent.length, 3);
});

test("the matrix asks every worker that told what it has, and calls unknown what was not measured", async () => {
  const { sql, ask, clock } = open();
  await settled();
  const manifest = {
    ...{ id: "a.b", version: "1.0.0", title: "Mini", author: { npub: "npub1" }, schedule: { type: "manual" } },
    capabilities: { platforms: ["linux"], backends: [], requires: { ram_mb: 8_000, gpu: true } },
    pipeline: [{ op: "fs.read", path: "/a" }],
  } as unknown as UpgradeManifest;
  const here = {
    address: null,
    title: "Mini",
    version: "1.0.0",
    verdict: "yes",
    obstacles: [],
    worker: capabilities,
  } as const;
  assert.equal(matrixOf(here, manifest, null, { sql, worker: "w" }).workers.length, 1);
  const report_event_id = "a".repeat(64);
  ask({ type: "report", capabilities, reported_at: 5, report_event_id, now_ms: clock.now_ms() });
  const { workers } = matrixOf(here, manifest, null, { sql, worker: "w" });
  assert.deepEqual(
    workers.map(({ label, verdict }) => [label, verdict]),
    [
      ["this machine", "yes"],
      ["mini", "no"],
    ],
  );
  assert.deepEqual(
    workers[1]?.obstacles.map(({ subject, certain }) => [subject, certain]),
    [
      ["ram", true],
      ["gpu", false],
    ],
  );
  ask({ type: "remove", reason: "sold" });
  assert.equal(matrixOf(here, manifest, null, { sql, worker: "w" }).workers.length, 1);
  assert.equal(listPairings(sql, 5)[0]?.report, null);
});
