import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { externalWritesSince } from "@oa/shared/approval/views.ts";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { usedWithinADay } from "@oa/shared/policy/views.ts";
import { getRun } from "@oa/shared/run/views.ts";
import { ownerDecides } from "@oa/worker/admin/decide.ts";
import { policyPort } from "@oa/worker/admin/policy.ts";
import { openCompliance } from "@oa/worker/engine/compliance.ts";
import { FOLLOWS, type GateWorld, hosts, LOOK, openGateWorld } from "../fakes/approvals.ts";
import { contextOf, KEY, manifestOf, type Ops, settled } from "../fakes/runs.ts";

let world: GateWorld;
const folder = mkdtempSync(join(tmpdir(), "oa-kill-switch-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
afterEach(() => world.stop());

const tell = { id: "tell", op: "http.request", method: "POST", url: "https://b.example/" } as const;
const TELLS = manifestOf([LOOK, tell], hosts("a.example", "b.example"));
const ended = (run_id: string) => {
  const { status, code } = getRun(world.database, run_id) ?? {};
  return [status, code];
};
const conduct = (install_id: string) => world.store.load(conductDecider, conductSubject(install_id));

describe("the kill switch", () => {
  it("takes effect at once: no write outside begins, reading goes on, and off again it may", async () => {
    world = openGateWorld();
    const install_id = world.install(TELLS);
    const { kill_switch } = world.options;
    await kill_switch.set(true, "odd traffic");
    assert.deepEqual(ended(await world.start(install_id)), ["failed", "kill_switch_active"]);
    assert.deepEqual(world.made, ["GET https://a.example/state"]);
    await kill_switch.set(false, "found it");
    assert.deepEqual(ended(await world.start(install_id)), ["succeeded", null]);
    assert.deepEqual(
      world.store.bySubject("kill_switch").map(({ event_type, data }) => [event_type, data]),
      [
        ["kill_switch.engaged", { reason: "odd traffic" }],
        ["kill_switch.released", { reason: "found it" }],
      ],
    );
  });

  it("stops the write that is under way, and leaves a read that is under way alone", async () => {
    const aborted: string[] = [];
    const slow = async ({ url }: { readonly url: string }, { signal }: { readonly signal: AbortSignal }) => {
      if (url.includes("a.example")) return { status: 200, url, headers: {}, body: "", encoding: "utf8", bytes: 0 };
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted.push(url);
          reject(signal.reason);
        });
      });
    };
    world = openGateWorld({ ops: { "http.request": slow } as unknown as Ops, concurrency: 2 });
    const reads = manifestOf([{ id: "wait", op: "http.request", url: "https://b.example/slow" }], hosts("b.example"));
    const writing = await world.start(world.install(TELLS));
    const reading = await world.start(world.install(reads));
    await world.options.kill_switch.set(true, "stop");
    await settled();
    assert.deepEqual(aborted, ["https://b.example/"]);
    assert.deepEqual(ended(writing), ["failed", "kill_switch_active"]);
    assert.equal(ended(reading)[0], "running");
  });

  it("denies whatever was approved, and what was approved while it was on", async () => {
    world = openGateWorld({ says: () => "https://b.example/x" });
    const run_id = await world.start(world.install(FOLLOWS));
    const [asked] = world.asked();
    await world.options.kill_switch.set(true, "stop");
    await world.decide(asked?.approval_id ?? "", { decision: "approve" });
    assert.deepEqual(ended(run_id), ["failed", "kill_switch_active"]);
    assert.equal(world.made.length, 1);
  });

  it("is still on after a restart, and the settings hold it on whatever is switched", async () => {
    const path = join(folder, "on.sqlite");
    world = openGateWorld({ path });
    await world.options.kill_switch.set(true, "for the night");
    await world.stop();
    world = openGateWorld({ path });
    assert.deepEqual(world.options.kill_switch.status(), { on: true, forced: false, reason: "for the night" });
    await world.stop();
    world = openGateWorld({ path, kill_switch: true });
    assert.deepEqual(await world.options.kill_switch.set(false, "please"), {
      ...{ on: true, forced: true, reason: "please" },
    });
    assert.deepEqual(ended(await world.start(world.install(TELLS))), ["failed", "kill_switch_active"]);
  });

  it("holds completion notes back like any other write, until it is off again", async () => {
    const posted: string[] = [];
    const publish = async ({ content }: { readonly content: string }) => {
      posted.push(content);
      return { event_id: "e".repeat(64), accepted: ["wss://relay.example"], refused: [] };
    };
    world = openGateWorld({ notes: { publish }, completion_note_relays: ["wss://relay.example"] });
    const reads = manifestOf([LOOK], hosts("a.example"));
    await world.options.kill_switch.set(true, "stop");
    const run_id = await world.start(world.install(reads));
    assert.deepEqual(ended(run_id), ["succeeded", null]);
    const failed = world.store.bySubject(run_id).find(({ event_type }) => event_type === "note.failed");
    assert.equal((failed?.data as { code?: string } | undefined)?.code, "kill_switch_active");
    assert.deepEqual(posted, []);
    await world.options.kill_switch.set(false, "go on");
    await world.clock.jump(600_000);
    assert.equal(posted.length, 1);
  });

  it("is nothing that an install is quarantined for", async () => {
    world = openGateWorld();
    const install_id = world.install(TELLS);
    await world.options.kill_switch.set(true, "stop");
    for (let turn = 0; turn < 5; turn += 1) await world.start(install_id);
    assert.equal(conduct(install_id).quarantine, null);
    const denied = world.store.bySubject(conductSubject(install_id));
    assert.deepEqual([denied.length, denied[0]?.event_type], [5, "policy.denied"]);
    const { reasons = [] } = (denied[0]?.data ?? {}) as { reasons?: { rule: string; code: string }[] };
    assert.ok(reasons.some(({ rule, code }) => rule === "kill_switch" && code === "kill_switch_active"));
    assert.ok(
      reasons.some(({ code }) => code === "approval_allows_action"),
      "every rule's word is kept",
    );
  });
});

describe("quotas", () => {
  it("count writes outside from the log: the one too many is denied, after a restart too, until the hour is over", async () => {
    const path = join(folder, "quota.sqlite");
    const quotas = { external_writes_per_hour: 2 };
    world = openGateWorld({ path, quotas });
    const install_id = world.install(TELLS);
    for (let turn = 0; turn < 2; turn += 1) assert.equal(ended(await world.start(install_id))[0], "succeeded");
    const at_ms = world.clock.now_ms();
    await world.stop();
    world = openGateWorld({ path, quotas });
    await world.clock.jump(at_ms - world.clock.now_ms());
    await assert.rejects(world.start(install_id), /^Error: quota_exceeded: external_writes_per_hour: 2 of 2 are used/);
    assert.equal(externalWritesSince(world.database, install_id, 0), 2);
    await world.clock.jump(3_600_000);
    assert.equal(ended(await world.start(install_id))[0], "succeeded");
  });

  it("of one install leave another's alone", async () => {
    world = openGateWorld({ quotas: { external_writes_per_day: 1 } });
    const [one, other] = [world.install(TELLS), world.install(TELLS)];
    assert.equal(ended(await world.start(one))[0], "succeeded");
    await assert.rejects(world.start(one), /quota_exceeded/);
    assert.equal(ended(await world.start(other))[0], "succeeded");
  });

  it("end a run in its middle, before the write that would be one too many", async () => {
    world = openGateWorld({ quotas: { external_writes_per_day: 1 } });
    const twice = {
      ...TELLS,
      pipeline: [...TELLS.pipeline, { ...TELLS.pipeline.at(-1), id: "again" }],
    } as typeof TELLS;
    const install_id = world.install(twice);
    assert.deepEqual(ended(await world.start(install_id)), ["failed", "quota_exceeded"]);
    assert.equal(externalWritesSince(world.database, install_id, 0), 1);
  });

  it("of model time are counted from what steps really took, and end the day's use", async () => {
    const answer = { text: "x".repeat(40), model: "m", tokens_in: 30, tokens_out: 10 };
    world = openGateWorld({
      quotas: { model_tokens_per_day: 50 },
      ops: {
        "model.generate": async (
          _: object,
          context: { backends: { generate: (request: object) => Promise<object> } },
        ) => context.backends.generate({ prompt: "hello" }),
      } as unknown as Ops,
      effects: { backends: { generate: async () => answer } },
    });
    const think = { id: "think", op: "model.generate", backend: "llama.cpp", prompt: "hello", max_tokens: 9 } as const;
    const install_id = world.install(manifestOf([think], { tools: ["model.generate"] }));
    for (let turn = 0; turn < 2; turn += 1) assert.deepEqual(ended(await world.start(install_id)), ["succeeded", null]);
    assert.equal(usedWithinADay(world.database, conductSubject(install_id), "model_tokens", world.clock.now_ms()), 80);
    await assert.rejects(world.start(install_id), /quota_exceeded: model_tokens_per_day: 80 of 50 are used/);
    await world.clock.jump(25 * HOUR_MS);
    assert.deepEqual(ended(await world.start(install_id)), ["succeeded", null]);
  });
});

describe("an install that is denied again and again", () => {
  const deniedOnce = async (install_id: string) => {
    await world.start(install_id);
    const [asked] = world.asked();
    await world.decide(asked?.approval_id ?? "", { decision: "deny", reason: "no" });
  };

  it("is quarantined, says why, starts nothing, and starts again once its owner lifts it", async () => {
    world = openGateWorld({ says: () => "https://b.example/x" });
    const install_id = world.install(FOLLOWS);
    for (let turn = 0; turn < 3; turn += 1) await deniedOnce(install_id);
    assert.match(conduct(install_id).quarantine?.reason ?? "", /3 times .*approval_denied/);
    const refused = await world.engine.start(install_id, "schedule");
    assert.ok(isRejection(refused) && refused.code === "install_quarantined");
    assert.match(refused.message, /approval_denied/);
    const { store, clock } = world;
    const lift = task(conductDecider, conductSubject(install_id), { type: "lift", reason: "looked at" });
    store.handle(contextOf(clock.now_ms()), [lift]);
    const run_id = await world.start(install_id);
    assert.equal(getRun(world.database, run_id)?.paused_by, "approval");
  });

  it("stops within a run, whose next step is judged like any other", async () => {
    world = openGateWorld({ says: () => "https://b.example/x" });
    const install_id = world.install(FOLLOWS);
    const run_id = await world.start(install_id);
    const { store, clock } = world;
    const reason = "the owner looks at it";
    const hold = task(conductDecider, conductSubject(install_id), {
      type: "quarantine",
      reason,
      now_ms: clock.now_ms(),
    });
    store.handle(contextOf(clock.now_ms()), [hold]);
    await world.decide(world.asked()[0]?.approval_id ?? "", { decision: "approve" });
    assert.deepEqual(ended(run_id), ["failed", "install_quarantined"]);
    assert.equal(world.made.length, 1);
  });

  it("has what it is doing aborted once its owner quarantines it, and nothing of other installs", async () => {
    const aborted: string[] = [];
    const slow = ({ url }: { readonly url: string }, { signal }: { readonly signal: AbortSignal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted.push(url);
          reject(signal.reason);
        });
      });
    world = openGateWorld({ ops: { "http.request": slow } as unknown as Ops, concurrency: 2 });
    const reads = (id: string) => manifestOf([{ ...LOOK, url: `https://a.example/${id}` }], hosts("a.example"));
    const [bad, good] = [world.install(reads("bad")), world.install(reads("good"))];
    const [stopped, other] = [await world.start(bad), await world.start(good)];
    const { store, database, clock, options, engine } = world;
    const policy = policyPort({
      ...{ store, sql: database, engine, home: "/home/owner", worker: KEY, now_ms: clock.now_ms },
      ...{ kill_switch: options.kill_switch, compliance: openCompliance("strict") },
      config: { aup: "strict", kill_switch: false, zone: "supervised", quotas: {} },
      decide: ownerDecides(database, store, (id) => contextOf(clock.now_ms(), id)),
    });
    await policy.change(bad, { quarantined: true, reason: "odd requests" });
    await settled();
    assert.deepEqual(aborted, ["https://a.example/bad"]);
    assert.deepEqual(ended(stopped), ["failed", "install_quarantined"]);
    assert.match(getRun(database, stopped)?.message ?? "", /odd requests/);
    assert.equal(ended(other)[0], "running");
  });

  it("is not where the denials are days apart", async () => {
    world = openGateWorld({ says: () => "https://b.example/x" });
    const install_id = world.install(FOLLOWS);
    for (let turn = 0; turn < 4; turn += 1) {
      await deniedOnce(install_id);
      await world.clock.jump(13 * HOUR_MS);
    }
    assert.equal(conduct(install_id).quarantine, null);
  });
});
