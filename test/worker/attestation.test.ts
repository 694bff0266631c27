import assert from "node:assert/strict";
import { test } from "node:test";
import { attestationDecider } from "@oa/shared/attestation/decider.ts";
import { attestationProjection, attestingSince } from "@oa/shared/attestation/views.ts";
import { DAY_MS } from "@oa/shared/core/durations.ts";
import { foldAll } from "@oa/shared/core/fold.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { fromEvent } from "@oa/shared/nostr/01985-run-attestation.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { readConfig } from "@oa/worker/config.ts";
import { openAttestationLoop } from "@oa/worker/loops/attestation.ts";
import { fakeClock, manifestOf, openRunWorld, random, WORKSPACE } from "../fakes/runs.ts";

const WORKER = new Uint8Array(32).fill(3);
const OWNER = publicKeyOf(new Uint8Array(32).fill(4));
const RELAY = "wss://relay.example/";
const pipeline = [{ op: "http.request", id: "fetch", url: "https://api.example/" }];
const manifest = manifestOf(pipeline, { network: ["api.example"], tools: ["http.request"] });

/** A worker whose runs succeed at once, and relays that keep what they are sent. */
function open(
  change: { readonly enabled?: boolean; readonly kill_switch?: boolean; readonly accepts?: () => boolean } = {},
) {
  const sent: NostrEvent[] = [];
  const clock = fakeClock();
  const answer = { status: 200, url: "https://api.example/", headers: {}, body: "private", encoding: "utf8", bytes: 7 };
  const world = openRunWorld({
    ...{ clock, ops: { "http.request": async () => answer }, projections: [attestationProjection] },
  });
  const { enabled = true, kill_switch = false, accepts = () => true } = change;
  const loopOf = (on: boolean) =>
    openAttestationLoop({
      ...{ store: world.store, database: world.database, clock, random, workspace_id: WORKSPACE, enabled: on },
      ...{ worker: publicKeyOf(WORKER), secret_key: WORKER, owner: OWNER, relays: [RELAY], aup: "strict" },
      kill_switch: { isOn: () => kill_switch },
      pool: {
        publish: async (event) => {
          sent.push(event);
          return [{ relay: RELAY, accepted: accepts(), message: accepts() ? "" : "blocked: not today" }];
        },
      },
      report: (error) => assert.fail(String(error)),
    });
  const install_id = world.install(manifest);
  const never = new AbortController().signal;
  const run = async (): Promise<void> => {
    const stop = new AbortController();
    const loop = world.engine.loop(stop.signal);
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started));
    assert.equal((await world.engine.wait(started.run_id, never)).status, "succeeded");
    stop.abort();
    await loop;
  };
  const attest = (on = enabled): Promise<number> => loopOf(on).attest(never);
  return { world, clock, sent, run, attest };
}

test("nothing is told by default, and local_only keeps it so whatever is set", async () => {
  const folder = "/nowhere/oa";
  assert.equal((await readConfig(folder, {})).attest_runs, false);
  assert.equal((await readConfig(folder, { OA_ATTEST_RUNS: "true" })).attest_runs, true);
  assert.equal((await readConfig(folder, { OA_ATTEST_RUNS: "true", OA_LOCAL_ONLY: "true" })).attest_runs, false);
  const { world, run, attest, sent } = open({ enabled: false });
  await attest();
  await run();
  assert.deepEqual([await attest(), sent], [0, []]);
  world.close();
});

test("once the owner lets it, a run that succeeds is attested by the worker's key, and nothing of what it did is told", async () => {
  const { world, run, attest, sent } = open();
  await attest();
  await run();
  assert.equal(await attest(), 1);
  const event = verifyEvent(sent[0], pureSchnorr);
  assert.ok(!isRejection(event));
  const told = fromEvent(event);
  assert.ok(!isRejection(told));
  assert.deepEqual([told.worker, told.owner, told.release_event_id], [publicKeyOf(WORKER), OWNER, "b".repeat(64)]);
  const completed = [...world.store.after(0)].find(({ event: { event_type } }) => event_type === "run.completed");
  assert.equal(`sha256:${told.run_sha256}`, completed?.event.event_hash);
  assert.ok(!JSON.stringify(event).includes("private") && !JSON.stringify(event).includes("api.example"));
  assert.deepEqual([await attest(), sent.length], [0, 1]);
  world.close();
});

test("runs that ended before the owner let it are never told of, nor those that end after it was taken back", async () => {
  const { world, clock, run, attest, sent } = open();
  await run();
  await clock.pass(1_000);
  await attest();
  assert.notEqual(attestingSince(world.database), null);
  assert.deepEqual(sent, []);
  await attest(false);
  await clock.pass(DAY_MS);
  await run();
  await attest(false);
  await clock.pass(1_000);
  await attest(true);
  assert.deepEqual(sent, []);
  world.close();
});

test("of one install, one run a day is told of", async () => {
  const { world, clock, run, attest, sent } = open();
  await attest();
  await run();
  await run();
  await attest();
  assert.equal(sent.length, 1);
  await clock.pass(DAY_MS);
  await run();
  await attest();
  assert.equal(sent.length, 2);
  world.close();
});

test("a relay that refuses is asked again later with the same event, and not for ever", async () => {
  let accepts = false;
  const { world, clock, run, attest, sent } = open({ accepts: () => accepts });
  await attest();
  await run();
  assert.deepEqual([await attest(), await attest(), sent.length], [1, 0, 1]);
  await clock.pass(30_000);
  accepts = true;
  assert.equal(await attest(), 1);
  assert.equal(sent[1]?.id, sent[0]?.id);
  await clock.pass(DAY_MS);
  assert.equal(await attest(), 0);
  world.close();
  const failed = { type: "failed", code: "relay_refused", message: "no", retryable: true, now_ms: 0 } as const;
  let state = attestationDecider.initial;
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const events = attestationDecider.decide(state, failed);
    assert.ok(!isRejection(events) && events.length === 1);
    state = foldAll(attestationDecider, events, state);
    assert.equal(state.settled, attempt === 5);
  }
  assert.deepEqual(attestationDecider.decide(state, failed), []);
});

test("the kill switch stops an attestation, and it is not made up for afterwards", async () => {
  const { world, clock, run, attest, sent } = open({ kill_switch: true });
  await attest();
  await run();
  await attest();
  await clock.pass(DAY_MS);
  assert.deepEqual([await attest(), sent], [0, []]);
  const events = [...world.store.after(0)].map(({ event }) => event);
  const failure = events.find(({ event_type }) => event_type === "attestation.failed");
  assert.deepEqual(failure === undefined ? null : (failure.data as { code?: string }).code, "kill_switch_active");
  world.close();
});
