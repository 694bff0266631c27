import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { open as openReport, toEvent } from "@oa/shared/nostr/24055-worker-capabilities.ts";
import { wrap } from "@oa/shared/nostr/gift-wrap.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type PairingCommand, pairingDecider } from "@oa/shared/pairing/decider.ts";
import { listPairings, pairingProjection } from "@oa/shared/pairing/views.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { matrixOf } from "@oa/worker/admin/matrix.ts";
import { openCapabilityReports } from "@oa/worker/loops/capability-reports.ts";
import { openInstallLoop } from "@oa/worker/loops/install.ts";
import { contextOf, fakeClock, random, settled, WORKSPACE } from "../fakes/runs.ts";
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
  return { clock, sql, store, ask, sent, measured };
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
  const sealed = verifyEvent(first.event, pureSchnorr);
  assert.ok(!isRejection(sealed));
  const now_s = Math.floor(clock.now_ms() / 1_000);
  const read = openReport(sealed, { secret_key: PEER, worker: peer, schnorr: pureSchnorr, now_s });
  assert.ok(!isRejection(read), JSON.stringify(read));
  assert.deepEqual([read.worker, read.capabilities], [publicKeyOf(WORKER), capabilities]);
  const other = openReport(sealed, { secret_key: key(9), worker: peer, schnorr: pureSchnorr, now_s });
  assert.ok(isRejection(other) && other.code === "config_unreadable");
});

test("what a paired worker tells is kept, once at a time; a stranger's word, or one for somebody else, is not", async () => {
  const { clock, sql, store } = open();
  let hear: (event: VerifiedEvent) => void = () => assert.fail("nobody listens");
  const refused: string[] = [];
  const loop = openInstallLoop({
    ...{ store, sql, clock, worker: publicKeyOf(WORKER), secret_key: WORKER, schnorr: pureSchnorr, home: "/home/me" },
    ...{ commit: sql.commit, workspace_id: WORKSPACE, mailbox: null, lookUp: async () => [] },
    listen: (on_event) => {
      hear = on_event;
    },
    intake: { refuse: async (_, { code }) => void refused.push(code), flush: async () => {} },
    report: (error) => assert.fail(String(error)),
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  const tell = async (by: Uint8Array, to = publicKeyOf(WORKER)): Promise<void> => {
    const created_at = Math.floor(clock.now_ms() / 1_000);
    const inner = signEvent(toEvent(capabilities, { to, created_at }), by, random(32));
    const fresh = { one_time_key: key(7), nonce: random(32), aux_random: random(32), created_at };
    hear(wrap(inner, publicKeyOf(WORKER), fresh) as VerifiedEvent);
    await clock.pass(LIMITS.install_poll_ms);
  };
  await tell(PEER);
  assert.deepEqual(listPairings(sql, 5)[0]?.report?.capabilities, capabilities);
  await tell(key(9));
  await tell(PEER, peer);
  await tell(PEER);
  assert.deepEqual(refused, ["signer_unknown", "wrong_recipient"]);
  const kept = store.bySubject("pair_1").filter(({ event_type }) => event_type === "pairing.capabilities_reported");
  assert.equal(kept.length, 1);
  stop.abort();
  await running;
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
