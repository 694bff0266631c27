import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getTriggers, openTriggers } from "@oa/shared/trigger/views.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { contextOf, manifestOf } from "../fakes/runs.ts";
import { openTriggerSide, READ, type TriggerSide, watchSource } from "../fakes/triggers.ts";

describe("file triggers", () => {
  it("a save by rename-and-replace starts one run, with the file as its cause", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    writeFileSync(side.path("src/a.ts"), "1");
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    writeFileSync(side.path("src/a.ts~"), "22");
    renameSync(side.path("src/a.ts~"), side.path("src/a.ts"));
    await side.until(() => side.runs(install_id).length === 1);
    await side.calm();
    assert.deepEqual(side.types(install_id), [
      "trigger.set",
      "trigger.settled",
      "trigger.noted",
      "trigger.fired",
      "trigger.run_started",
    ]);
    const [run] = side.runs(install_id);
    assert.deepEqual([run?.reason, run?.status], ["trigger", "succeeded"]);
    const fired = side.events(install_id).find(({ event_type }) => event_type === "trigger.fired");
    assert.deepEqual(fired?.event_type === "trigger.fired" && fired.data.cause, {
      ...{ kind: "file_change", paths: [side.path("src/a.ts")], changed: 1 },
    });
    assert.equal(getTriggers(side.world().database, install_id)?.last_run_id, run?.run_id);
  });
  it("what is there when it is installed is no change", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    writeFileSync(side.path("src/a.ts"), "1");
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    await side.calm();
    assert.deepEqual(side.runs(install_id), []);
  });
  it("5,000 files at once start one run", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    for (let index = 0; index < 5_000; index += 1) {
      if (index % 100 === 0) mkdirSync(side.path(`src/d${index / 100}`));
      writeFileSync(side.path(`src/d${Math.floor(index / 100)}/f${index}`), "");
    }
    await side.until(() => side.runs(install_id).length === 1);
    await side.calm();
    assert.equal(side.runs(install_id).length, 1);
    const noted = side.events(install_id).find(({ event_type }) => event_type === "trigger.noted");
    const cause = noted?.event_type === "trigger.noted" ? noted.data.cause : undefined;
    assert.equal(cause?.kind === "file_change" && cause.changed, 5_000);
    assert.equal(cause?.kind === "file_change" && cause.paths.length, LIMITS.trigger_paths);
  });
  it("changes that keep coming are run for once it is quiet, and not before", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    for (let index = 0; index < 8; index += 1) {
      appendFileSync(side.path("src/log"), "line\n");
      await sleep(20);
      await side.clock.pass(LIMITS.trigger_quiet_ms / 2);
      assert.equal(side.runs(install_id).length, 0);
    }
    await side.until(() => side.runs(install_id).length === 1);
  });
  it("a deleted file is a change, and so is a folder that appears later and one that comes back", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    const install_id = side.install(watchSource(side.folder, "src/**/*.ts"));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    const causes = () =>
      side.events(install_id).flatMap((event) => {
        if (event.event_type !== "trigger.noted" || event.data.cause?.kind !== "file_change") return [];
        return [event.data.cause.paths.map((path) => path.slice(side.folder.length + 1))];
      });
    mkdirSync(side.path("src/deep"), { recursive: true });
    writeFileSync(side.path("src/deep/a.ts"), "1");
    await side.until(() => side.runs(install_id).length === 1);
    rmSync(side.path("src/deep/a.ts"));
    await side.until(() => side.runs(install_id).length === 2);
    rmSync(side.path("src"), { recursive: true });
    await side.calm();
    mkdirSync(side.path("src/deep"), { recursive: true });
    writeFileSync(side.path("src/deep/a.ts"), "2");
    await side.until(() => side.runs(install_id).length === 3);
    assert.deepEqual(causes(), [["src/deep/a.ts"], ["src/deep/a.ts"], ["src/deep/a.ts"]]);
  });
  it("is found by looking where the system can watch no more, which is reported once", async (context) => {
    const side = openTriggerSide(context, { deaf: true });
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    writeFileSync(side.path("src/x"), "");
    await side.until(() => side.runs(install_id).length === 1, LIMITS.trigger_rescan_blind_ms / 10);
    await side.calm(3 * LIMITS.trigger_rescan_blind_ms, LIMITS.trigger_rescan_blind_ms / 10);
    assert.match(
      side.reports.map(String).join("; "),
      /^[^;]*does not tell of every change of [^;]* it is looked at every 60 s instead$/,
    );
  });
});

describe("many installs that wait", () => {
  it("are all looked at, a part at a time, whatever those before them wait for", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const schedule = { type: "event", constraints: { plugged_in: true } } as const;
    const waiting = [0, 1, 2].map(() => side.install(watchSource(side.folder), { schedule })).sort();
    await side.until(() => waiting.every((install_id) => side.types(install_id).includes("trigger.settled")));
    side.machine.plugged_in = { value: false };
    writeFileSync(side.path("src/a"), "1");
    await side.until(() => waiting.every((install_id) => side.types(install_id).includes("trigger.deferred")));
    const { database } = side.world();
    const seen: string[] = [];
    for (let page = openTriggers(database, 1); page.length > 0; page = openTriggers(database, 1, page.at(-1))) {
      seen.push(...page);
    }
    assert.deepEqual(seen, waiting);
    side.measured.length = 0;
    await side.until(() => side.measured.length > 0);
    assert.deepEqual(side.measured, [["plugged_in"]], "one measurement serves them all");
  });
});

describe("runs that change what they are started by", () => {
  const writing = (side: TriggerSide): Partial<UpgradeManifest> => {
    const { pipeline, permissions } = manifestOf(
      [{ op: "fs.write", path: `${side.folder}/src/out.txt`, content: "${run.id}" }],
      { filesystem: [`${side.folder}/src/**`], tools: ["fs.write"] },
    );
    return { pipeline, permissions: permissions ?? {} };
  };

  it("do not start themselves again: it is recorded as their own change", async (context) => {
    let writes = 0;
    const side: TriggerSide = openTriggerSide(context, {
      ops: {
        "fs.write": async () => {
          writes += 1;
          writeFileSync(side.path("src/out.txt"), String(writes));
          return { path: side.path("src/out.txt"), bytes: 1, sha256: "e".repeat(64) };
        },
      },
    });
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder), writing(side));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    writeFileSync(side.path("src/in.txt"), "go");
    await side.until(() => side.types(install_id).filter((type) => type === "trigger.settled").length === 2);
    await side.calm(30_000);
    assert.equal(writes, 1);
    const last = side.events(install_id).at(-1);
    assert.deepEqual(last?.event_type === "trigger.settled" && [last.data.reason, last.data.cause], [
      "own_run",
      { kind: "file_change", paths: [side.path("src/out.txt")], changed: 1 },
    ]);
    // What somebody changes after that counts again.
    writeFileSync(side.path("src/in.txt"), "again");
    await side.until(() => side.runs(install_id).length === 2);
  });
  it("that cannot write there lose nothing: what changes meanwhile is run for afterwards", async (context) => {
    let finish = (): void => undefined;
    let running = 0;
    const side = openTriggerSide(context, {
      ops: {
        "fs.read": async () => {
          running += 1;
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          return READ;
        },
      },
    });
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    writeFileSync(side.path("src/a"), "1");
    await side.until(() => running === 1);
    writeFileSync(side.path("src/a"), "22");
    await side.until(() => side.types(install_id).filter((type) => type === "trigger.noted").length === 2);
    await side.calm();
    assert.equal(running, 1);
    finish();
    await side.until(() => running === 2);
    finish();
    await side.until(() => side.runs(install_id).every(({ status }) => status === "succeeded"));
  });
});

describe("what the schedule asks for", () => {
  it("holds a trigger's run back until the machine is as it says", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const schedule: UpgradeManifest["schedule"] = { type: "event", constraints: { plugged_in: true } };
    side.machine.plugged_in = { value: false };
    const install_id = side.install(watchSource(side.folder), { schedule });
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    writeFileSync(side.path("src/a"), "1");
    await side.until(() => side.types(install_id).includes("trigger.deferred"));
    await side.calm(120_000);
    assert.deepEqual(side.runs(install_id), []);
    assert.equal(getTriggers(side.world().database, install_id)?.deferred, "constraints");
    side.machine.plugged_in = { value: true };
    await side.until(() => side.runs(install_id).length === 1);
    assert.equal(side.types(install_id).filter((type) => type === "trigger.deferred").length, 1);
  });
});

describe("across restarts", () => {
  it("what changed while the worker was not running is run for once, or skipped as declared", async (context) => {
    for (const on_missed of ["catch_up", "skip"] as const) {
      const side = openTriggerSide(context);
      await side.boot();
      mkdirSync(side.path("src"));
      const install_id = side.install(watchSource(side.folder), { schedule: { type: "event", on_missed } });
      await side.until(() => side.types(install_id).includes("trigger.settled"));
      await side.shut();
      writeFileSync(side.path("src/a"), "1");
      await side.boot();
      await side.until(() => side.types(install_id).length > 2);
      await side.calm();
      assert.equal(side.runs(install_id).length, on_missed === "catch_up" ? 1 : 0);
      const last = side.events(install_id)[2];
      assert.equal(last?.event_type, on_missed === "catch_up" ? "trigger.noted" : "trigger.settled");
      await side.shut();
      await side.boot();
      await side.calm();
      assert.equal(side.runs(install_id).length, on_missed === "catch_up" ? 1 : 0);
    }
  });
  it("a change of the install that its triggers do not hang on loses nothing of what is being watched", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const schedule = { type: "event", on_missed: "skip" } as const;
    const install_id = side.install(watchSource(side.folder), { schedule });
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    await side.clock.pass(1_000);
    writeFileSync(side.path("src/a"), "1");
    const caps: InstallCommand = { type: "set_caps", caps: { memory_mb: 200 } };
    side.world().store.handle(contextOf(side.clock.now_ms()), [task(installDecider, install_id, caps)]);
    side.loop().refresh();
    await side.until(() => side.runs(install_id).length === 1);
    const noted = side.events(install_id).find(({ event_type }) => event_type === "trigger.noted");
    const cause = noted?.event_type === "trigger.noted" ? noted.data.cause : undefined;
    assert.deepEqual(cause?.kind === "file_change" && cause.paths, [side.path("src/a")]);
  });
  it("a fire whose start was not recorded is started once", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    writeFileSync(side.path("src/a"), "1");
    await side.until(() => side.runs(install_id).length === 1);
    const [run] = side.runs(install_id);
    // The same cause asked for again, as after a crash between the start and its record.
    const again = await side.world().engine.start(install_id, "trigger", { cause: "trigger/1" });
    assert.deepEqual(again, { run_id: run?.run_id });
    assert.equal(side.runs(install_id).length, 1);
  });
});

describe("installs that are not watched", () => {
  const change = (side: TriggerSide, install_id: string, type: "disable" | "enable"): void => {
    const command = type === "disable" ? ({ type, reason: "by the owner" } as const) : ({ type } as const);
    const context = contextOf(side.clock.now_ms());
    const done = side.world().store.handle(context, [task(installDecider, install_id, command)]);
    assert.ok(!isRejection(done));
    side.loop().refresh();
  };
  it("a disabled install starts nothing, and starts afresh when it is enabled", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const install_id = side.install(watchSource(side.folder));
    await side.until(() => side.types(install_id).includes("trigger.settled"));
    change(side, install_id, "disable");
    await side.until(() => side.types(install_id).includes("trigger.cleared"));
    writeFileSync(side.path("src/a"), "1");
    await side.calm();
    change(side, install_id, "enable");
    await side.until(() => side.types(install_id).filter((type) => type === "trigger.settled").length === 2);
    await side.calm();
    assert.deepEqual(side.runs(install_id), []);
    writeFileSync(side.path("src/a"), "22");
    await side.until(() => side.runs(install_id).length === 1);
  });
  it("those that are disabled while the disk is full are watched no longer, which is recorded later", async (context) => {
    const side = openTriggerSide(context);
    await side.boot();
    mkdirSync(side.path("src"));
    const both = [side.install(watchSource(side.folder)), side.install(watchSource(side.folder))];
    await side.until(() => both.every((install_id) => side.types(install_id).includes("trigger.settled")));
    side.disk.full = true;
    for (const install_id of both) change(side, install_id, "disable");
    await side.until(() => side.reports.length > 0);
    side.disk.full = false;
    await side.until(() => both.every((install_id) => side.types(install_id).includes("trigger.cleared")));
  });
  it("a Nostr trigger without a relay is not watched for now, and the log says why; what is watched besides loses nothing", async (context) => {
    const relays: string[] = [];
    const side = openTriggerSide(context, { relays });
    const relay = await openFakeRelay();
    context.after(() => relay.close());
    mkdirSync(side.path("src"));
    writeFileSync(side.path("src/a"), "1");
    await side.boot();
    const install_id = side.install([...watchSource(side.folder), { type: "nostr_event", kinds: [1] }]);
    const failure = () => getTriggers(side.world().database, install_id)?.failures["1"]?.code;
    await side.until(() => failure() !== undefined && side.types(install_id).includes("trigger.settled"));
    assert.equal(failure(), "unreachable");
    assert.match(String(side.reports[0]), /no relay/);
    await side.shut();
    writeFileSync(side.path("src/a"), "22");
    relays.push(relay.url);
    await side.boot();
    await side.until(() => side.runs(install_id).length === 1);
    assert.equal(failure(), undefined);
    assert.equal(side.types(install_id).filter((type) => type === "trigger.set").length, 1);
  });
});
