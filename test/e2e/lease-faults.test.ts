import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { RunEvent, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { apart } from "@oa/shared/run/boundary.ts";
import type { RunView } from "@oa/shared/run/views.ts";
import { type Clock, systemClock } from "@oa/worker/adapters/clock.ts";
import type { AdminServer } from "@oa/worker/admin/server.ts";
import { openDistantClient } from "@oa/worker/cli/control-client.ts";
import { joinWorkspace } from "@oa/worker/engine/join.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { type BadLine, openBadLine, type Passing } from "../fakes/bad-line.ts";
import { CRASH_MANIFEST, crashOps, linesOf } from "../fakes/crash.ts";
import { manifestOf, type Ops, openRunWorld, type RunWorld } from "../fakes/runs.ts";
import { serveWorld, startRun, TOKEN, untilRun } from "../fakes/workspace.ts";

const LEASE_MS = 1_500;
/** Waits a twentieth of what it is asked to. */
const hurried: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) };

describe("over a bad line, a second engine", () => {
  let folder = "";
  let home: RunWorld;
  let server: AdminServer;
  let line: BadLine | undefined;
  const opened: { readonly world: RunWorld; readonly stop: AbortController; readonly joined: Promise<void> }[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "oa-lease-faults-"));
    home = openRunWorld({ ops: {} });
    server = await serveWorld(home);
  });
  afterEach(async () => {
    await line?.close();
    line = undefined;
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

  const engine = async (
    ops: Ops,
    manifest: UpgradeManifest,
    how: (request: string) => Passing,
    lease_ms = LEASE_MS,
    clock: Clock = systemClock,
  ) => {
    line = await openBadLine(server.url, how);
    const world = openRunWorld({ ops, clock });
    world.install(manifest);
    const stop = new AbortController();
    writeFileSync(join(folder, "token"), TOKEN);
    const client = await openDistantClient(line.url, join(folder, "token"), new AbortController().signal);
    assert.ok(!isRejection(client), JSON.stringify(client));
    const joined = joinWorkspace(world.options, { post: client.post, lease_ms }, stop.signal);
    opened.push({ world, stop, joined });
    return { world, stop, joined };
  };
  const start = (manifest: UpgradeManifest) => startRun(home, manifest);
  const until = (run_id: string, reached: (run: RunView) => boolean) => untilRun(home, run_id, reached);
  const types = (run_id: string): readonly string[] =>
    apart(home.store.bySubject(run_id) as unknown as readonly Recorded<RunEvent>[]).map(({ event_type }) => event_type);

  /** The first request to each of these paths fares badly. */
  const once = (kind: Passing, paths: RegExp) => {
    const seen = new Set<string>();
    return (request: string): Passing => {
      const [, path = ""] = /^POST (\S+)/.exec(request) ?? [];
      const what = `${path} ${/"type":"(\w+)","step_id":"(\w+)"/.exec(request)?.[0] ?? ""}`;
      if (!paths.test(path) || seen.has(what)) return "through";
      seen.add(what);
      return kind;
    };
  };

  for (const kind of ["lose_answer", "cut_answer", "twice"] as const) {
    it(`does each step once, and goes on at once: ${kind.replace("_", " ")}`, async () => {
      const run_id = await start(CRASH_MANIFEST);
      const how = once(kind, /\/(start|steps|complete|heartbeat)$/);
      await engine(crashOps(folder), CRASH_MANIFEST, how, 60_000, hurried);
      const run = await until(run_id, ({ finished_at }) => finished_at !== null);
      assert.equal(run.status, "succeeded", run.message ?? "");
      assert.deepEqual(linesOf(join(folder, "acts")), ["fetch", "post", "keep"]);
      assert.deepEqual(linesOf(join(folder, "server")), [`${run_id}/post`]);
      assert.equal(types(run_id).filter((type) => type === "step.failed").length, 0);
      assert.equal(types(run_id).filter((type) => type === "run.claimed").length, 1);
      assert.equal(types(run_id).filter((type) => type === "run.log").length, 1);
    });
  }

  for (const [title, ahead_ms] of [
    ["an hour behind", -3_600_000],
    ["three days ahead", 259_200_000],
  ] as const) {
    it(`with a clock that is ${title} goes by the workspace's, for a retry and for the deadline`, async () => {
      const step = {
        op: "http.request",
        id: "try",
        url: "https://api.example/",
        retry: { max_attempts: 2, backoff_ms: 50 },
      };
      const manifest = manifestOf([step as never], { network: ["api.example"], tools: ["http.request"] });
      const run_id = await start(manifest);
      let tries = 0;
      const op: Op<never, object> = async () => {
        tries += 1;
        if (tries === 1) throw new Fault("http_status", "it is too much just now", { retryable: true });
        return { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };
      };
      const clock = { ...systemClock, now_ms: () => Date.now() + ahead_ms };
      await engine({ "http.request": op }, manifest, () => "through", 60_000, clock);
      const run = await until(run_id, ({ finished_at }) => finished_at !== null);
      assert.deepEqual([run.status, tries], ["succeeded", 2], run.message ?? "");
    });
  }

  it("stops what it does when its lease is over, though nobody tells it that the line is dead", async () => {
    const manifest = manifestOf([{ op: "http.request", id: "wait", url: "https://api.example/" }], {
      network: ["api.example"],
      tools: ["http.request"],
    });
    const run_id = await start(manifest);
    let dead = false;
    let stopped = false;
    const patient: Op<never, object> = async (_, { signal }) => {
      for (;;) {
        await delay(5);
        if (signal.aborted) {
          stopped = true;
          throw signal.reason;
        }
      }
    };
    await engine({ "http.request": patient }, manifest, () => (dead ? "swallow" : "through"));
    await until(run_id, ({ steps }) => steps[0]?.status === "running");
    dead = true;
    await until(run_id, ({ lease_until_ms }) => lease_until_ms !== null && lease_until_ms <= Date.now());
    for (let tries = 0; !stopped && tries < 50; tries += 1) await delay(10);
    assert.ok(stopped, "it works on, while another engine may have the run");
  });
});
