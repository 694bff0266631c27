import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { approvalDecider } from "@oa/shared/approval/decider.ts";
import { getApproval, listApprovals } from "@oa/shared/approval/views.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import { getRun } from "@oa/shared/run/views.ts";
import { FOLLOWS, type GateWorld, hosts, LOOK, openGateWorld } from "../fakes/approvals.ts";
import { contextOf, manifestOf } from "../fakes/runs.ts";

let world: GateWorld;
const folder = mkdtempSync(join(tmpdir(), "oa-approvals-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
afterEach(() => world.stop());

function open(options: Parameters<typeof openGateWorld>[0] = {}): GateWorld {
  world = openGateWorld({ says: () => "https://b.example/x", ...options });
  return world;
}
const run = (run_id: string) => {
  const view = getRun(world.database, run_id);
  assert.ok(view !== null);
  return view;
};
const only = () => {
  const [asked, ...more] = world.asked();
  assert.ok(asked !== undefined && more.length === 0, "exactly one question waits");
  return asked;
};
const types = (id: string) => world.store.bySubject(id).map(({ event_type }) => event_type);

describe("a write that consent could not know", () => {
  it("waits for the owner, who is told exactly what would be done, and nothing is sent meanwhile", async () => {
    open();
    const run_id = await world.start(world.install(FOLLOWS));
    const asked = only();
    const { paused_by, paused_reason, status } = run(run_id);
    assert.deepEqual([status, paused_by], ["running", "approval"]);
    assert.match(paused_reason ?? "", new RegExp(asked.approval_id));
    assert.match(asked.summary, /^Example: Step follow \(http\.request POST\) would write to b\.example\.$/);
    const { request } = (await world.approvals.get(asked.approval_id)) as unknown as { request: object };
    assert.deepEqual(request, { body: "hi", method: "POST", url: "https://b.example/x" });
    assert.deepEqual(world.made, ["GET https://a.example/state"]);
    assert.ok(
      !types(run_id).includes("step.started") || types(run_id).filter((t) => t === "step.started").length === 1,
    );
  });

  it("is done once it is approved, and the approval is used up in the commit that records the intent", async () => {
    open();
    const run_id = await world.start(world.install(FOLLOWS));
    const { approval_id } = only();
    const done = await world.decide(approval_id, { decision: "approve" });
    assert.ok(!isRejection(done));
    assert.equal(run(run_id).status, "succeeded");
    assert.equal(world.made.at(-1), "POST https://b.example/x");
    assert.deepEqual(types(approval_id), ["approval.requested", "approval.approved", "approval.consumed"]);
    const events = [...world.store.after(0)].map(({ event }) => event);
    const at = events.findIndex(({ event_type }) => event_type === "approval.consumed");
    const intent = events.findIndex(
      ({ event_type, data }) => event_type === "step.started" && (data as { step_id: string }).step_id === "follow",
    );
    assert.equal(at, intent + 1);
    assert.equal(events[at]?.recorded_at, events[intent]?.recorded_at);
  });

  it("fails clearly when it is denied, and nothing is sent", async () => {
    open();
    const run_id = await world.start(world.install(FOLLOWS));
    await world.decide(only().approval_id, { decision: "deny", reason: "not tonight" });
    const { status, code, message } = run(run_id);
    assert.deepEqual([status, code], ["failed", "approval_denied"]);
    assert.match(message ?? "", /not tonight/);
    assert.equal(world.made.length, 1);
  });

  it("fails clearly when nobody decides in time", async () => {
    open();
    const run_id = await world.start(world.install(FOLLOWS));
    const { approval_id } = only();
    await world.clock.jump(LIMITS.approval_request_ms - 60_000);
    assert.equal(run(run_id).status, "running");
    await world.clock.jump(60_000);
    assert.deepEqual([run(run_id).status, run(run_id).code], ["failed", "approval_expired"]);
    assert.equal(getApproval(world.database, approval_id)?.status, "expired");
    const late = await world.decide(approval_id, { decision: "approve" });
    assert.ok(isRejection(late) && late.code === "approval_expired");
    assert.equal(world.made.length, 1);
  });

  it("asks once, however often the run is resumed by hand", async () => {
    open();
    const run_id = await world.start(world.install(FOLLOWS));
    for (let turn = 0; turn < 3; turn += 1) {
      await world.engine.resume(run_id, "go on");
      await world.clock.pass(1_000);
    }
    assert.equal(run(run_id).paused_by, "approval");
    only();
    assert.equal(world.made.length, 1);
  });

  it("stays asked after a restart, and goes on after the answer", async () => {
    const path = join(folder, "restart.sqlite");
    open({ path });
    const run_id = await world.start(world.install(FOLLOWS));
    const { approval_id } = only();
    await world.stop();
    open({ path });
    await world.clock.pass(2_000);
    assert.deepEqual([run(run_id).status, only().approval_id], ["running", approval_id]);
    await world.decide(approval_id, { decision: "approve" });
    assert.equal(run(run_id).status, "succeeded");
    assert.deepEqual(world.made, ["POST https://b.example/x"]);
  });

  it("can be canceled while it waits", async () => {
    open();
    const run_id = await world.start(world.install(FOLLOWS));
    const { approval_id } = only();
    await world.engine.cancel(run_id, "enough");
    await world.clock.pass(1_000);
    assert.equal(run(run_id).status, "canceled");
    assert.deepEqual(world.asked(), [], "nobody is asked about a run that is over");
    const { status, reason } = getApproval(world.database, approval_id) ?? {};
    assert.deepEqual([status, reason], ["revoked", "its run was canceled meanwhile"]);
    const late = await world.decide(approval_id, { decision: "approve", scope: "workspace" });
    assert.ok(isRejection(late) && late.code === "approval_revoked");
  });
});

describe("an approval is for what was shown and nothing else", () => {
  it("of one run it does nothing in another", async () => {
    open();
    const install_id = world.install(FOLLOWS);
    const first = await world.start(install_id);
    await world.decide(only().approval_id, { decision: "approve" });
    assert.equal(run(first).status, "succeeded");
    const second = await world.start(install_id);
    assert.equal(run(second).paused_by, "approval");
    assert.equal(world.asked().length, 1);
  });

  it("of a scope for the whole workspace it covers the same target again, and not another", async () => {
    let where = "https://b.example/x";
    open({ says: () => where });
    const install_id = world.install(FOLLOWS);
    await world.start(install_id);
    await world.decide(only().approval_id, { decision: "approve", scope: "workspace" });
    where = "https://b.example/y";
    assert.equal(run(await world.start(install_id)).status, "succeeded");
    where = "https://c.example/";
    assert.equal(run(await world.start(install_id)).paused_by, "approval");
    assert.match(only().summary, /c\.example/);
  });

  it("of another action than the owner was shown, it is not given", async () => {
    open();
    await world.start(world.install(FOLLOWS));
    const { approval_id } = only();
    const wrong = await world.decide(approval_id, { decision: "approve", action_sha256: "0".repeat(64) });
    assert.ok(isRejection(wrong) && wrong.code === "approval_mismatch");
    assert.equal(only().approval_id, approval_id);
  });

  it("for a room, where there is none, it is not given", async () => {
    open();
    await world.start(world.install(FOLLOWS));
    const wrong = await world.decide(only().approval_id, { decision: "approve", scope: "room" });
    assert.ok(isRejection(wrong) && wrong.code === "approval_mismatch");
  });

  it("once revoked it stops the step, though it had been given", async () => {
    open();
    const install_id = world.install(FOLLOWS);
    await world.start(install_id);
    const { approval_id } = only();
    await world.decide(approval_id, { decision: "approve", scope: "workspace" });
    assert.ok(!isRejection(await world.decide(approval_id, { decision: "revoke", reason: "changed my mind" })));
    assert.equal(run(await world.start(install_id)).paused_by, "approval");
  });

  it("is never used twice by two tasks of one transaction", async () => {
    open();
    await world.start(world.install(FOLLOWS));
    const { approval_id, pins } = only();
    const { store, clock } = world;
    const now_ms = clock.now_ms();
    const { manifest_sha256, run_id, ...rest } = pins;
    const action = {
      ...{ ...rest, manifest_sha256, needs: pins.targets, room_id: undefined, run_id: run_id ?? "" },
      ...{ method: pins.method ?? "", action_sha256: pins.action_sha256 ?? "" },
    };
    const approve = { type: "approve", scope: "once", uses_per_day: 1, action_sha256: null, now_ms } as const;
    store.handle(contextOf(now_ms), [
      task(approvalDecider, approval_id, { ...approve, expires_at_ms: now_ms + 60_000 }),
    ]);
    const use = (name: string) =>
      task(approvalDecider, approval_id, {
        type: "consume",
        action: action as never,
        manifest_sha256,
        use: name,
        now_ms,
      });
    const both = store.handle(contextOf(now_ms), [use("run_1/a"), use("run_2/a")]);
    assert.ok(isRejection(both) && both.code === "approval_used");
    assert.equal(getApproval(world.database, approval_id)?.uses, 0, "nothing of the transaction was kept");
  });
});

describe("consent to an install", () => {
  const tell = {
    id: "tell",
    op: "http.request",
    method: "POST",
    url: "https://b.example/${steps.look.status}",
  } as const;
  const manifest = manifestOf([LOOK, tell], hosts("a.example", "b.example"));
  const templates = (install_id: string) =>
    listApprovals(world.database, { limit: 10, install_id }).map(({ status, scope, step_id, by }) => [
      ...[status, scope, step_id, by],
    ]);

  it("approves exactly the writes it declares, as events of its own transaction, so that a night run does not wait", async () => {
    open();
    const install_id = world.install(manifest);
    assert.deepEqual(templates(install_id), [["approved", "template", "tell", "consent"]]);
    assert.equal(run(await world.start(install_id)).status, "succeeded");
    const [used] = listApprovals(world.database, { limit: 1, install_id });
    assert.deepEqual([used?.uses, used?.status], [1, "approved"]);
    assert.deepEqual(templates(world.install(FOLLOWS)), []);
  });

  it("asks again once it is older than it may get", async () => {
    open();
    const install_id = world.install(manifest);
    await world.clock.jump(LIMITS.approval_ms);
    assert.equal(run(await world.start(install_id)).paused_by, "approval");
  });

  it("ends with the install, and what still waited is revoked and not done", async () => {
    open();
    const install_id = world.install(FOLLOWS);
    const run_id = await world.start(install_id);
    const { approval_id } = only();
    const { store, database, clock } = world;
    await database.commit(() =>
      store.handle(contextOf(clock.now_ms()), [task(installDecider, install_id, { type: "remove", reason: "done" })]),
    );
    await clock.pass(1_000);
    assert.equal(getApproval(database, approval_id)?.status, "revoked");
    assert.equal(run(run_id).status, "canceled");
    assert.equal(world.made.length, 1);
  });

  it("gives nothing to a run of another manifest than the one that is installed", async () => {
    open();
    const install_id = world.install(manifest);
    const { store, clock } = world;
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started));
    // What another release would be: its run pins a manifest that the install no longer has.
    const { created } = store.load(runDecider, started.run_id);
    assert.ok(created !== null);
    const run_id = "run_00000000000000000000000001";
    const other = { ...created, manifest_sha256: "e".repeat(64) };
    store.handle(contextOf(clock.now_ms()), [task(runDecider, run_id, { type: "create", data: other })]);
    await clock.pass(3_000);
    assert.deepEqual([run(run_id).status, run(run_id).code], ["failed", "manifest_hash_mismatch"]);
    assert.equal(run(started.run_id).status, "succeeded");
    assert.equal(world.made.filter((one) => one.startsWith("POST")).length, 1);
  });
});

describe("in the zone high_stakes", () => {
  it("consent is not enough: each run's writes are approved by the owner", async () => {
    open({ zone: "high_stakes" });
    const tell = { id: "tell", op: "http.request", method: "POST", url: "https://b.example/" } as const;
    const run_id = await world.start(world.install(manifestOf([LOOK, tell], hosts("a.example", "b.example"))));
    const asked = only();
    assert.ok(asked.reasons.some(({ code }) => code === "action_pre_approval_required"));
    await world.decide(asked.approval_id, { decision: "approve", scope: "run" });
    assert.equal(run(run_id).status, "succeeded");
  });
});
