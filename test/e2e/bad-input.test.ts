/** What an upgrade, a disk or an owner can do wrong at run time: a plain no or a clean stop, and work goes on. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { one } from "@oa/shared/core/sql.ts";
import { getRun } from "@oa/shared/run/views.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { killDaemons, oa, startOa } from "../cli/oa.ts";
import { fakeClock, manifestOf, type Ops, openRunWorld, type RunWorld, settled } from "../fakes/runs.ts";

const root = mkdtempSync(join(tmpdir(), "oa-bad-"));
after(() => {
  killDaemons();
  rmSync(root, { recursive: true, force: true });
});
const folderOf = (name: string): string => {
  const folder = join(root, name);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
};

describe("an op that misbehaves", () => {
  const clock = fakeClock();
  const stop = { controller: new AbortController(), done: Promise.resolve() };
  let world: RunWorld;
  const open = (ops: Ops): void => {
    world = openRunWorld({ ops, clock });
    stop.controller = new AbortController();
    stop.done = world.engine.loop(stop.controller.signal);
  };
  afterEach(async () => {
    stop.controller.abort();
    await stop.done;
    assert.equal(world.store.verify().first_bad, null);
    world.close();
  });
  const fetching = (id: string) =>
    manifestOf(
      [{ op: "http.request", id, url: "https://api.example/", timeout_ms: 1_000, retry: { max_attempts: 1 } }],
      {
        network: ["api.example"],
        tools: ["http.request"],
      },
    );
  const start = async (id: string): Promise<string> => {
    const started = await world.engine.start(world.install(fetching(id)), "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    return started.run_id;
  };
  const ended = (run_id: string) => world.engine.wait(run_id, AbortSignal.timeout(5_000));
  const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };

  it("never ends and hears no signal: it is given up at its time limit, and the next run has its turn", async () => {
    const deaf: Op<never, object> = (_, { step_id }) =>
      step_id === "deaf" ? new Promise(() => undefined) : Promise.resolve(answer);
    open({ "http.request": deaf });
    const [first, second] = [await start("deaf"), await start("quick")];
    await clock.pass(1_000 + LIMITS.step_stop_ms);
    const run = await ended(first);
    assert.deepEqual([run.status, run.code], ["failed", "timeout"]);
    await clock.pass(LIMITS.engine_poll_ms);
    assert.equal((await ended(second)).status, "succeeded");
  });

  it("floods its log: a bounded number of lines is kept, the last says so, and the step succeeds", async () => {
    const chatty: Op<never, object> = async (_, { log }) => {
      for (let line = 0; line < 20_000; line += 1) log("info", "x".repeat(10_000), { line });
      return answer;
    };
    open({ "http.request": chatty });
    const run_id = await start("chatty");
    await settled();
    assert.equal((await ended(run_id)).status, "succeeded");
    const lines = world.store.bySubject(run_id).filter(({ event_type }) => event_type === "run.log");
    assert.equal(lines.length, LIMITS.run_log_lines + 1);
    assert.match(JSON.stringify(lines.at(-1)?.data), /further ones are not kept/);
    const longest = Math.max(...lines.map(({ data }) => JSON.stringify(data).length));
    assert.ok(longest < LIMITS.run_log_chars + 300, `${longest} characters`);
  });

  it("makes more outputs than a run keeps: the step fails with too_large", async () => {
    const prolific: Op<never, object> = async (_, { artifact }) => {
      for (let item = 0; item <= LIMITS.run_artifacts; item += 1) {
        await artifact(`${item}.txt`, "text/plain", new Uint8Array(1));
      }
      return answer;
    };
    open({ "http.request": prolific });
    const run_id = await start("prolific");
    await settled();
    const run = await ended(run_id);
    assert.deepEqual([run.status, run.code], ["failed", "too_large"]);
    assert.equal(getRun(world.database, run_id)?.artifacts.length, LIMITS.run_artifacts);
  });

  for (const [what, value] of [
    ["half a character", { ...answer, body: "\ud800" }],
    ["a number that is none", { ...answer, bytes: Number.NaN }],
    ["a result of another shape", { status: "fine" }],
    ["nothing", undefined],
  ] as const) {
    it(`answers with ${what}: the step fails and says so`, async () => {
      open({ "http.request": (async () => value) as unknown as Op<never, object> });
      const run_id = await start("odd");
      await settled();
      const run = await ended(run_id);
      assert.deepEqual([run.status, run.code], ["failed", "result_invalid"]);
    });
  }
});

describe("a data folder that cannot be made", () => {
  it("where the system takes none does not hang", { skip: process.platform !== "linux" }, async () => {
    const said = await oa(["runs", "--data", "/proc/x/y"]);
    assert.equal(said.code, 1);
    assert.match(said.stderr, /^oa: [^\n]*the folder \/proc\/x cannot be made \(ENOENT\)[^\n]*\n$/);
  });
});

describe("a database that cannot be used", () => {
  /** Overwrites the pages that some tables and indexes begin at. */
  const damage = (data: string, like: string): void => {
    const database = openSqlite(join(data, "worker.sqlite"));
    const pages = database.all<{ rootpage: number }>("SELECT rootpage FROM sqlite_master WHERE name LIKE ?", like);
    const page_bytes = one<{ page_size: number }>(database, "PRAGMA page_size")?.page_size ?? 0;
    database.close();
    const file = openSync(join(data, "worker.sqlite"), "r+");
    for (const { rootpage } of pages) writeSync(file, "x".repeat(page_bytes), (rootpage - 1) * page_bytes);
    closeSync(file);
  };

  it("that is none is named, and nothing is written over it", async () => {
    const data = folderOf("garbage");
    writeFileSync(join(data, "worker.sqlite"), "this is no database\n".repeat(500));
    for (const command of [["up", "--port", "0"], ["runs"], ["audit", "verify"]]) {
      const said = await oa([...command, "--data", data]);
      assert.equal(said.code, 1);
      assert.match(said.stderr, /^oa: .*worker\.sqlite: the database is damaged: .*\(database_damaged\)\n$/);
    }
    assert.equal(statSync(join(data, "worker.sqlite")).size, 20 * 500);
  });

  it("that turns out to be damaged while the worker runs ends it with an exit status and a sentence", async () => {
    const data = folderOf("breaks");
    assert.equal((await oa(["runs", "--data", data])).code, 0);
    damage(data, "proj_runs%");
    const running = await startOa(["up", "--data", data, "--port", "0"]);
    assert.deepEqual(await once(running.child, "close"), [1, null]);
    assert.match(running.stderr(), /the worker has stopped: .*\(database_damaged\)/);
    assert.equal(existsSync(join(data, "daemon.json")), false);
  });

  it("that this user may not write is named", async () => {
    const data = folderOf("read-only");
    assert.equal((await oa(["runs", "--data", data])).code, 0);
    chmodSync(join(data, "worker.sqlite"), 0o400);
    const said = await asNobody(["up", "--port", "0", "--data", data], data);
    assert.equal(said.code, 1);
    assert.match(said.stderr, /\(database_read_only\)\n$/);
    assert.doesNotMatch(said.stderr, /\n {4}at /);
  });
});

/** As a user who is not root, to whom permissions mean something. */
async function asNobody(args: readonly string[], data: string): Promise<{ code: number | null; stderr: string }> {
  if (process.getuid?.() !== 0) return oa(args);
  const nobody = 65_534;
  chmodSync(root, 0o711);
  for (const name of ["", ...readdirSync(data, { recursive: true, encoding: "utf8" })]) {
    chownSync(join(data, name), nobody, nobody);
  }
  const entry = join(import.meta.dirname, "..", "..", "worker", "cli", "oa.mjs");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", entry, ...args], {
    ...{ uid: nobody, gid: nobody, cwd: data, stdio: ["ignore", "ignore", "pipe"] },
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}
