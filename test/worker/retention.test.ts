/** What an upgrade's `data_retention_days` and an owner's `retention_days` delete, when, and what stays. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { listApprovals } from "@oa/shared/approval/views.ts";
import { DAY_MS } from "@oa/shared/core/durations.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { retentionDays } from "@oa/shared/retention/decider.ts";
import { retentionProjection, retiredAt } from "@oa/shared/retention/views.ts";
import { type TriggerCommand, triggerDecider, triggerSubject } from "@oa/shared/trigger/decider.ts";
import { triggerProjection } from "@oa/shared/trigger/views.ts";
import { type Artifacts, openArtifacts } from "@oa/worker/adapters/artifacts.ts";
import { openOwnStates } from "@oa/worker/adapters/own-states.ts";
import { openRetentionLoop } from "@oa/worker/loops/retention.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { viewsOf } from "../fakes/dying-worker.ts";
import { contextOf, fakeClock, manifestOf, openRunWorld, type RunWorld, WORKSPACE } from "../fakes/runs.ts";

const SECRET = "the-answer-nobody-should-read-later";

const upgrade = (days?: number): UpgradeManifest => ({
  ...manifestOf([{ op: "http.request", id: "fetch", url: "https://api.example/" }], {
    network: ["api.example"],
    tools: ["http.request"],
  }),
  ...(days === undefined ? {} : { policy: { data_retention_days: days } }),
});

describe("retention", () => {
  const clock = fakeClock();
  const stop = { controller: new AbortController(), done: Promise.resolve() };
  let folder = "";
  let world: RunWorld;
  let artifacts: Artifacts;
  let output = SECRET;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "oa-retention-"));
    artifacts = await openArtifacts(folder);
    const fetch: Op<never, object> = async (_, { artifact, log }) => {
      await artifact("page", "text/plain", Buffer.from(output));
      log("info", output);
      return { status: 200, url: "https://api.example/", headers: {}, body: output, encoding: "utf8", bytes: 1 };
    };
    world = openRunWorld({
      ...{ ops: { "http.request": fetch }, clock, artifacts, path: join(folder, "worker.sqlite") },
      projections: [retentionProjection, triggerProjection],
    });
    work();
  });
  const work = (): void => {
    stop.controller = new AbortController();
    stop.done = world.engine.loop(stop.controller.signal);
  };
  const rest = async (): Promise<void> => {
    stop.controller.abort();
    await stop.done;
  };
  /** Days pass in which nobody looks at the clock. */
  const later = async (days: number): Promise<void> => {
    await rest();
    await clock.pass(days * DAY_MS);
    work();
  };
  afterEach(async () => {
    await rest();
    world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (install_id: string): Promise<string> => {
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    await clock.pass(2_000);
    assert.equal((await world.engine.wait(started.run_id, AbortSignal.timeout(5_000))).status, "succeeded");
    return started.run_id;
  };
  const loop = (retention_days: number | null = null) =>
    openRetentionLoop({
      ...{ store: world.store, database: world.database, artifacts, clock, retention_days },
      states: openOwnStates(folder),
      ...{ workspace_id: WORKSPACE, worker: "1".repeat(64), report: (error) => assert.fail(String(error)) },
    });
  const apply = (retention_days: number | null = null) => loop(retention_days).apply(new AbortController().signal);
  const files = (): readonly string[] => readdirSync(join(folder, "artifacts"));
  /** As if everything that is there had been put some days ago; the fake clock's days are not the disk's. */
  const age = (): void => {
    for (const name of files()) utimesSync(join(folder, "artifacts", name), 1_000_000_000, 1_000_000_000);
  };
  const stored = (): string =>
    readFileSync(join(folder, "worker.sqlite"), "latin1") + readFileSync(join(folder, "worker.sqlite-wal"), "latin1");

  it("deletes what the owner was asked about a step together with the step's own values", async () => {
    const { policy, pipeline } = upgrade(14);
    const [fetch] = pipeline;
    const tell = {
      id: "tell",
      op: "http.request",
      method: "POST",
      url: "${steps.fetch.url}",
      body: "${steps.fetch.body}",
    };
    const asks = manifestOf([{ ...fetch, id: "fetch" } as never, tell as never], {
      ...{ network: ["api.example"], tools: ["http.request"] },
    });
    const started = await world.engine.start(
      world.install({ ...asks, ...(policy === undefined ? {} : { policy }) }),
      "manual",
    );
    assert.ok(!isRejection(started));
    const asks_by = Date.now() + 10_000; // what the first step puts away is written to a real disk
    while (listApprovals(world.database, { limit: 1 }).length === 0 && Date.now() < asks_by) await clock.pass(100);
    const [asked] = listApprovals(world.database, { limit: 2 });
    assert.ok(asked !== undefined && stored().includes(SECRET));
    await world.engine.cancel(started.run_id, "enough");
    await clock.pass(2_000);
    age();
    await later(15);
    assert.equal(await apply(), 1);
    assert.ok(!stored().includes(SECRET), "no copy stays in the database's files");
    assert.equal(listApprovals(world.database, { limit: 2 })[0]?.summary, asked.summary, "that it was asked stays");
  });

  it("deletes what releases kept for themselves once they cannot be gone back to, and all of it once uninstalled", async () => {
    const install_id = world.install(upgrade());
    const made = (id: number): void => {
      mkdirSync(join(folder, "state", install_id, String(id)), { recursive: true });
      writeFileSync(join(folder, "state", install_id, String(id), "a.txt"), "kept");
    };
    made(1);
    made(7);
    const there = (): readonly string[] => readdirSync(join(folder, "state"), { recursive: true, encoding: "utf8" });
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started));
    await rest();
    await apply();
    assert.ok(there().includes(join(install_id, "7")), "a run that is open keeps what it was started with");
    work();
    await clock.pass(2_000);
    await world.engine.wait(started.run_id, AbortSignal.timeout(5_000));
    await apply();
    assert.deepEqual(
      [...there()].sort(),
      ["", "1", "1/a.txt"].map((name) => join(install_id, name)),
    );
    const gone = world.store.handle(contextOf(clock.now_ms()), [
      task(installDecider, install_id, { type: "remove", reason: "enough" }),
    ]);
    assert.ok(!isRejection(gone));
    await apply();
    assert.deepEqual(there(), []);
  });

  it("keeps everything until the upgrade's days are over, then deletes values, log lines and outputs", async () => {
    const run_id = await run(world.install(upgrade(14)));
    age();
    await later(13.9);
    assert.equal(await apply(), 0);
    assert.ok(stored().includes(SECRET));
    assert.equal(files().length, 1);
    await later(0.2);
    assert.equal(await apply(), 1);
    assert.ok(!stored().includes(SECRET), "no copy stays in the database's files");
    assert.deepEqual(files(), []);
    assert.notEqual(retiredAt(world.database, run_id), null);
    const events = world.store.bySubject(run_id);
    assert.ok(
      events.some(({ event_type }) => event_type === "step.succeeded"),
      "what happened stays",
    );
    assert.ok(!JSON.stringify(events).includes(SECRET));
    const record = world.store.bySubject("retention");
    assert.deepEqual(
      record.map(({ data }) => data),
      [{ runs: [{ run_id, days: 14, values: 5, artifacts: 1 }] }],
    );
  });

  it("leaves the chain whole, and views that are rebuilt the same without the values", async () => {
    await run(world.install(upgrade(1)));
    await later(2);
    assert.equal(await apply(), 1);
    assert.deepEqual(world.store.verify().first_bad, null);
    const before = viewsOf(world.database);
    world.store.rebuild();
    assert.deepEqual(viewsOf(world.database), before);
  });

  it("is done once: a second round deletes and records nothing", async () => {
    await run(world.install(upgrade(1)));
    await later(2);
    assert.equal(await apply(), 1);
    assert.equal(await apply(), 0);
    assert.equal(world.store.bySubject("retention").length, 1);
  });

  it("keeps what an upgrade without a word of it gave, unless the owner set days", async () => {
    await run(world.install(upgrade()));
    await later(1_000);
    assert.equal(await apply(null), 0);
    assert.equal(await apply(1_001), 0);
    assert.equal(await apply(999), 1);
  });

  it("asks the upgrade before the owner", () => {
    assert.equal(retentionDays(upgrade(3), 90), 3);
    assert.equal(retentionDays(upgrade(0), 90), 0);
    assert.equal(retentionDays(upgrade(), 90), 90);
    assert.equal(retentionDays(null, null), null);
  });

  it("does not touch a run that has not ended, nor another install's", async () => {
    const [short, long] = [world.install(upgrade(1)), world.install(upgrade(100))];
    await run(short);
    const kept = await run(long);
    await rest();
    const queued = await world.engine.start(short, "manual");
    assert.ok(!isRejection(queued));
    await clock.pass(50 * DAY_MS);
    assert.equal(await apply(), 1);
    assert.ok(JSON.stringify(world.store.bySubject(kept)).includes(SECRET));
    assert.ok(JSON.stringify(world.store.bySubject(queued.run_id)).includes("https://api.example/"));
  });

  it("keeps an output that a kept run has too, and one that was only just written", async () => {
    await run(world.install(upgrade(1)));
    await run(world.install(upgrade(100)));
    output = "another";
    await run(world.install(upgrade(1)));
    assert.equal(files().length, 2);
    await later(2);
    for (const name of files())
      utimesSync(join(folder, "artifacts", name), clock.now_ms() / 1_000, clock.now_ms() / 1_000);
    assert.equal(await apply(), 2);
    assert.equal(files().length, 2, "young files may belong to a step that is about to say so");
    age();
    assert.equal(await apply(), 0);
    assert.equal(files().length, 1, "the next round deletes what is left over");
    output = SECRET;
  });

  describe("of what triggers noticed", () => {
    const EVENT_ID = "e".repeat(64);
    const decide = (install_id: string, command: TriggerCommand, at_ms = clock.now_ms()): void => {
      const asked = [task(triggerDecider, triggerSubject(install_id), command)];
      const recorded = world.store.handle(contextOf(at_ms), asked);
      assert.ok(!isRejection(recorded), JSON.stringify(recorded));
    };
    const files = (path: string) => ({ kind: "file_change", paths: [path], changed: 1, removed: 0 }) as const;
    const watched = (manifest: UpgradeManifest): string => {
      const install_id = world.install(manifest);
      const watches = [{ kind: "file_change", glob: "/notes/**" }] as never;
      decide(install_id, { type: "set", install_id, watches, now_ms: clock.now_ms() });
      return install_id;
    };
    const note = (install_id: string, cause: object): void =>
      decide(install_id, { type: "note", trigger: 0, cause, now_ms: clock.now_ms() } as never);
    const settle = (install_id: string, cause: object, at_ms = clock.now_ms()): void =>
      decide(install_id, { type: "settle", trigger: 0, reason: "own_write", cause, now_ms: at_ms } as never, at_ms);

    it("deletes the files' names when the time is over, and keeps the Nostr events by which it knows them again", async () => {
      const install_id = watched(upgrade(14));
      for (let at = 0; at < 600; at += 1) settle(install_id, files(`/notes/${SECRET}-${at}.md`));
      settle(install_id, { kind: "nostr_event", event_id: EVENT_ID, relay: "wss://relay.example/" });
      await later(10);
      settle(install_id, files("/notes/young.md"));
      await later(5);
      await apply();
      assert.ok(!stored().includes(SECRET), "no copy stays in the database's files");
      const state = world.store.load(triggerDecider, triggerSubject(install_id));
      assert.deepEqual(state.event_ids, [EVENT_ID]);
      assert.ok(stored().includes("young.md"), "what is younger stays");
      const told = world.store.bySubject("retention").map(({ data }) => data as { readonly values: number });
      assert.deepEqual([told.length, told.reduce((sum, { values }) => sum + values, 0)], [2, 600]);
      assert.deepEqual(world.store.verify().first_bad, null);
      await later(10);
      await apply();
      assert.ok(!stored().includes("young.md"));
    });

    it("does not wait for the time of what was recorded while the clock was years ahead", async () => {
      const install_id = watched(upgrade(14));
      const ahead_ms = clock.now_ms() + 3_650 * 86_400_000;
      for (let at = 0; at < 501; at += 1) settle(install_id, files("/notes/ahead.md"), ahead_ms);
      settle(install_id, files(`/notes/${SECRET}.md`));
      await later(10);
      settle(install_id, files("/notes/young.md"));
      await later(5);
      await apply();
      assert.deepEqual(
        [SECRET, "young.md", "ahead.md"].map((name) => stored().includes(name)),
        [false, true, true],
      );
      await later(10);
      await apply();
      assert.deepEqual(
        ["young.md", "ahead.md"].map((name) => stored().includes(name)),
        [false, true],
      );
    });

    it("keeps what a run is still to come of", async () => {
      const install_id = watched(upgrade(14));
      note(install_id, files(`/notes/${SECRET}.md`));
      await later(30);
      await apply();
      assert.ok(stored().includes(SECRET));
      decide(install_id, { type: "clear", reason: "enough" } as never);
      await apply();
      assert.ok(!stored().includes(SECRET));
    });

    it("keeps them where nobody set days", async () => {
      settle(watched(upgrade()), files(`/notes/${SECRET}.md`));
      await later(1_000);
      await apply();
      assert.ok(stored().includes(SECRET));
    });
  });

  it("works through more runs than one batch holds", async () => {
    const install_id = world.install(upgrade(1));
    for (let count = 0; count < 105; count += 1) await run(install_id);
    await later(2);
    assert.equal(await apply(), 105);
    assert.equal(world.store.bySubject("retention").length, 2);
    assert.ok(!stored().includes(SECRET));
  });
});
