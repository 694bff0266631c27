/** A real model, real processes: what a crash, a cancellation and a cap do to them. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "@oa/shared/core/refusal.ts";
import { thisMachinesSandbox } from "@oa/worker/adapters/machine-sandbox.ts";
import { openRunUsage, type UsageCaps } from "@oa/worker/adapters/run-usage.ts";
import type { Sandbox } from "@oa/worker/adapters/sandbox.ts";
import type { GenerateRequest, Generation, ModelBackends } from "@oa/worker/backends/backend.ts";
import { cappedBackends, type OwnCaps, openModelBackends } from "@oa/worker/backends/backends.ts";
import { writeTinyBert, writeTinyLlama } from "./fakes/gguf.ts";

const MIB = 1_048_576;
const never = new AbortController().signal;
const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-model-host-")));
const llama = join(folder, "tiny-llama.gguf");
const bert = join(folder, "tiny-bert.gguf");
const linux = process.platform === "linux";

let sandbox: Sandbox;
let backends: ModelBackends;
before(async () => {
  writeTinyLlama(llama);
  writeTinyBert(bert);
  writeFileSync(join(folder, "private.txt"), "not the model's");
  process.env.OA_TEST_TOKEN = "of-the-daemon-alone";
  sandbox = await thisMachinesSandbox();
  const models = { generate_model_path: llama, embed_model_path: bert, threads: 1 };
  backends = openModelBackends({ "llama.cpp": models }, { sandbox });
});
afterEach(() => backends.close());
after(() => rmSync(folder, { recursive: true }));

const capped = (caps: Partial<UsageCaps>): ModelBackends =>
  cappedBackends(backends, openRunUsage({ memory_bytes: 4_096 * MIB, cpu_ms: 600_000, ...caps }));
const generate = (from: ModelBackends, more: Partial<GenerateRequest> = {}): Promise<Generation> =>
  from.generate({
    ...{ backend: "llama.cpp", prompt: "Say hello", max_tokens: 3, temperature: 0, model: null, signal: never },
    ...more,
  });
/** The processes that run the model of `path` themselves, as the system lists them. */
const hostsOf = (path: string): readonly number[] =>
  execFileSync("ps", ["-axo", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(`${process.execPath} `) && line.includes(path) && !line.includes("bwrap"))
    .map((line) => Number.parseInt(line, 10));
/** A generation that would go on for long, once it has written something. */
const underWay = async (signal: AbortSignal = never) => {
  const begun = Promise.withResolvers<void>();
  const request = generate(backends, { max_tokens: 30_000, signal, progress: () => begun.resolve() });
  const ended = request.then(
    () => assert.fail("it was to be ended"),
    (error: unknown) => error as Fault,
  );
  await begun.promise;
  const [pid] = hostsOf(llama);
  assert.ok(pid !== undefined);
  return { ended, pid };
};

describe("a call for no run", () => {
  const own = (own_caps: Partial<OwnCaps>): ModelBackends =>
    openModelBackends({ "llama.cpp": { generate_model_path: llama, threads: 1 } }, { sandbox, own_caps });

  it("is refused a model that is larger than what it may take, before any of it is loaded", async () => {
    const small = own({ memory_bytes: 100_000 });
    const fault = await generate(small).catch((error: unknown) => error);
    assert.ok(fault instanceof Fault);
    assert.equal(fault.code, "memory_limit");
    assert.match(fault.message, /takes at least 1 MiB of memory, and a call for no run may use 1 MiB/);
    assert.deepEqual(hostsOf(llama), []);
    await small.close();
  });
  it("is stopped over its processor time, with its process, and the next call has a new one", async () => {
    const brief = own({ cpu_ms: 1 });
    const fault = await generate(brief, { max_tokens: 30_000 }).catch((error: unknown) => error);
    assert.ok(fault instanceof Fault);
    assert.equal(fault.code, "cpu_limit");
    assert.match(fault.message, /of processor time; a call for no run may use 0\.0 s/);
    assert.deepEqual(hostsOf(llama), []);
    assert.equal((await generate(cappedBackends(brief, openRunUsage()))).model, "tiny-llama");
    await brief.close();
  });
  it("is ended when its time is over, while it waits for its turn behind a run's too", async () => {
    const brief = own({ time_ms: 300 });
    await assert.rejects(generate(brief, { max_tokens: 30_000 }), {
      code: "timeout",
      message: "llama.cpp did not answer within 0.3 s, which a call for no run may take",
    });
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    let running = true;
    const progress = (): void => begun.resolve();
    const run = cappedBackends(brief, openRunUsage());
    const first = generate(run, { max_tokens: 30_000, signal: stop.signal, progress }).catch((error: unknown) => {
      running = false;
      return error;
    });
    await begun.promise;
    await assert.rejects(generate(brief), { code: "timeout" });
    assert.equal(running, true, "the run's call goes on");
    stop.abort();
    assert.equal(((await first) as Fault).code, "canceled");
    await brief.close();
  });
  it("is counted with a backend that needs no process too, and what its asker cancels is canceled", async () => {
    const none = openModelBackends({}, { own_caps: { cpu_ms: 0 } });
    const texts = Array.from({ length: 200 }, (_, at) => `a text of its own ${at} `.repeat(100));
    const embed = { backend: "lexical-v1", texts, dim: null, corpus: null, signal: never } as const;
    await assert.rejects(none.embed(embed), { code: "cpu_limit" });
    assert.equal((await openModelBackends({}).embed(embed)).vectors.length, 200);
    const backends = own({});
    await assert.rejects(generate(backends, { signal: AbortSignal.abort() }), { code: "canceled" });
    await backends.close();
  });
});

describe("a model runs in a process of its own", () => {
  it("one that is killed in the middle fails the call, which may be tried again, and the next call has a new one", async () => {
    const { ended, pid } = await underWay();
    process.kill(pid, "SIGKILL");
    const fault = await ended;
    assert.ok(fault instanceof Fault);
    assert.deepEqual([fault.code, fault.retryable], ["backend_failed", true]);
    assert.match(fault.message, /process of llama\.cpp died while it was at work: it (was ended|ended with status)/);
    assert.equal((await generate(backends)).model, "tiny-llama");
    assert.ok(!hostsOf(llama).includes(pid));
  });
  it("cancellation in the middle ends the call, and the model has stopped or is gone", async () => {
    const stop = new AbortController();
    const { ended } = await underWay(stop.signal);
    stop.abort();
    assert.equal((await ended).code, "canceled");
    // A model that still wrote the first text would have no room for another.
    assert.ok(((await generate(backends)).tokens_out ?? 0) > 0);
  });
  it("one that does not hear of its cancellation is ended", { skip: !linux }, async () => {
    const stop = new AbortController();
    const { ended, pid } = await underWay(stop.signal);
    process.kill(pid, "SIGSTOP");
    stop.abort();
    assert.equal((await ended).code, "canceled");
    assert.ok(!hostsOf(llama).includes(pid));
    assert.equal((await generate(backends)).model, "tiny-llama");
  });
  it("a canceled call that waits for its turn does not touch the one before it", async () => {
    const first = generate(backends, { max_tokens: 40 });
    await assert.rejects(generate(backends, { signal: AbortSignal.abort() }), { code: "canceled" });
    assert.ok(((await first).tokens_out ?? 0) > 0);
  });
  it("ends when it is idle for long, and when the backend is closed", { timeout: 60_000 }, async () => {
    const idle = openModelBackends({ "llama.cpp": { generate_model_path: llama, threads: 1 } }, { idle_ms: 1 });
    await generate(idle);
    while (hostsOf(llama).length > 0) await sleep(50);
    await generate(backends);
    assert.equal(hostsOf(llama).length, 1);
    await backends.close();
    assert.deepEqual(hostsOf(llama), []);
    await idle.close();
  });
  it("tells what it uses while nobody asks it, and nothing once it has ended", async () => {
    await generate(backends);
    const [host, ...others] = await backends.hosts();
    assert.deepEqual(others, []);
    assert.ok(host !== undefined && host.memory_bytes > MIB && host.cpu_ms > 0, JSON.stringify(host));
    await backends.close();
    assert.deepEqual(await backends.hosts(), []);
  });
  it("leaves none behind when the worker is killed while it writes", { timeout: 60_000 }, async () => {
    for (const confined of [false, true]) {
      const script = `
        import { openModelBackends } from ${JSON.stringify(import.meta.resolve("@oa/worker/backends/backends.ts"))};
        import { thisMachinesSandbox } from ${JSON.stringify(import.meta.resolve("@oa/worker/adapters/machine-sandbox.ts"))};
        const config = { "llama.cpp": { generate_model_path: ${JSON.stringify(llama)}, threads: 1 } };
        const options = ${confined} ? { sandbox: await thisMachinesSandbox() } : {};
        await openModelBackends(config, options).generate({
          ...{ backend: "llama.cpp", prompt: "Say hello", max_tokens: 1_000_000, temperature: 0, model: null },
          ...{ signal: new AbortController().signal, progress: () => process.stdout.write("going on\\n") },
        });`;
      const worker = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(worker.stdout, "data");
      assert.equal(hostsOf(llama).filter((pid) => pid !== worker.pid).length, 1);
      worker.kill("SIGKILL");
      while (hostsOf(llama).length > 0) await sleep(50);
    }
  });
  it("has nothing of the worker's environment but what every child has", { skip: !linux }, async () => {
    await generate(backends);
    const environ = hostsOf(llama).map((pid) => readFileSync(`/proc/${pid}/environ`, "utf8"));
    assert.equal(environ.length, 1);
    assert.doesNotMatch(environ[0] ?? "", /OA_TEST_TOKEN|of-the-daemon-alone/);
  });
  it("sees its model, not what lies beside it, and no network where there is a sandbox for it", async (t) => {
    if (sandbox.name !== "bubblewrap") return t.skip("no bubblewrap here");
    await backends.embed({ backend: "llama.cpp", texts: ["open"], dim: null, corpus: null, signal: never });
    const [pid] = hostsOf(bert);
    const root = `/proc/${pid}/root`;
    assert.ok(existsSync(root + bert));
    for (const path of [llama, join(folder, "private.txt"), process.env.HOME ?? "/root"]) {
      assert.ok(!existsSync(root + path), path);
    }
    assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync("/proc/self/ns/net"));
  });
});

describe("what a model takes is the run's that asks", () => {
  it("a run whose cap of memory the process is over is stopped with the figures; a roomier one is not", async () => {
    await assert.rejects(generate(capped({ memory_bytes: 32 * MIB })), {
      code: "memory_limit",
      message: /^llama\.cpp \(tiny-llama\) used \d+ MiB of memory; a run may use 32 MiB$/,
    });
    assert.equal((await generate(capped({}))).model, "tiny-llama");
  });
  it("its processor time counts over calls, the model's loading too, and stops the run that is over its cap", async () => {
    const run = capped({ cpu_ms: 100 });
    await assert.rejects(generate(run), {
      code: "cpu_limit",
      message: /^llama\.cpp \(tiny-llama\) used \d+\.\d s of processor time; a run may use 0\.1 s$/,
    });
    // A model that is loaded already costs little: another run is not charged for what the first one used.
    await generate(backends);
    assert.equal((await generate(capped({ cpu_ms: 1_000 }))).model, "tiny-llama");
  });
  it("a long generation is stopped while it is under way", async () => {
    await generate(backends);
    const progress: number[] = [];
    const request = generate(capped({ cpu_ms: 300 }), { max_tokens: 1_000_000, progress: (n) => progress.push(n) });
    await assert.rejects(request, { code: "cpu_limit" });
    assert.ok(progress.length > 0 && (progress.at(-1) ?? 0) < 1_000_000);
  });
});
