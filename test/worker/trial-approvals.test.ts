import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { listApprovals } from "@oa/shared/approval/views.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { getRun } from "@oa/shared/run/views.ts";
import { withReleases } from "@oa/worker/loops/install-releases.ts";
import { contextOf, KEY, manifestOf, openRunWorld, orderCommand } from "../fakes/runs.ts";

let end = async (): Promise<void> => {};
afterEach(() => end());

/** A release that tells one host, and consent to it approves exactly that. */
const versionOf = (version: string): UpgradeManifest => ({
  ...manifestOf(
    [
      {
        op: "http.request",
        id: "tell",
        method: "POST",
        url: `https://b.example/${version}`,
      },
    ],
    { network: ["b.example"], tools: ["http.request"] },
  ),
  version,
});

function open() {
  const told: string[] = [];
  const world = openRunWorld({
    ops: {
      "http.request": async ({ url }: { url: string }) => {
        told.push(url);
        return { status: 200, url, headers: {}, body: "", encoding: "utf8", bytes: 0 };
      },
    } as never,
    store: (inner, sql) => withReleases(inner, { sql, worker: KEY, trialFailed: () => {} }),
  });
  const { store, engine, database } = world;
  const install_id = world.install(versionOf("1.0.0"));
  const stop = new AbortController();
  const working = engine.loop(stop.signal);
  end = async () => {
    stop.abort();
    await working;
    database.close();
  };
  const command = (asked: InstallCommand) => {
    const done = store.handle(contextOf(Date.now()), [task(installDecider, install_id, asked)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  const onTrial = (version: string): void => {
    command({ type: "set_updates", auto_update: "narrow" });
    const asked = {
      revision: 2,
      unattended: true,
      ceiling: [],
      widened: [],
      pins: { release_event_id: "e".repeat(64) },
    };
    command(orderCommand(versionOf(version), Date.now(), asked));
    assert.equal(getInstall(database, install_id)?.candidate?.upgrade_version, version);
  };
  const run = async (reason: "manual" | "schedule") => {
    const started = await engine.start(install_id, reason);
    assert.ok(!isRejection(started), JSON.stringify(started));
    await engine.wait(started.run_id, AbortSignal.timeout(10_000));
    const { upgrade_version, status, code } = getRun(database, started.run_id) ?? {};
    return [upgrade_version, status, code ?? null];
  };
  /** How many approvals of a version's writes are in force. */
  const inForce = (version: string): number => {
    const manifest_sha256 = manifestHash(versionOf(version));
    const approved = listApprovals(database, { limit: 10, install_id, status: "approved" });
    return approved.filter(({ pins }) => pins.manifest_sha256 === manifest_sha256).length;
  };
  return { run, onTrial, told, command, inForce };
}

test("consent approves the writes of a release on trial beside those of what it may replace", async () => {
  const { run, onTrial, told, inForce } = open();
  onTrial("1.1.0");
  assert.deepEqual([inForce("1.0.0"), inForce("1.1.0")], [1, 1]);
  assert.deepEqual(await run("manual"), ["1.0.0", "succeeded", null]);
  assert.deepEqual(await run("schedule"), ["1.1.0", "succeeded", null]);
  assert.deepEqual(told, ["https://b.example/1.0.0", "https://b.example/1.1.0"]);
});

test("once it took the other's place, only its own writes are approved", async () => {
  const { run, onTrial, inForce } = open();
  onTrial("1.1.0");
  await run("schedule");
  assert.deepEqual([inForce("1.0.0"), inForce("1.1.0")], [0, 1]);
});

test("once it is rolled back, nothing of it is approved any more", async () => {
  const { onTrial, command, inForce, run, told } = open();
  onTrial("1.1.0");
  command({ type: "roll_back", to: null, reason: "no" });
  assert.deepEqual([inForce("1.0.0"), inForce("1.1.0")], [1, 0]);
  assert.deepEqual(await run("schedule"), ["1.0.0", "succeeded", null]);
  assert.deepEqual(told, ["https://b.example/1.0.0"]);
});
