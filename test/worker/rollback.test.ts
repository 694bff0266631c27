import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall, type InstallView } from "@oa/shared/install/views.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { withReleases } from "@oa/worker/loops/install-releases.ts";
import { contextOf, manifestOf, openRunWorld } from "../fakes/runs.ts";

const KEY = "1".repeat(64);
const HOME = "/home/owner";
let end = async (): Promise<void> => {};
afterEach(() => end());

const versionOf = (version: string): UpgradeManifest => ({
  ...manifestOf([{ op: "fs.read", id: "read", path: `/data/${version}.txt` }], {
    filesystem: [{ path: "/data/**", access: "read" }],
  }),
  version,
});

/** A worker whose step fails for the versions in `broken`, with `code`. */
function open(broken: Set<string>, code: Fault["code"] = "file_access") {
  const instead: string[] = [];
  const world = openRunWorld({
    ops: {
      "fs.read": async ({ path }: { path: string }) => {
        const version = /(\d+\.\d+\.\d+)/.exec(path)?.[1] ?? "";
        if (broken.has(version)) throw new Fault(code, `version ${version} is broken`);
        return { content: "x", bytes: 1, sha256: "0".repeat(64) };
      },
    } as never,
    store: (inner, sql) =>
      withReleases(inner, { sql, worker: KEY, trialFailed: (_, run) => instead.push(run.upgrade_version) }),
  });
  const { store, engine, database } = world;
  const install_id = world.install(versionOf("1.0.0"));
  const stop = new AbortController();
  const working = engine.loop(stop.signal);
  end = async () => {
    stop.abort();
    await working;
    assert.equal(store.verify().ok, true);
    const live = database.all("SELECT * FROM proj_installs");
    store.rebuild();
    assert.deepEqual(database.all("SELECT * FROM proj_installs"), live, "the read model rebuilds to what it was");
    database.close();
  };
  const command = (asked: InstallCommand) => {
    const done = store.handle(contextOf(Date.now()), [task(installDecider, install_id, asked)]);
    assert.ok(!isRejection(done), JSON.stringify(done));
  };
  let revision = 1;
  const update = (version: string, more: object = {}): void => {
    const manifest = versionOf(version);
    const plan = planOf(manifest, {}, { home: HOME });
    assert.ok(!isRejection(plan));
    revision += 1;
    const hashes = { manifest_sha256: manifestHash(manifest), permission_hash: permissionHash(plan.permissions) };
    command({
      type: "order",
      pins: {
        ...{ upgrade_address: `30051:${KEY}:${manifest.id}`, upgrade_id: manifest.id, upgrade_version: version },
        ...{ title: "Example", author_pubkey: KEY, manifest_event_id: hashes.manifest_sha256 },
        ...{ release_event_id: hashes.manifest_sha256, permissions: plan.permissions, schedule: manifest.schedule },
      },
      ...{ manifest, inputs: {}, named: hashes, found: hashes, grant: plan.grant, ceiling: plan.grant, widened: [] },
      ...{ recipient: KEY, worker: KEY, expires_at_ms: 2, now_ms: 1 },
      signed_by: { signer: KEY, revision, config_event_id: "d".repeat(64) },
      ...more,
    });
  };
  const run = async (reason: "manual" | "schedule" = "schedule"): Promise<string> => {
    const started = await engine.start(install_id, reason);
    assert.ok(!isRejection(started), JSON.stringify(started));
    const ended = await engine.wait(started.run_id, AbortSignal.timeout(10_000));
    return `${ended.upgrade_version} ${ended.status}`;
  };
  /** Another upgrade's run, which ends well. */
  const other = async ({ network = true } = {}): Promise<void> => {
    const manifest = manifestOf([{ op: "fs.read", id: "read", path: "/data/other.txt" }], {
      filesystem: [{ path: "/data/**", access: "read" }],
      ...(network ? { network: ["example.com"] } : {}),
    });
    const started = await engine.start(world.install({ ...manifest, id: "example.other" }), "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    assert.equal((await engine.wait(started.run_id, AbortSignal.timeout(10_000))).status, "succeeded");
  };
  const view = (): InstallView => getInstall(database, install_id) as InstallView;
  return { run, update, view, other, command, instead, engine, install_id };
}

test("after as many failures in a row as the worker's number, the last good release runs again by itself", async () => {
  const { run, update, view } = open(new Set(["2.0.0"]));
  assert.equal(await run(), "1.0.0 succeeded");
  update("2.0.0");
  for (let count = 1; count < LIMITS.rollback_failures; count += 1) assert.equal(await run(), "2.0.0 failed");
  assert.equal(view().active?.upgrade_version, "2.0.0");
  assert.equal(await run(), "2.0.0 failed");
  assert.equal(view().active?.upgrade_version, "1.0.0");
  assert.deepEqual([view().rolled_back?.by, view().rolled_back?.from.upgrade_version], ["failures", "2.0.0"]);
  assert.equal(await run(), "1.0.0 succeeded");
});

test("a success in between starts the count anew", async () => {
  const broken = new Set(["2.0.0"]);
  const { run, update, view } = open(broken);
  await run();
  update("2.0.0");
  for (let round = 0; round < 2; round += 1) {
    broken.add("2.0.0");
    for (let count = 1; count < LIMITS.rollback_failures; count += 1) await run();
    broken.clear();
    assert.equal(await run(), "2.0.0 succeeded");
  }
  assert.equal(view().active?.upgrade_version, "2.0.0");
});

for (const code of [
  "disk_full",
  "vault_locked",
  "secret_missing",
  "sandbox_missing",
  "action_zone_mismatch",
] as const) {
  test(`failures that are the owner's decision or the machine's lack bring nothing back: ${code}`, async () => {
    const { run, update, view } = open(new Set(["2.0.0"]), code);
    await run();
    update("2.0.0");
    for (let count = 0; count < LIMITS.rollback_failures + 2; count += 1) await run();
    assert.equal(view().active?.upgrade_version, "2.0.0");
  });
}

for (const code of ["egress_dns", "egress_unreachable", "egress_timeout"] as const) {
  test(`a machine that is offline brings nothing back, however long it is: ${code}`, async () => {
    const { run, update, view } = open(new Set(["2.0.0"]), code);
    await run();
    update("2.0.0");
    for (let count = 0; count < (LIMITS.rollback_failures + 1) * LIMITS.rollback_unreached; count += 1) await run();
    assert.equal(view().active?.upgrade_version, "2.0.0");
  });
}

test("a host that is not found while another upgrade reaches its own is the release's, after three times as many", async () => {
  const { run, update, view, other } = open(new Set(["2.0.0"]), "egress_dns");
  await run();
  update("2.0.0");
  await other();
  const enough = LIMITS.rollback_failures * LIMITS.rollback_unreached;
  for (let count = 1; count < enough; count += 1) await run();
  assert.equal(view().active?.upgrade_version, "2.0.0");
  await run();
  assert.equal(view().active?.upgrade_version, "1.0.0");
  assert.match(view().rolled_back?.reason ?? "", /version 2\.0\.0 is broken/);
});

test("an upgrade that needs no network is no witness that there is one", async () => {
  const { run, update, view, other } = open(new Set(["2.0.0"]), "egress_dns");
  await run();
  update("2.0.0");
  await other({ network: false });
  for (let count = 0; count < LIMITS.rollback_failures * LIMITS.rollback_unreached; count += 1) await run();
  assert.equal(view().active?.upgrade_version, "2.0.0");
});

test("a trial without a network is not over at once, but it is bounded", async () => {
  const { run, update, view, command } = open(new Set(["2.0.0"]), "egress_unreachable");
  await run();
  command({ type: "set_updates", auto_update: "narrow" });
  update("2.0.0", { unattended: true, ceiling: [] });
  for (let count = 1; count < LIMITS.rollback_unreached; count += 1) assert.equal(await run(), "2.0.0 failed");
  assert.equal(view().candidate?.upgrade_version, "2.0.0");
  assert.equal(await run(), "2.0.0 failed");
  assert.deepEqual([view().active?.upgrade_version, view().candidate], ["1.0.0", null]);
});

test("a release on trial runs at the next start; run through, it takes the place of the other", async () => {
  const { run, update, view, command } = open(new Set());
  await run();
  command({ type: "set_updates", auto_update: "narrow" });
  update("2.0.0", { unattended: true, ceiling: [] });
  assert.deepEqual([view().active?.upgrade_version, view().candidate?.upgrade_version], ["1.0.0", "2.0.0"]);
  assert.equal(await run("manual"), "1.0.0 succeeded", "started by hand, what was agreed to runs");
  assert.equal(await run("schedule"), "2.0.0 succeeded");
  assert.deepEqual([view().active?.upgrade_version, view().candidate], ["2.0.0", null]);
});

test("a trial that fails is over at once, the other stays, and its result is asked for instead", async () => {
  const { run, update, view, command, instead } = open(new Set(["2.0.0"]));
  await run();
  command({ type: "set_updates", auto_update: "narrow" });
  update("2.0.0", { unattended: true, ceiling: [] });
  assert.equal(await run(), "2.0.0 failed");
  assert.deepEqual([view().active?.upgrade_version, view().candidate], ["1.0.0", null]);
  assert.deepEqual(
    view().set_aside.map(({ upgrade_version }) => upgrade_version),
    ["2.0.0"],
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(instead, ["2.0.0"]);
});

test("what the owner took away is refused before anything runs, and runs again when it is given back", async () => {
  const { run, command, engine, install_id, view } = open(new Set());
  await run();
  const permission = view().active?.permissions.find((one) => one.startsWith("filesystem:read")) ?? "";
  command({ type: "set_revocations", revoked: [{ permission, granted: permission }] });
  const refused = await engine.start(install_id, "manual");
  assert.ok(isRejection(refused) && refused.code === "permission_revoked", JSON.stringify(refused));
  assert.match(refused.message, /oa installs narrow .* --restore/);
  command({ type: "set_revocations", revoked: [] });
  assert.equal(await run(), "1.0.0 succeeded");
});
