import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { approvalDecider } from "@oa/shared/approval/decider.ts";
import { getApproval, listApprovals } from "@oa/shared/approval/views.ts";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { RunEvent, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { listInstalls } from "@oa/shared/install/views.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { apart } from "@oa/shared/run/boundary.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import { getRun, type RunView } from "@oa/shared/run/views.ts";
import type { AdminServer } from "@oa/worker/admin/server.ts";
import { joinWorkspace, type Workspace } from "@oa/worker/engine/join.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { FOLLOWS } from "../fakes/approvals.ts";
import { CRASH_MANIFEST, crashOps, linesOf } from "../fakes/crash.ts";
import { contextOf, manifestOf, type Ops, openRunWorld, type RunWorld } from "../fakes/runs.ts";
import { serveWorld, startRun, TOKEN, untilRun, workspaceAt } from "../fakes/workspace.ts";

const CHILD = join(import.meta.dirname, "lease-child.ts");
const LEASE_MS = 1_000;

describe("a second engine", () => {
  let folder = "";
  let home: RunWorld;
  let server: AdminServer;
  const opened: { readonly world: RunWorld; readonly stop: AbortController; readonly joined: Promise<void> }[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "oa-lease-"));
    home = openRunWorld({ ops: {} }); // its own engine does nothing here
    server = await serveWorld(home);
  });
  afterEach(async () => {
    for (const { world, stop, joined } of opened.splice(0)) {
      stop.abort();
      await joined;
      world.close();
    }
    await server.close();
    assert.equal(home.store.verify().ok, true, "the audit chain verifies");
    home.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const engine = (ops: Ops, manifest: UpgradeManifest | null, inputs = {}) => {
    const world = openRunWorld({ ops });
    if (manifest !== null) world.install(manifest, inputs);
    const stop = new AbortController();
    const joined = joinWorkspace(world.options, workspaceAt(server.url, TOKEN, LEASE_MS), stop.signal);
    opened.push({ world, stop, joined });
    return { world, stop, joined };
  };
  const start = (manifest: UpgradeManifest, inputs = {}) => startRun(home, manifest, inputs);
  const until = (run_id: string, reached: (run: RunView) => boolean) => untilRun(home, run_id, reached);
  const waitFor = async <T>(look: () => T | undefined): Promise<T> => {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const found = look();
      if (found !== undefined) return found;
      await delay(10);
    }
    throw new Error("it never came to that");
  };
  const events = (run_id: string) => home.store.bySubject(run_id) as unknown as readonly Recorded<RunEvent>[];
  const steps = (run_id: string, type: string): readonly string[] =>
    apart(events(run_id))
      .filter(({ event_type }) => event_type === type)
      .map(({ data }) => (data as { readonly step_id: string }).step_id);
  const ask = async (path: string, body: object): Promise<string> => {
    const answer = await workspaceAt(server.url, TOKEN, LEASE_MS).post(path, body, AbortSignal.timeout(5_000));
    return isRejection(answer) ? answer.code : "done";
  };
  const patient: Op<never, object> = async (_, { signal, checkpoint }) => {
    for (;;) {
      await checkpoint();
      await delay(5);
      if (signal.aborted) throw signal.reason;
    }
  };

  it("carries a run out under its own install, and what it did stands in the workspace's log", async () => {
    const run_id = await start(CRASH_MANIFEST);
    engine(crashOps(folder), CRASH_MANIFEST);
    const run = await until(run_id, ({ finished_at }) => finished_at !== null);
    assert.equal(run.status, "succeeded", run.message ?? "");
    assert.deepEqual(steps(run_id, "step.succeeded"), ["fetch", "post", "keep"]);
    const recorded = events(run_id).filter(({ event_type }) => event_type.startsWith("step."));
    assert.deepEqual(
      recorded.map(({ event_type, data }) => [event_type, "next" in data ? data.next?.step_id : undefined]),
      [
        ["step.started", undefined],
        ["step.succeeded", "post"],
        ["step.succeeded", "keep"],
        ["step.succeeded", undefined],
      ],
      "one event a step, as where the worker carries the run out itself",
    );
    assert.equal(run.artifacts.length, 1);
    assert.equal(readFileSync(join(folder, "out.txt"), "utf8"), "page");
  });

  it("carries out runs of all its installs, one after the other", async () => {
    const { world } = engine(crashOps(folder), CRASH_MANIFEST);
    const other = { ...CRASH_MANIFEST, id: "example.other" };
    world.install(other);
    for (const manifest of [CRASH_MANIFEST, other, CRASH_MANIFEST]) {
      await until(await start(manifest), ({ status }) => status === "succeeded");
    }
    assert.deepEqual(world.reports, []);
  });

  const following = (body: string, made: string[] = []): Ops => {
    const http = async ({ url, method = "GET" }: { readonly url: string; readonly method?: string }) => {
      made.push(method);
      return { status: 200, url, headers: {}, body, encoding: "utf8", bytes: 1 };
    };
    return { "http.request": http } as unknown as Ops;
  };

  it("is denied a step once, though it looks ahead at what comes after a success", async () => {
    const run_id = await start(FOLLOWS);
    const { world } = engine(following("https://elsewhere.example/"), FOLLOWS);
    const run = await until(run_id, ({ finished_at }) => finished_at !== null);
    assert.deepEqual([run.status, run.code], ["failed", "not_permitted"]);
    const denied = [...world.store.after(0)].filter(({ event }) => event.event_type === "policy.denied");
    assert.equal(denied.length, 1);
  });

  it("asks the owner of its own machine what its install does not approve, and goes on once they agree", async () => {
    const made: string[] = [];
    const run_id = await start(FOLLOWS);
    const { world } = engine(following("https://b.example/", made), FOLLOWS);
    const open = { limit: 1, status: "requested" } as const;
    const asked = await waitFor(() => listApprovals(world.database, open)[0]);
    assert.deepEqual(listApprovals(home.database, open), [], "the workspace's is not asked");
    const now_ms = Date.now();
    const approve = { type: "approve", scope: "once", uses_per_day: 1, action_sha256: null, now_ms } as const;
    const told = task(approvalDecider, asked.approval_id, { ...approve, expires_at_ms: now_ms + 60_000 });
    assert.ok(!isRejection(world.store.handle(contextOf(now_ms), [told])));
    const run = await until(run_id, ({ finished_at }) => finished_at !== null);
    assert.deepEqual([run.status, made], ["succeeded", ["GET", "POST"]], run.message ?? "");
    assert.equal(getApproval(world.database, asked.approval_id)?.status, "consumed");
  });

  it("writes nothing outside while the workspace's kill switch is on, and stops what is under way", async () => {
    const tell = { id: "tell", op: "http.request", method: "POST", url: "https://b.example/" } as const;
    const manifest = manifestOf([tell], { network: ["b.example"], tools: ["http.request"] });
    await home.options.kill_switch.set(true, "stop");
    const refused = await start(manifest);
    engine({ "http.request": patient }, manifest);
    const first = await until(refused, ({ finished_at }) => finished_at !== null);
    assert.deepEqual([first.status, first.code], ["failed", "kill_switch_active"]);
    assert.deepEqual(steps(refused, "step.started"), []);
    await home.options.kill_switch.set(false, "go on");
    const under_way = await start(manifest);
    await waitFor(() => steps(under_way, "step.started")[0]);
    await home.options.kill_switch.set(true, "stop");
    const second = await until(under_way, ({ finished_at }) => finished_at !== null);
    assert.deepEqual([second.status, second.code], ["failed", "kill_switch_active"]);
  });

  it("takes over from one that was killed in the middle, once its lease has lapsed", { timeout: 60_000 }, async () => {
    const run_id = await start(CRASH_MANIFEST);
    const child = spawn(process.execPath, [CHILD, server.url, TOKEN, folder], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data"); // it is in the middle of the write outside
    child.kill("SIGKILL");
    await once(child, "exit");
    const { claim_token } = JSON.parse(readFileSync(join(folder, "claim.json"), "utf8"));
    assert.equal(await ask(`/v1/runs/${run_id}/lease/heartbeat`, { claim_token, lease_ms: LEASE_MS }), "done");
    engine(crashOps(folder), CRASH_MANIFEST);
    const run = await until(run_id, ({ finished_at }) => finished_at !== null);
    assert.equal(run.status, "succeeded", run.message ?? "");
    assert.deepEqual(steps(run_id, "step.succeeded"), ["fetch", "post", "keep"], "each step succeeded once");
    assert.deepEqual(
      steps(run_id, "step.started"),
      ["fetch", "post", "post", "keep"],
      "only what was cut short came again",
    );
    assert.equal(linesOf(join(folder, "acts")).filter((line) => line === "fetch").length, 1);
    assert.deepEqual(linesOf(join(folder, "server")), [`${run_id}/post`]);
  });

  it("that was taken over from writes nothing any more", async () => {
    const run_id = await start(CRASH_MANIFEST);
    const claimed = await claim(LEASE_MS);
    await delay(LEASE_MS + 50);
    const late = { claim_token: claimed, command: { type: "settle_interrupted", step_id: "fetch" } };
    assert.equal(await ask(`/v1/runs/${run_id}/steps`, late), "lease_expired");
    const second = await claim();
    assert.equal(await ask(`/v1/runs/${run_id}/steps`, late), "lease_token_mismatch");
    const { command } = late;
    assert.equal(await ask(`/v1/runs/${run_id}/steps`, { command }), "missing_claim_token");
    assert.equal(await ask(`/v1/runs/${run_id}/steps`, { command, claim_token: second }), "run_not_running");
    assert.equal(await ask(`/v1/runs/${run_id}/complete`, { claim_token: second }), "run_not_running");
    assert.equal(await ask(`/v1/runs/${run_id}/lease/release`, { claim_token: second }), "done");
    assert.equal(await ask(`/v1/runs/${run_id}/lease/heartbeat`, { claim_token: second }), "lease_lost");
    assert.equal(await ask("/v1/runs/run_none/lease/heartbeat", { claim_token: second }), "not_found");
    assert.deepEqual(steps(run_id, "step.started"), []);
  });
  const claim = async (lease_ms = 60_000): Promise<string> => {
    const [run] = home.database.all<{ manifest_sha256: string }>("SELECT manifest_sha256 FROM proj_runs");
    const body = { engine_id: `engine_${"0".repeat(26)}`, manifests: [run?.manifest_sha256], lease_ms };
    const workspace = workspaceAt(server.url, TOKEN, lease_ms);
    const signal = AbortSignal.timeout(5_000);
    const answer = await workspace.post<{ readonly claim_token: string }>("/v1/runs/claim", body, signal);
    assert.ok(!isRejection(answer), JSON.stringify(answer));
    return answer.claim_token;
  };

  it("may say success and start in two calls or one, and the one starts nothing that may not start", async () => {
    const run_id = await start(CRASH_MANIFEST);
    const claim_token = await claim();
    const { created } = home.store.load(runDecider, run_id);
    const { manifest_sha256, permission_hash } = created ?? {};
    const say = (command: object) => ask(`/v1/runs/${run_id}/steps`, { claim_token, command });
    assert.equal(await ask(`/v1/runs/${run_id}/start`, { claim_token, manifest_sha256, permission_hash }), "done");
    const success = (step_id: string, next?: string) => ({
      ...{ type: "succeed_step", step_id, attempt: 1, duration_ms: 1, result: {} },
      ...(next && { next: { step_id: next, params: {} } }),
    });
    assert.equal(await say({ type: "start_step", step_id: "fetch", params: {} }), "done");
    // `post` writes outside, and the workspace's switch is on: the success is kept, and the start says why not.
    await home.options.kill_switch.set(true, "stop");
    assert.equal(await say(success("fetch", "post")), "done");
    assert.deepEqual([steps(run_id, "step.succeeded"), steps(run_id, "step.started")], [["fetch"], ["fetch"]]);
    assert.equal(await say({ type: "start_step", step_id: "post", params: {} }), "kill_switch_active");
    await home.options.kill_switch.set(false, "go on");
    assert.equal(await say({ type: "start_step", step_id: "post", params: {} }), "done");
    // Said again, neither is done twice.
    assert.equal(await say(success("post", "keep")), "done");
    assert.equal(await say(success("post", "keep")), "lease_lost");
    assert.deepEqual(steps(run_id, "step.started"), ["fetch", "post", "keep"]);
    assert.equal(await say({ ...success("keep"), next: { step_id: "keep" } }), "schema_invalid");
    assert.equal(await say(success("keep")), "done");
    assert.equal(await ask(`/v1/runs/${run_id}/complete`, { claim_token }), "done");
  });

  it("starts no step of a run that is paused or canceled, and gives no result over the limit", async () => {
    const run_id = await start(CRASH_MANIFEST);
    const claim_token = await claim();
    const { manifest_sha256, permission_hash } = home.store.load(runDecider, run_id).created ?? {};
    const say = (command: object) => ask(`/v1/runs/${run_id}/steps`, { claim_token, command });
    const fetch = { type: "start_step", step_id: "fetch", params: {} };
    assert.equal(await ask(`/v1/runs/${run_id}/start`, { claim_token, manifest_sha256, permission_hash }), "done");
    await home.engine.pause(run_id, "a call");
    assert.equal(await say(fetch), "run_paused");
    await home.engine.resume(run_id, "it is over");
    assert.equal(await say({ ...fetch, step_id: "post" }), "step_out_of_turn");
    assert.equal(await say(fetch), "done");
    const success = { type: "succeed_step", step_id: "fetch", attempt: 1, duration_ms: 1 };
    assert.equal(await say({ ...success, result: { body: "x".repeat(LIMITS.step_result_bytes) } }), "too_large");
    assert.equal(await say({ ...success, result: {} }), "done");
    await home.engine.cancel(run_id, "enough");
    assert.equal(await say({ ...fetch, step_id: "post" }), "canceled");
    assert.deepEqual(steps(run_id, "step.started"), ["fetch"]);
  });

  for (const [title, own, status, started] of [
    ["goes on with it", [], "succeeded", ["fetch", "post", "keep"]],
    ["ends it where its own owner stops it", [{ type: "quarantine", reason: "odd", now_ms: 0 }], "failed", ["fetch"]],
  ] as const) {
    it(`waits where the run was paused just before its first step, and ${title}`, async () => {
      const run_id = await start(CRASH_MANIFEST);
      const world = openRunWorld({ ops: crashOps(folder) });
      const subject = conductSubject(world.install(CRASH_MANIFEST));
      for (const said of own) world.store.handle(contextOf(0), [task(conductDecider, subject, said)]);
      const stop = new AbortController();
      const workspace = workspaceAt(server.url, TOKEN, 60_000);
      let asked = 0;
      const post: Workspace["post"] = async (path, body, signal) => {
        const starts = path.endsWith("/steps") && asked++ === 0;
        if (starts) await home.engine.pause(run_id, "a call");
        const answer = await workspace.post<never>(path, body, signal);
        if (starts) await home.engine.resume(run_id, "it is over");
        return answer;
      };
      opened.push({ world, stop, joined: joinWorkspace(world.options, { ...workspace, post }, stop.signal) });
      const run = await until(run_id, ({ finished_at }) => finished_at !== null);
      assert.equal(run.status, status, run.message ?? "");
      assert.deepEqual(steps(run_id, "step.started"), started);
    });
  }

  describe("does not begin the next step of a run", () => {
    const read = (id: string) => ({ op: "http.request", id, url: "https://api.example/" }) as const;
    const manifest = manifestOf([read("one"), read("two")], { network: ["api.example"], tools: ["http.request"] });
    const remove = (id: string) => task(installDecider, id, { type: "remove", reason: "enough" });
    const quarantine = (id: string) =>
      task(conductDecider, conductSubject(id), { type: "quarantine", reason: "odd", now_ms: 0 });
    const cases = {
      "whose install was removed in the workspace": ["home", "canceled", remove],
      "whose own install was removed": ["own", "queued", remove],
      "whose install was quarantined in the workspace": ["home", "failed", quarantine],
    } as const;
    for (const [title, [where, status, what]] of Object.entries(cases)) {
      it(title, async () => {
        const run_id = await start(manifest);
        const free = Promise.withResolvers<void>();
        const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };
        const { world } = engine({ "http.request": () => free.promise.then(() => answer) }, manifest);
        await until(run_id, ({ steps }) => steps[0]?.status === "running");
        const side = where === "home" ? home : world;
        const id = listInstalls(side.database, { limit: 1 })[0]?.install_id ?? "";
        assert.ok(!isRejection(side.store.handle(contextOf(Date.now()), [what(id)])));
        free.resolve();
        await until(run_id, (run) => run.status === status);
        assert.deepEqual(steps(run_id, "step.started"), ["one"]);
      });
    }
  });

  it("is not given a run that another one holds", async () => {
    await start(CRASH_MANIFEST);
    assert.ok(await claim());
    assert.equal(await claim(), undefined);
  });

  it("stops when the workspace cancels the run, and waits while it is paused", async () => {
    const manifest = manifestOf([{ op: "http.request", id: "wait", url: "https://api.example/" }], {
      network: ["api.example"],
      tools: ["http.request"],
    });
    const run_id = await start(manifest);
    engine({ "http.request": patient }, manifest);
    await until(run_id, ({ steps }) => steps[0]?.status === "running");
    await home.engine.pause(run_id, "a call");
    await delay(50);
    await home.engine.cancel(run_id, "enough");
    const run = await until(run_id, ({ finished_at }) => finished_at !== null);
    assert.deepEqual([run.status, run.message], ["canceled", "enough"]);
  });

  it("gives a run back when it stops, and the next one goes on", async () => {
    const manifest = manifestOf([{ op: "http.request", id: "wait", url: "https://api.example/" }], {
      network: ["api.example"],
      tools: ["http.request"],
    });
    const run_id = await start(manifest);
    const first = engine({ "http.request": patient }, manifest);
    await until(run_id, ({ steps }) => steps[0]?.status === "running");
    first.stop.abort();
    await first.joined;
    assert.equal(getRun(home.database, run_id)?.status, "queued");
    assert.equal(home.store.bySubject(run_id).at(-1)?.event_type, "run.released");
    const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };
    engine({ "http.request": async () => answer }, manifest);
    assert.equal((await until(run_id, ({ finished_at }) => finished_at !== null)).status, "succeeded");
  });

  it("takes nothing without an install of its own", async () => {
    const run_id = await start(CRASH_MANIFEST);
    engine(crashOps(folder), null);
    engine(crashOps(folder), { ...CRASH_MANIFEST, title: "Another manifest" });
    await delay(300);
    assert.equal(home.store.bySubject(run_id).length, 1, "it was not even claimed");
  });

  it("gives a run back that its own install grants other permissions for, and says so", async () => {
    const manifest: UpgradeManifest = {
      ...manifestOf([{ op: "fs.read", id: "read", path: "${inputs.folder}/notes.md" }], {
        filesystem: [{ path: "${inputs.folder}/**", access: "read" }] as never,
        tools: ["fs.read"],
      }),
      inputs: { folder: { type: "path", required: true } },
    } as UpgradeManifest;
    const run_id = await start(manifest, { folder: "~/a" });
    const other = engine({}, manifest, { folder: "~/b" });
    await until(run_id, () => other.world.reports.length > 0);
    await until(run_id, () => home.store.bySubject(run_id).at(-1)?.event_type === "run.released");
    const [report] = other.world.reports;
    assert.ok(report instanceof Fault);
    assert.match(report.message, /is not carried out here/);
    assert.deepEqual(steps(run_id, "step.started"), []);
    await until(await start(manifest, { folder: "~/b" }), ({ finished_at }) => finished_at !== null);
    assert.equal(steps(run_id, "run.claimed").length, 1, "told once");
  });
});
