/** Processes that are really killed: each is a start of a service, with waits of milliseconds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DAY_MS } from "@oa/shared/core/durations.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Pace, readServiceNote, waitAfter } from "./service-starts.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-starts-"));
const children = new Set<ReturnType<typeof spawn>>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const QUICK: Pace = { crashes_free: 2, wait_ms: 40, wait_ms_max: 100, healthy_ms: DAY_MS, settings_ms: 5 };
const CHILD = `
import { awaitServiceStart } from ${JSON.stringify(new URL("./service-starts.ts", import.meta.url).href)};
import { readFile } from "node:fs/promises";
const [data_dir, pace] = JSON.parse(process.argv[1]);
const settings = async () => {
  const message = await readFile(data_dir + "/wrong", "utf8").catch(() => null);
  return message && { rejected: true, code: "config_invalid", message };
};
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const from_ms = performance.now();
const note = (line) => console.log(line);
const start = await awaitServiceStart(data_dir, { signal: stop.signal, note, settings, pace });
if (start === null) process.exit(0);
if (start.rejected) process.exit(3);
console.log("open after " + (performance.now() - from_ms));
setInterval(() => {}, 1000);
stop.signal.addEventListener("abort", async () => {
  await start.stopped();
  process.exit(0);
});
`;

/** One start of the service; resolves at its first line, which says that it waits or that it is open. */
async function startChild(data_dir: string, pace: Pace = QUICK) {
  const args = ["--input-type=module", "--disable-warning=ExperimentalWarning", "-e", CHILD];
  const child = spawn(process.execPath, [...args, JSON.stringify([data_dir, pace])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const exited = once(child, "exit");
  const until = async (words: string): Promise<string> => {
    while (!said.includes(words)) {
      assert.equal(child.exitCode, null, `it ended and had said: ${said}`);
      await Promise.race([once(child.stdout, "data"), exited]);
    }
    return said;
  };
  return {
    until,
    opened: async (): Promise<number> => Number(/open after ([\d.]+)/.exec(await until("\n"))?.[1] ?? Number.NaN),
    ended: async (): Promise<number | null> => {
      children.delete(child);
      return (await exited)[0] as number | null;
    },
    end: async (signal: NodeJS.Signals): Promise<number | null> => {
      child.kill(signal);
      children.delete(child);
      return (await exited)[0] as number | null;
    },
  };
}

async function crash(data_dir: string, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    const child = await startChild(data_dir, { ...QUICK, wait_ms: 1, wait_ms_max: 1 });
    await child.until("open after");
    await child.end("SIGKILL");
  }
}

describe("a service that crashes", () => {
  it("waits twice as long after each further crash, up to the limit", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 7, 8, 1_000_000].map((crashes) => waitAfter(crashes)),
      [0, 0, 0, 10_000, 20_000, 40_000, 160_000, 300_000, 300_000],
    );
    assert.equal(LIMITS.service_wait_ms_max, 300_000);
  });

  it("starts at once the first times, then later each time, and says so in one line", async () => {
    const data_dir = join(folder, "later");
    for (const least_ms of [0, 0, 0, 40, 80, 100]) {
      const child = await startChild(data_dir);
      const said = await child.until("open after");
      const lines = said.trim().split("\n");
      assert.equal(lines.length, least_ms === 0 ? 1 : 2, said);
      if (least_ms > 0)
        assert.match(lines[0] ?? "", /^The worker ended [345] times in a row .* starts again in 0 s\.$/);
      // Timers may be a millisecond early.
      assert.ok(Number(/open after (.*)/.exec(said)?.[1]) >= least_ms - 1, said);
      await child.end("SIGKILL");
    }
    assert.equal(statSync(join(data_dir, "service-starts.json")).mode & 0o077, 0);
  });

  it("begins anew after a clean stop", async () => {
    const data_dir = join(folder, "clean");
    await crash(data_dir, 3);
    const child = await startChild(data_dir);
    await child.until("open after");
    assert.equal(await child.end("SIGTERM"), 0);
    assert.equal(existsSync(join(data_dir, "service-starts.json")), false);
    await crash(data_dir, 1);
    assert.equal(readFileSync(join(data_dir, "service-starts.json"), "utf8"), '{"crashes":0}\n');
  });

  it("begins anew after a long run", async () => {
    const data_dir = join(folder, "long");
    await crash(data_dir, 5);
    const file = join(data_dir, "service-starts.json");
    const child = await startChild(data_dir, { ...QUICK, healthy_ms: 1 });
    await child.until("open after");
    while (readFileSync(file, "utf8") !== '{"crashes":0}\n') await sleep(5);
    await child.end("SIGKILL");
    const next = await startChild(data_dir, { ...QUICK, wait_ms: DAY_MS, wait_ms_max: DAY_MS });
    assert.ok((await next.opened()) >= 0, "one crash after a long run is the first of a row");
    await next.end("SIGKILL");
  });

  it("ends at once when it is stopped while it waits, and the next start is at once", async () => {
    const data_dir = join(folder, "stopped");
    await crash(data_dir, 3);
    const slow = { ...QUICK, wait_ms: DAY_MS, wait_ms_max: DAY_MS };
    const child = await startChild(data_dir, slow);
    await child.until("starts again in 24 h");
    assert.equal(await child.end("SIGTERM"), 0);
    const next = await startChild(data_dir, slow);
    assert.ok((await next.opened()) >= 0);
    await next.end("SIGKILL");
  });

  it("is not counted again where it is killed while it waits", async () => {
    const data_dir = join(folder, "waiting");
    await crash(data_dir, 3);
    const slow = { ...QUICK, wait_ms: DAY_MS, wait_ms_max: DAY_MS };
    for (const _ of [1, 2]) {
      const child = await startChild(data_dir, slow);
      await child.until("ended 3 times in a row");
      await child.end("SIGKILL");
    }
  });

  it("tells while it waits until when, and nothing of it once it is open", async () => {
    const data_dir = join(folder, "told");
    await crash(data_dir, 4);
    const slow = { ...QUICK, wait_ms: DAY_MS, wait_ms_max: DAY_MS };
    const waiting = await startChild(data_dir, slow);
    await waiting.until("ended 4 times in a row");
    while ((await readServiceNote(data_dir))?.waiting_until_ms === undefined) await sleep(5);
    const note = await readServiceNote(data_dir);
    const left_ms = (note?.waiting_until_ms ?? 0) - Date.now();
    assert.ok(note?.crashes === 3 && left_ms > DAY_MS / 2 && left_ms <= DAY_MS, JSON.stringify(note));
    await waiting.end("SIGKILL");
    const open = await startChild(data_dir);
    await open.until("open after");
    assert.deepEqual(await readServiceNote(data_dir), { crashes: 4 });
    await open.end("SIGKILL");
  });

  it("starts although its note was damaged, and cannot be held back by one", async () => {
    const data_dir = join(folder, "damaged");
    await crash(data_dir, 1);
    for (const text of [
      "",
      "{",
      "null",
      '{"crashes":1,"waiting_until_ms":"x"}',
      '{"crashes":7,"refused":1}',
      '{"crashes":-5}\n',
      '{"crashes":99999999999}\n',
      "\u0000\u0000",
    ]) {
      writeFileSync(join(data_dir, "service-starts.json"), text);
      const child = await startChild(data_dir, { ...QUICK, wait_ms: DAY_MS, wait_ms_max: DAY_MS });
      assert.ok((await child.opened()) >= 0, text);
      await child.end("SIGKILL");
    }
  });
});

describe("a service whose settings are wrong", () => {
  const SLOW: Pace = { ...QUICK, wait_ms: DAY_MS, wait_ms_max: DAY_MS };
  const wrong = (data_dir: string, message: string | null): void => {
    mkdirSync(data_dir, { recursive: true });
    if (message === null) rmSync(join(data_dir, "wrong"));
    else writeFileSync(join(data_dir, "wrong"), message);
  };

  it("ends with the refusal's own status once, keeps its sentence, and is no crash", async () => {
    const data_dir = join(folder, "refused");
    wrong(data_dir, "port must be a number");
    assert.equal(await (await startChild(data_dir, SLOW)).ended(), 3);
    const refused = { code: "config_invalid", message: "port must be a number" };
    assert.deepEqual(await readServiceNote(data_dir), { crashes: 0, refused });
  });

  it("that is started again all the same waits until they are right, says what is wrong, and then starts at once", async () => {
    const data_dir = join(folder, "again");
    await crash(data_dir, 5);
    wrong(data_dir, "port must be a number");
    assert.equal(await (await startChild(data_dir, SLOW)).ended(), 3);
    const child = await startChild(data_dir, SLOW);
    await child.until("The worker starts once its settings are right: port must be a number (config_invalid)");
    wrong(data_dir, "edge_url is no address");
    await child.until("edge_url is no address");
    while (!(await readServiceNote(data_dir))?.refused?.message.startsWith("edge_url")) await sleep(5);
    wrong(data_dir, null);
    const said = await child.until("open after");
    assert.equal(said.match(/port must be/g)?.length, 1, "each refusal is said once");
    assert.deepEqual(await readServiceNote(data_dir), { crashes: 0 });
    await child.end("SIGKILL");
  });

  it("ends at once when it is stopped meanwhile, and what it ended with before is not held against it", async () => {
    const data_dir = join(folder, "given-up");
    wrong(data_dir, "port must be a number");
    assert.equal(await (await startChild(data_dir, SLOW)).ended(), 3);
    const waiting = await startChild(data_dir, { ...SLOW, settings_ms: DAY_MS });
    await waiting.until("settings are right");
    assert.equal(await waiting.end("SIGTERM"), 0);
    assert.equal(await readServiceNote(data_dir), null);
    wrong(data_dir, null);
    const next = await startChild(data_dir, SLOW);
    assert.ok((await next.opened()) >= 0);
    await next.end("SIGKILL");
  });
});
