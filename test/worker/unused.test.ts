import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { forgetValues } from "@oa/shared/core/sealed-values.ts";
import { historyOf, useOf } from "@oa/worker/admin/install-history.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";

const manifest = manifestOf([{ op: "fs.read", id: "read", path: "/data/a.txt" }], {
  filesystem: [{ path: "/data/**", access: "read" }],
  network: ["old.example"],
});

test("what no run used is offered to be taken away after enough runs, and deleted values are no evidence", async () => {
  const read = async () => ({ content: "x", bytes: 1, sha256: "0".repeat(64) });
  const world = openRunWorld({ ops: { "fs.read": read } as never });
  const { store, database: sql, engine } = world;
  const options = { store, sql, home: "/home/owner" };
  const install_id = world.install(manifest);
  const stop = new AbortController();
  const working = engine.loop(stop.signal);
  const run = async (): Promise<string> => {
    const started = await engine.start(install_id, "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    await engine.wait(started.run_id, AbortSignal.timeout(10_000));
    return started.run_id;
  };
  const use = () => {
    const found = useOf(install_id, options);
    assert.ok(!isRejection(found));
    return found;
  };
  const ids: string[] = [];
  while (ids.length < LIMITS.unused_after_runs - 1) ids.push(await run());
  assert.deepEqual([use().runs, use().offered], [LIMITS.unused_after_runs - 1, false]);
  ids.push(await run());
  const { offered, unused, used } = use();
  assert.equal(offered, true);
  assert.deepEqual(
    unused.map(({ permission }) => permission),
    ["network:egress:old.example"],
  );
  assert.ok(used.some(({ permission, runs }) => permission === "filesystem:read:/data/**" && runs === ids.length));
  forgetValues(sql, ids[0] ?? "");
  const reopened = useOf(install_id, options);
  assert.ok(!isRejection(reopened));
  assert.deepEqual([reopened.runs, reopened.offered], [LIMITS.unused_after_runs - 1, false]);
  stop.abort();
  await working;
  world.close();
});

test("the history names who, when and which release for every consent, and says so where there is none", async () => {
  const world = openRunWorld({ ops: {} });
  const options = { store: world.store, sql: world.database, home: "/home/owner" };
  const history = historyOf(world.install(manifest), options);
  assert.ok(!isRejection(history));
  assert.deepEqual(
    history.map(({ type }) => type),
    ["install.requested", "install.inspected", "install.approved", "install.enabled"],
  );
  for (const { actor_id, at, release } of history) {
    assert.ok(actor_id !== "" && !Number.isNaN(Date.parse(at)));
    assert.match(release?.manifest_sha256 ?? "", /^[0-9a-f]{64}$/);
    assert.match(release?.permission_hash ?? "", /^[0-9a-f]{64}$/);
  }
  const nothing = historyOf("install_none", options);
  assert.ok(isRejection(nothing) && nothing.code === "not_found");
  world.close();
});
