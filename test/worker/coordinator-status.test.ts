import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { task } from "@oa/shared/core/event-store.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { InstallConfig, InstallStatus, WorkerStatus } from "@oa/shared/generated/types.ts";
import { intakeProjection } from "@oa/shared/intake/views.ts";
import { matchUpgrade, toEvent } from "@oa/shared/nostr/24051-install-config.ts";
import { fromInner } from "@oa/shared/nostr/24056-worker-status.ts";
import { unwrap } from "@oa/shared/nostr/gift-wrap.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type PairingCommand, pairingDecider } from "@oa/shared/pairing/decider.ts";
import { type ConductCommand, conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { toldCursor } from "@oa/worker/adapters/told-cursor.ts";
import { openEventFeed } from "@oa/worker/admin/event-feed.ts";
import { openCoordinatorStatus } from "@oa/worker/loops/coordinator-status.ts";
import { openInstallLoop } from "@oa/worker/loops/install.ts";
import { openIntake } from "@oa/worker/loops/intake.ts";
import { contextOf, fakeClock, openRunWorld, random, WORKSPACE } from "../fakes/runs.ts";
import { AUTHOR, key, manifestBy, publish } from "../fakes/signed-upgrade.ts";

const [PHONE, WORKER, OTHER] = [key(2), key(3), key(4)];
const [phone, worker] = [publicKeyOf(PHONE), publicKeyOf(WORKER)];
const INSTALL = `install_${"0".repeat(26)}`;
const HOME = "/home/owner";
const SECRET = "the-one-time-secret";
const CEILING = ["network:egress:api.example", "tool:invoke:http.request"];
let end = async (): Promise<void> => {};
afterEach(() => end());

/** A worker with a coordinator whose pairing is offered, and what is told. */
async function open(change: { readonly results?: boolean; readonly body?: string } = {}) {
  const clock = fakeClock();
  const { results = true, body = "private words" } = change;
  const answer = { status: 200, url: "https://api.example/", headers: {}, body, encoding: "utf8", bytes: body.length };
  const world = openRunWorld({
    ...{ clock, ops: { "http.request": async () => answer }, projections: [intakeProjection] },
  });
  const { store, database: sql, engine } = world;
  const reports: unknown[] = [];
  const sent: { readonly event: NostrEvent; readonly to: string }[] = [];
  let network = (): void => {};
  let killed = false;
  const follow = () => {
    const feed = openEventFeed(store, `workspace/${WORKSPACE}`);
    const statuses = openCoordinatorStatus({
      ...{ sql, store, clock, random, secret_key: WORKER, aup: "strict", kill_switch: { isOn: () => killed } },
      ...{ head: feed.head, cursor: toldCursor(sql), report: (error) => void reports.push(error) },
      clean: (value) => JSON.parse(JSON.stringify(value).replaceAll("hunter2", "[secret]")),
      events: { page: feed.events.page, wait: (_, ms, signal) => clock.sleep(ms, signal) },
      send: async (event, to) => {
        network();
        sent.push({ event, to });
      },
    });
    const stop = new AbortController();
    const running = statuses.run(stop.signal);
    return async () => {
      stop.abort();
      await running;
    };
  };
  let stopFollowing = follow();
  await clock.pass(1);
  const pairing = (command: PairingCommand, id = "pair_1") => {
    const done = store.handle(contextOf(clock.now_ms()), [task(pairingDecider, id, command)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  const [secret_sha256, expires_at_ms] = [sha256Hex(SECRET), clock.now_ms() + 60_000];
  pairing({ type: "offer", secret_sha256, expires_at_ms, ceiling: CEILING, label: "phone", results });
  const claim = () => pairing({ type: "claim", secret_sha256, pubkey: phone, now_ms: clock.now_ms() });
  const confirm = () => pairing({ type: "confirm", pubkey: phone, already_paired: false });

  const common = { store, clock, commit: sql.commit, workspace_id: WORKSPACE, worker };
  const report = (error: unknown): void => void reports.push(error);
  const installs = openInstallLoop({
    ...{ ...common, report, sql, schnorr: pureSchnorr, home: HOME, secret_key: WORKER, mailbox: null, listen: null },
    ...{ intake: openIntake({ ...common, report }), lookUp: async () => [] },
  });
  const manifest = manifestBy(AUTHOR);
  const published = publish(manifest);
  const order = async (revision: number, change: object = {}, by = PHONE) => {
    const plan = planOf(manifest, {}, { home: HOME });
    assert.ok(!isRejection(plan));
    const now_s = Math.floor(clock.now_ms() / 1_000);
    const config = {
      ...{ config_version: 1, action: "install", worker, signer: publicKeyOf(by), install_id: INSTALL, revision },
      ...{ issued_at: now_s, expires_at: now_s + 600, listing: published.address, inputs: {} },
      manifest_event_id: published.manifest_event.id,
      release_event_id: published.release_event.id,
      manifest_sha256: published.manifest_sha256,
      permission_hash: permissionHash(plan.permissions),
      ...change,
    } as InstallConfig;
    const signed = verifyEvent(signEvent(toEvent(config), by, random(32)), pureSchnorr);
    const [one, two] = [published.manifest_event, published.release_event].map((raw) => verifyEvent(raw, pureSchnorr));
    assert.ok(!isRejection(signed) && one && two && !isRejection(one) && !isRejection(two));
    const upgrade = config.action === "install" ? matchUpgrade(config, one, two) : null;
    assert.ok(upgrade === null || !isRejection(upgrade));
    const answered = await installs.accept(config, signed, upgrade, { source: "relay" });
    return { signed, answered };
  };
  const run = async (): Promise<void> => {
    const stop = new AbortController();
    const loop = engine.loop(stop.signal);
    const started = await engine.start(INSTALL, "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    await engine.wait(started.run_id, new AbortController().signal);
    stop.abort();
    await loop;
  };
  const told = (by = PHONE): readonly WorkerStatus[] =>
    sent.flatMap(({ event, to }) => {
      const wrap = verifyEvent(event, pureSchnorr);
      assert.ok(!isRejection(wrap));
      if (to !== publicKeyOf(by)) return [];
      const inner = unwrap(wrap, { secret_key: by, schnorr: pureSchnorr });
      assert.ok(!isRejection(inner), JSON.stringify(inner));
      const status = fromInner(inner, { recipient: to, now_s: Math.floor(clock.now_ms() / 1_000) });
      assert.ok(!isRejection(status), JSON.stringify(status));
      assert.equal(status.worker, worker);
      return [status.status];
    });
  const tell = () => clock.pass(LIMITS.telemetry_wait_ms);
  const ofInstalls = (): readonly InstallStatus[] =>
    told().filter((status): status is InstallStatus => status.about === "install");
  end = async () => {
    await stopFollowing();
    assert.deepEqual(store.verify().first_bad, null);
    world.close();
  };
  const conduct = (command: ConductCommand): void => {
    const done = store.handle(contextOf(clock.now_ms()), [task(conductDecider, conductSubject(INSTALL), command)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  return {
    conduct,
    ...{ clock, claim, confirm, pairing, order, run, tell, told, ofInstalls, sent, reports, published },
    restart: async (between: () => Promise<void>) => {
      await stopFollowing();
      await between();
      stopFollowing = follow();
    },
    away: (fault: Fault | null) => {
      network = () => {
        if (fault !== null) throw fault;
      };
    },
    kill: (on: boolean) => {
      killed = on;
    },
  };
}
const paired = async (change: Parameters<typeof open>[0] = {}) => {
  const world = await open(change);
  world.claim();
  world.confirm();
  await world.tell();
  world.sent.length = 0;
  return world;
};

test("a coordinator is told that its secret was right, that its owner confirmed it and that it was removed", async () => {
  const { claim, confirm, pairing, tell, told, sent } = await open();
  await tell();
  assert.equal(sent.length, 0, "nobody has shown the secret yet");
  for (const act of [claim, confirm, () => pairing({ type: "remove", reason: "lost" })]) {
    act();
    await tell();
  }
  const states = told().map((status) => status.about === "pairing" && [status.state, status.results, status.ceiling]);
  assert.deepEqual(states, [
    ["claimed", true, CEILING],
    ["confirmed", true, CEILING],
    ["removed", false, CEILING],
  ]);
  assert.ok(!JSON.stringify(sent).includes("phone"), "what travels is sealed");
});

test("an order is answered to its signer, sealed, with where the install stands now", async () => {
  const { order, tell, ofInstalls, published } = await paired();
  const { signed, answered } = await order(1);
  assert.equal(answered, null);
  await tell();
  const [status, ...more] = ofInstalls();
  assert.deepEqual(more, []);
  assert.deepEqual(
    { ...status, seq: 0 },
    {
      ...{ about: "install", seq: 0, install_id: INSTALL, listing: published.address, title: "Example" },
      ...{ version: "1.0.0", state: "enabled", waits_for: [], run: null },
      answer: { config_event_id: signed.id, revision: 1, code: null, message: null },
    },
  );
});

test("a coordinator is told that an install is quarantined, not why, and that it is no longer", async () => {
  const { order, tell, ofInstalls, conduct, clock } = await paired();
  await order(1);
  await tell();
  conduct({ type: "quarantine", reason: "private words", now_ms: clock.now_ms() });
  await tell();
  conduct({ type: "lift", reason: "looked at" });
  await tell();
  const told = ofInstalls();
  assert.deepEqual(
    told.map(({ state }) => state),
    ["enabled", "quarantined", "enabled"],
  );
  assert.ok(!JSON.stringify(told).includes("private words"));
});

test("a refused order is answered with its reason", async () => {
  const { order, tell, ofInstalls, clock } = await paired();
  await order(1);
  await clock.pass(2_000);
  const { signed } = await order(1);
  await tell();
  const [, stale] = ofInstalls();
  assert.deepEqual([stale?.answer?.code, stale?.answer?.config_event_id], ["config_stale", signed.id]);
  assert.equal(stale?.state, "enabled", "what runs goes on");
});

test("an order above the ceiling is answered with what it waits for", async () => {
  const { order, tell, ofInstalls, pairing } = await open();
  pairing({ type: "remove", reason: "again" });
  pairing(
    { type: "pair", pubkey: phone, already_paired: false, ceiling: [], label: "phone", results: true, now_ms: 0 },
    "pair_2",
  );
  await order(1);
  await tell();
  const status = ofInstalls().at(-1);
  assert.equal(status?.state, "pending");
  assert.match(status?.waits_for.join() ?? "", /api\.example/);
  assert.equal(status?.answer?.code, null);
});

test("a run that ended is told of with its outputs by name and size, never with what is in them", async () => {
  const { order, run, tell, ofInstalls } = await paired();
  await order(1);
  await run();
  await tell();
  const status = ofInstalls().at(-1);
  assert.deepEqual([status?.run?.status, status?.run?.steps_done, status?.run?.steps_total], ["succeeded", 1, 1]);
  assert.ok(!JSON.stringify(ofInstalls()).includes("private words"));
});

test("what looks like a secret is taken out before it is sealed", async () => {
  const { order, tell, ofInstalls } = await paired();
  await order(1);
  await order(2, { inputs: { hunter2: "x" } });
  await tell();
  const refused = ofInstalls().at(-1)?.answer;
  assert.equal(refused?.code, "input_unknown");
  assert.match(refused?.message ?? "", /\[secret\]/);
});

test("without the owner's leave nothing is told of orders and runs; with it, where they stand and what comes", async () => {
  const { order, run, tell, ofInstalls, pairing } = await paired({ results: false });
  await order(1);
  await run();
  await tell();
  assert.deepEqual(ofInstalls(), []);
  pairing({ type: "share", results: true });
  await tell();
  assert.deepEqual(
    ofInstalls().map(({ state, run, answer }) => [state, run, answer]),
    [["enabled", null, null]],
  );
  pairing({ type: "share", results: false });
  await run();
  await tell();
  assert.equal(ofInstalls().length, 1);
});

test("one coordinator is not told what another ordered", async () => {
  const { order, tell, told, pairing } = await paired();
  const other = publicKeyOf(OTHER);
  const pair = { already_paired: false, ceiling: CEILING, label: "other", results: true, now_ms: 0 } as const;
  pairing({ type: "pair", pubkey: other, ...pair }, "pair_2");
  await order(1);
  await tell();
  assert.deepEqual(
    told(OTHER).map(({ about }) => about),
    ["pairing"],
  );
});

test("what nobody takes is sent again later, and a restart goes on where it stopped", async () => {
  const { order, tell, ofInstalls, away, restart, reports, clock } = await paired();
  away(new Fault("relay_unreachable", "no network", { retryable: true }));
  await order(1);
  await tell();
  assert.deepEqual([ofInstalls().length, reports.length > 0], [0, true]);
  await restart(async () => {
    away(null);
    await order(2);
  });
  await clock.pass(LIMITS.worker_status_backoff_ms);
  assert.deepEqual(
    ofInstalls().map(({ answer }) => answer?.revision),
    [1, 2],
  );
});

test("the kill switch holds back what is told, for as long as it is on", async () => {
  const { order, tell, ofInstalls, kill, clock } = await paired();
  kill(true);
  await order(1);
  await tell();
  await clock.pass(20 * LIMITS.worker_status_backoff_ms);
  assert.deepEqual(ofInstalls(), []);
  kill(false);
  await clock.pass(100 * LIMITS.worker_status_backoff_ms);
  assert.equal(ofInstalls().length, 1);
});
