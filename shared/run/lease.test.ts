import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import type { RunEvent } from "../generated/types.ts";
import { type RunCommand, runDecider } from "./decider.ts";
import { runProcess } from "./process.ts";

const HASH = "a".repeat(64);
const [TOKEN, OTHER] = ["b".repeat(64), "c".repeat(64)];
const step = { step_id: "a", op: "fs.read", params: {}, effect: "read", timeout_ms: 1_000 } as const;
const created = (change: object = {}): RunEvent => ({
  event_type: "run.created",
  data: {
    install_id: "install_1",
    reason: "schedule",
    upgrade_address: `30051:${HASH}:x`,
    upgrade_id: "x",
    upgrade_version: "1.0.0",
    title: "X",
    manifest_sha256: HASH,
    manifest_event_id: HASH,
    release_event_id: HASH,
    permission_hash: HASH,
    grant: [],
    steps: [{ step_id: "a", op: "fs.read" }],
    plan: [{ ...step, max_attempts: 3, backoff_ms: 1_000 }],
    inputs: {},
    ...change,
  },
});
const decide = (given: readonly RunEvent[], command: RunCommand) =>
  runDecider.decide(foldAll(runDecider, given), command);
const after = (given: readonly RunEvent[], ...commands: readonly RunCommand[]): readonly RunEvent[] => {
  const events = [...given];
  for (const command of commands) {
    const decided = decide(events, command);
    assert.ok(!isRejection(decided), JSON.stringify(decided));
    events.push(...decided);
  }
  return events;
};
const code = (given: readonly RunEvent[], command: RunCommand): string => {
  const decided = decide(given, command);
  return isRejection(decided) ? decided.code : "decided";
};
const next = (given: readonly RunEvent[], now_ms = 0) => runProcess.next(foldAll(runProcess, given), now_ms);

const claim = (engine_id: string, now_ms = 0, token_sha256 = TOKEN): RunCommand => ({
  ...{ type: "claim", engine_id, now_ms, takeover: false },
  lease: { until_ms: now_ms + 100, token_sha256 },
});
const by = (now_ms = 0, token_sha256: string | null = TOKEN, engine_id = "engine_1") => ({
  engine_id,
  lease: { token_sha256, now_ms },
});
const start = (change: object = {}): RunCommand => ({
  ...{ ...by(), type: "start", manifest_sha256: HASH, permission_hash: HASH },
  ...change,
});
const begin = (holder: ReturnType<typeof by>): RunCommand => ({
  ...{ ...holder, type: "start_step", run_id: "run_1", step_id: "a", params: {} },
});

describe("a lease", () => {
  const leased = after([created()], claim("engine_1"));
  const running = after(leased, start());

  it("is given to one engine at a time, with a fence that grows", () => {
    assert.equal(code(leased, claim("engine_2", 99)), "already_claimed");
    assert.equal(code(leased, { ...claim("engine_1", 50), type: "claim" } as RunCommand), "already_claimed");
    const taken = after(leased, claim("engine_2", 100, OTHER));
    assert.equal(foldAll(runDecider, taken).claim?.fence, 2);
    const back = after(taken, { ...by(150, OTHER, "engine_2"), type: "release", reason: "stopping" });
    assert.equal(foldAll(runDecider, after(back, claim("engine_3", 151))).claim?.fence, 3);
  });
  it("is not broken by a worker that takes over the runs of dead engines of its own", () => {
    assert.equal(code(leased, { type: "claim", engine_id: "engine_2", now_ms: 99, takeover: true }), "already_claimed");
  });
  it("is proven by its token, by the engine that was given it, while it lasts", () => {
    assert.equal(code(running, begin(by(1))), "decided");
    assert.equal(code(running, begin(by(1, null))), "missing_claim_token");
    const { lease: _, ...bare } = begin(by(1)) as RunCommand & { readonly lease: unknown };
    assert.equal(code(running, bare as RunCommand), "missing_claim_token");
    assert.equal(code(running, begin(by(1, OTHER))), "lease_token_mismatch");
    assert.equal(code(running, begin(by(100))), "lease_expired");
    assert.equal(code(running, begin(by(1, TOKEN, "engine_2"))), "lease_lost");
  });
  it("lets nothing be done before its engine has said what it runs it under", () => {
    assert.equal(foldAll(runDecider, leased).status, "queued");
    assert.equal(code(leased, begin(by())), "run_not_running");
    assert.equal(code(leased, { ...by(), type: "complete", note_relays: [] }), "run_not_running");
    assert.equal(foldAll(runDecider, running).status, "running");
    assert.deepEqual(after(running, start()), running, "said again, it changes nothing");
  });
  it("is no use to an engine with another manifest or other permissions", () => {
    assert.equal(code(leased, start({ manifest_sha256: "f".repeat(64) })), "manifest_hash_mismatch");
    assert.equal(code(leased, start({ permission_hash: "f".repeat(64) })), "permission_hash_mismatch");
  });
  it("is extended by a sign of life, and not after it has ended", () => {
    const extended = after(leased, { ...by(99), type: "extend_lease", lease_until_ms: 199, now_ms: 99 });
    assert.equal(code(extended, claim("engine_2", 150)), "already_claimed");
    assert.equal(code(leased, { ...by(100), type: "extend_lease", lease_until_ms: 200, now_ms: 100 }), "lease_expired");
    const early: RunCommand = { ...by(20), type: "extend_lease", lease_until_ms: 120, now_ms: 20 };
    assert.deepEqual(decide(leased, early), [], "while most of it is still to come, nothing is written");
    const back = after(leased, { ...by(-900), type: "extend_lease", lease_until_ms: -800, now_ms: -900 });
    assert.equal(foldAll(runDecider, back).claim?.lease_until_ms, -800, "a clock that was set back makes none longer");
  });
  it("that was taken over refuses what its old holder still says, and the new one starts again by itself", () => {
    const taken = after(after(running, begin(by(1))), claim("engine_2", 100, OTHER));
    const late: RunCommand = { ...by(101), type: "succeed_step", step_id: "a", attempt: 1, duration_ms: 1, result: {} };
    assert.equal(code(taken, late), "lease_lost");
    assert.equal(code(taken, begin(by(101, OTHER, "engine_2"))), "run_not_running");
    const again = after(taken, { ...start(), ...by(101, OTHER, "engine_2") } as RunCommand);
    assert.equal(next(again)?.kind, "settle_interrupted");
  });
  it("names no step that the run does not have", () => {
    const foreign: readonly RunCommand[] = [
      { ...by(1), type: "fail", step_id: "b", code: "internal", message: "x" },
      { ...by(1), type: "log", step_id: "b", level: "info", line: { message: "x" } },
      { ...by(1), type: "settle_interrupted", step_id: "b", now_ms: 1 },
    ];
    for (const command of foreign) assert.equal(code(running, command), "not_found", command.type);
  });
  it("under the name of the worker's own engine is another's all the same", () => {
    const own = (now_ms: number): RunCommand => ({ type: "claim", engine_id: "engine_1", now_ms, takeover: true });
    assert.equal(code(leased, own(99)), "already_claimed");
    assert.equal(foldAll(runDecider, after(leased, own(100))).claim?.token_sha256, null);
  });
  it("is not given for a run that has ended", () => {
    const failed = after(running, { ...by(1), type: "fail", step_id: null, code: "internal", message: "x" });
    assert.equal(code(failed, claim("engine_2", 200)), "run_finished");
  });
});

describe("a pause", () => {
  const claimed = after([created()], { type: "claim", engine_id: "engine_1", now_ms: 0, takeover: false });
  const pause = (who: "owner" | "machine"): RunCommand => ({ type: "pause", by: who, reason: "busy" });
  const resume = (who: "owner" | "machine"): RunCommand => ({ type: "resume", by: who, reason: "free" });

  it("leaves nothing to do until it ends", () => {
    assert.equal(next(after(claimed, pause("owner"))), undefined);
    assert.equal(next(after(claimed, pause("owner"), resume("owner")))?.kind, "perform");
  });
  it("of the owner is not ended by the machine, and one of the machine is ended by either", () => {
    assert.equal(next(after(claimed, pause("owner"), resume("machine"))), undefined);
    assert.equal(next(after(claimed, pause("machine"), resume("owner")))?.kind, "perform");
    assert.equal(next(after(claimed, pause("machine"), pause("owner"), resume("machine"))), undefined);
  });
  it("is said once", () => {
    const paused = after(claimed, pause("owner"));
    assert.deepEqual(after(paused, pause("owner"), pause("machine")), paused);
    assert.deepEqual(after(claimed, resume("owner")), claimed);
  });
  it("gives way to a cancellation, and is refused for a run that ends or has ended", () => {
    const canceled = after(claimed, pause("owner"), { type: "cancel", reason: "enough" });
    assert.equal(next(canceled)?.kind, "cancel");
    assert.equal(code(canceled, pause("owner")), "run_finished");
    const over = after(canceled, { type: "finish_canceled", engine_id: "engine_1" });
    assert.equal(code(over, resume("owner")), "run_finished");
    assert.equal(code([], pause("owner")), "not_found");
  });
});

describe("a deadline", () => {
  const claimed = after([created({ deadline_ms: 1_000 })], claim("engine_1"));
  it("fails the run that has not ended by then, paused or not, and no other", () => {
    assert.equal(next(claimed, 999)?.kind, "perform");
    const over = next(claimed, 1_000);
    assert.ok(over?.kind === "fail" && over.code === "timeout");
    assert.match(over.message, /1970-01-01T00:00:01.000Z/);
    assert.equal(next(after(claimed, { type: "pause", by: "owner", reason: "x" }), 1_000)?.kind, "fail");
  });
});
