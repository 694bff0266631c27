import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { UpdateLook } from "@oa/shared/api/updates.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { openEventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall, type InstallView, installProjection } from "@oa/shared/install/views.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { pairingDecider } from "@oa/shared/pairing/decider.ts";
import { pairingProjection } from "@oa/shared/pairing/views.ts";
import { quarantineProjection } from "@oa/shared/policy/views.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import { runProjection } from "@oa/shared/run/views.ts";
import type { Publication } from "@oa/shared/upgrade/publication.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { ownerDecides } from "@oa/worker/admin/decide.ts";
import { type InstallsOptions, installsPort } from "@oa/worker/admin/installs.ts";
import { lookForUpdate } from "@oa/worker/admin/updates.ts";
import { type InstallLoopOptions, openInstallLoop } from "@oa/worker/loops/install.ts";
import { random, WORKSPACE } from "../fakes/runs.ts";
import { AUTHOR, key, manifestBy, publish } from "../fakes/signed-upgrade.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const [OWNER, WORKER] = [key(2), key(3)];
const worker = publicKeyOf(WORKER);
const signal = new AbortController().signal;
let now_ms = START;
let believed = true;
let notices: Rejection[] = [];
let world: ReturnType<typeof open>;
beforeEach(async () => {
  [now_ms, believed, notices] = [START, true, []];
  world = open();
  await world.install(versionOf("1.0.0"));
});

const versions = new Map<string, Publication>();
function versionOf(version: string, change: object = {}): Publication {
  const name = `${version} ${JSON.stringify(change)}`;
  const known = versions.get(name) ?? publish({ ...manifestBy(AUTHOR), version, ...change });
  versions.set(name, known);
  return known;
}

/** A worker's installs with its real door; the network is what a test offers. */
function open() {
  const sql = openSqlite(":memory:");
  const store = openEventStore(
    sql,
    [installProjection, pairingProjection, quarantineProjection, runProjection],
    random,
  );
  const context = (correlation_id: string): EventContext => ({
    ...{ now_ms, workspace_id: WORKSPACE, stream_type: "workspace", stream_id: WORKSPACE },
    ...{ actor_type: "user", actor_id: "owner", correlation_id },
  });
  const pair = {
    type: "pair",
    pubkey: publicKeyOf(OWNER),
    already_paired: false,
    ceiling: [],
    label: "x",
    now_ms,
  } as const;
  assert.ok(!isRejection(store.handle(context("pair"), [task(pairingDecider, "pair_1", pair)])));
  let offered: readonly Publication[] = [];
  const lookUp = async () => offered.flatMap(({ manifest_event, release_event }) => [manifest_event, release_event]);
  const door = openInstallLoop({
    ...{
      store,
      sql,
      lookUp,
      worker,
      schnorr: pureSchnorr,
      home: "/home/me",
      secret_key: WORKER,
      mailbox: null,
      listen: null,
    },
    ...{ commit: sql.commit, workspace_id: WORKSPACE, report: assert.fail },
    clock: { now_ms: () => now_ms, sleep: async () => {}, alarm: () => () => {} },
    intake: { refuse: async () => {}, flush: async () => {} },
    mailbox: null,
    listen: null,
  } as InstallLoopOptions);
  const options = {
    ...{ sql, store, lookUp, worker, random, schnorr: pureSchnorr, home: "/home/me", owner_key: OWNER },
    config: { private_allow: [], code_packages: false },
    sandbox: { name: "none", missing: "this is a test" },
    capabilities: async () => assert.fail("nobody asks what this machine has"),
    decide: ownerDecides(sql, store, context),
    authorKey: async () => AUTHOR,
    now_ms: () => now_ms,
    accept: door.accept,
  } as unknown as InstallsOptions;
  const port = installsPort(options);
  const command = (install_id: string, asked: InstallCommand) => {
    const done = store.handle(context(install_id), [task(installDecider, install_id, asked)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  const view = (): InstallView => getInstall(sql, String(install_id)) as InstallView;
  let install_id: string | null = null;
  /** A run of the release that is active, and its end. */
  const running = () => {
    const { active, install_id: of } = view();
    assert.ok(active !== null);
    const run_id = "run_01JZ0000000000000000000000";
    const ask = (asked: Parameters<typeof runDecider.decide>[1]) => {
      const done = store.handle(context(run_id), [task(runDecider, run_id, asked)]);
      assert.ok(!isRejection(done), JSON.stringify(done));
    };
    const { upgrade_address, upgrade_id, upgrade_version, title, manifest_sha256, permission_hash } = active;
    const { manifest_event_id, release_event_id } = active;
    const pins = { upgrade_address, upgrade_id, upgrade_version, title, manifest_sha256, permission_hash };
    const rest = { manifest_event_id, release_event_id, grant: [], steps: [], plan: [], inputs: {} };
    ask({ type: "create", data: { install_id: of, reason: "schedule", deadline_ms: now_ms + 1, ...pins, ...rest } });
    return () => {
      const engine_id = `engine_${"0".repeat(26)}`;
      ask({ type: "claim", engine_id, now_ms, takeover: true });
      ask({ type: "cancel", reason: "over" });
      ask({ type: "finish_canceled", engine_id });
    };
  };
  return {
    ...{ view, running },
    command: (asked: InstallCommand) => command(String(install_id), asked),
    install: async ({ manifest_event, release_event }: Publication, more: object = { auto_update: "narrow" }) => {
      const source = { manifest_event, release_event } as never;
      const shown = await port.preview({ source, inputs_text: {} }, signal);
      assert.ok(!isRejection(shown), JSON.stringify(shown));
      const { inputs, manifest_sha256, permission_hash } = shown;
      const accepted = { manifest_sha256, permission_hash };
      const done = await port.request({ source, inputs: inputs as never, accepted, ...more }, signal);
      assert.ok(!isRejection(done), JSON.stringify(done));
      install_id = (done as InstallView).install_id;
      return shown;
    },
    look: async (...found: readonly Publication[]): Promise<UpdateLook> => {
      offered = found;
      const looking = {
        record: async (id: string, asked: InstallCommand) => command(id, asked),
        notice: async (refusal: Rejection) => void notices.push(refusal),
        believesClock: () => believed,
      };
      return lookForUpdate(view(), options, looking, signal);
    },
  };
}
const AGE = LIMITS.release_age_h * HOUR;

test("a release waits for its age by this worker's own clock, whatever date its author wrote", async () => {
  const next = versionOf("1.1.0");
  const first = await world.look(next);
  assert.equal(first.state, "quarantined");
  assert.equal(first.offered?.old_enough_at, new Date(START + AGE).toISOString());
  now_ms = START + AGE - 1;
  assert.equal((await world.look(next)).state, "quarantined");
  now_ms = START + AGE;
  assert.equal((await world.look(next)).state, "on_trial");
  assert.deepEqual([world.view().active?.upgrade_version, world.view().candidate?.upgrade_version], ["1.0.0", "1.1.0"]);
});

test("a clock that was set back makes it wait, and one that is not believed takes nothing", async () => {
  const next = versionOf("1.1.0");
  await world.look(next);
  now_ms = START - 1000 * HOUR;
  const back = await world.look(next);
  assert.deepEqual([back.state, back.offered?.first_seen_at], ["quarantined", new Date(START).toISOString()]);
  now_ms = START + 10 * AGE;
  believed = false;
  assert.equal((await world.look(next)).state, "quarantined");
  believed = true;
  assert.equal((await world.look(next)).state, "on_trial");
});

test("an older release that is offered as the latest is never taken, and noticed once for what it is", async () => {
  await world.install(versionOf("2.0.0"));
  const look = await world.look(versionOf("1.0.0"));
  assert.equal(look.state, "downgrade");
  assert.deepEqual(
    notices.map(({ code }) => code),
    ["release_downgrade"],
  );
  assert.equal(world.view().active?.upgrade_version, "2.0.0");
});

test("a feed that no longer shows what it showed before is called held back", async () => {
  await world.look(versionOf("1.1.0"));
  assert.equal((await world.look(versionOf("1.0.0"))).state, "held_back");
  const { release_event } = versionOf("1.1.0");
  world.command({ type: "yank", release_event_id: release_event.id, yank_event_id: "a".repeat(64), reason: "" });
  assert.equal((await world.look(versionOf("1.0.0"))).state, "current");
});

test("another manifest under the version that runs is told for what it is, and never taken unasked", async () => {
  world.command({ type: "set_updates", min_age_h: 0 });
  const { state, message, fix } = await world.look(versionOf("1.0.0", { summary: "Something else." }));
  assert.equal(state, "current");
  assert.match(message, /another manifest under the same version/);
  assert.match(String(fix), /oa install 30051:/);
  assert.equal(world.view().candidate, null);
  assert.match((await world.look(versionOf("1.0.0"))).message, /^version 1\.0\.0 is the latest/);
});

test("one that widens anything waits for the owner; one that asks each time is only told", async () => {
  const wider = versionOf("1.1.0", { schedule: { type: "cron", expression: "0 3 * * *" } });
  world.command({ type: "set_updates", min_age_h: 0 });
  assert.equal((await world.look(wider)).state, "waiting");
  assert.equal(world.view().active?.upgrade_version, "1.0.0");
  world.command({ type: "deny", reason: "no" });
  assert.equal((await world.look(wider)).state, "denied");
  world.command({ type: "set_updates", auto_update: "ask" });
  assert.equal((await world.look(versionOf("1.2.0"))).state, "available");
  assert.equal(world.view().pending, null);
});

test("a pinned install and a release that was rolled back take nothing", async () => {
  world.command({ type: "set_updates", min_age_h: 0, pinned: true });
  assert.equal((await world.look(versionOf("1.1.0"))).state, "pinned");
  world.command({ type: "set_updates", pinned: false });
  assert.equal((await world.look(versionOf("1.1.0"))).state, "on_trial");
  world.command({ type: "roll_back", to: null, reason: "no" });
  assert.equal((await world.look(versionOf("1.1.0"))).state, "rolled_back");
  assert.equal(world.view().candidate, null);
});

test("a release that ends a yank waits like any other: whoever can take one back can publish the next", async () => {
  const { release_event } = versionOf("1.0.0");
  world.command({ type: "yank", release_event_id: release_event.id, yank_event_id: "a".repeat(64), reason: "" });
  const look = await world.look(versionOf("1.1.0"));
  assert.deepEqual([look.state, world.view().status], ["quarantined", "yanked"]);
  assert.match(look.message, /nothing runs meanwhile/);
  now_ms = START + AGE;
  assert.equal((await world.look(versionOf("1.1.0"))).state, "taken");
});

test("the owner's own install does not wait, and is told how long the release has been known", async () => {
  await world.look(versionOf("1.1.0"));
  now_ms = START + 3 * HOUR;
  const shown = await world.install(versionOf("1.1.0"));
  assert.match((shown as { age: string }).age, /has known this release for 3 hours/);
  assert.equal(world.view().active?.upgrade_version, "1.1.0");
  const strange = await world.install(versionOf("1.2.0"));
  assert.match((strange as { age: string }).age, /for the first time now/);
});

for (const trial of [true, false]) {
  test(`a run under way keeps its release to its end, ${trial ? "trial" : "no trial"} or not: an update waits for it`, async () => {
    world.command({ type: "set_updates", min_age_h: 0, trial });
    const end = world.running();
    const look = await world.look(versionOf("1.1.0"));
    assert.deepEqual([look.state, look.offered?.version], ["after_run", "1.1.0"]);
    const { active, candidate, pending } = world.view();
    assert.deepEqual([active?.upgrade_version, candidate, pending], ["1.0.0", null, null]);
    end();
    assert.equal((await world.look(versionOf("1.1.0"))).state, trial ? "on_trial" : "taken");
  });
}
