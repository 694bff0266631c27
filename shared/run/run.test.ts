import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import type { RunEvent, RunStepPlan } from "../generated/types.ts";
import { type RunCommand, runDecider } from "./decider.ts";
import { resultOf, runProcess } from "./process.ts";

const HASH = "a".repeat(64);
const plan = (step_id: string, change: Partial<RunStepPlan> = {}): RunStepPlan => ({
  step_id,
  op: "fs.read",
  params: {},
  effect: "read",
  timeout_ms: 1_000,
  max_attempts: 3,
  backoff_ms: 1_000,
  ...change,
});
const created = (...steps: readonly RunStepPlan[]): RunEvent => ({
  event_type: "run.created",
  data: {
    install_id: "install_1",
    reason: "manual",
    upgrade_address: `30051:${HASH}:x`,
    upgrade_id: "x",
    upgrade_version: "1.0.0",
    title: "X",
    manifest_sha256: HASH,
    manifest_event_id: HASH,
    release_event_id: HASH,
    permission_hash: HASH,
    grant: [],
    steps: steps.map(({ step_id, op }) => ({ step_id, op })),
    plan: steps,
    inputs: {},
  },
});
const claimed: RunEvent = { event_type: "run.claimed", data: { engine_id: "engine_1", fence: 1 } };
const started = (step_id: string, attempt = 1): RunEvent => ({
  event_type: "step.started",
  data: { step_id, attempt, op: "fs.read", effect: "read", idempotency_key: `run_1/${step_id}` },
});
const succeeded = (step_id: string, attempt = 1, result: Record<string, unknown> = {}): RunEvent => ({
  event_type: "step.succeeded",
  data: { step_id, attempt, duration_ms: 1, result },
});

/** Given these events, when this is asked, then these event types (or this code) follow; and what is next after them. */
function when(given: readonly RunEvent[], command: RunCommand): readonly RunEvent[] {
  const decided = runDecider.decide(foldAll(runDecider, given), command);
  assert.ok(!isRejection(decided), JSON.stringify(decided));
  return decided;
}
function refused(given: readonly RunEvent[], command: RunCommand): string {
  const decided = runDecider.decide(foldAll(runDecider, given), command);
  assert.ok(isRejection(decided));
  return decided.code;
}
const nextOf = (given: readonly RunEvent[], now_ms = 0) => runProcess.next(foldAll(runProcess, given), now_ms);
const engine = { engine_id: "engine_1" };
const fail = (change: object = {}): RunCommand => ({
  ...engine,
  ...{ type: "fail_step", step_id: "a", attempt: 1, code: "timeout", message: "slow", retryable: true },
  ...{ now_ms: 10_000, jitter: 0 },
  ...change,
});

describe("a run", () => {
  const two = [created(plan("a"), plan("b")), claimed];

  it("performs its steps in order, the results of the earlier ones at hand, and completes", () => {
    assert.deepEqual(nextOf(two), { kind: "perform", step: plan("a"), attempt: 1 });
    const after = [...two, started("a"), succeeded("a", 1, { size: 3 })];
    assert.deepEqual(nextOf(after), { kind: "perform", step: plan("b"), attempt: 1 });
    const state = foldAll(runProcess, after);
    assert.deepEqual(resultOf(state, "a"), { size: 3 });
    assert.equal(resultOf(state, "b"), undefined);
    assert.equal(resultOf(state, "constructor"), undefined);
    assert.deepEqual(nextOf([...after, started("b"), succeeded("b")]), { kind: "complete" });
  });

  it("never starts a step that has succeeded, nor one whose predecessor has not", () => {
    const start = (step_id: string): RunCommand => ({
      ...engine,
      type: "start_step",
      run_id: "run_1",
      step_id,
      params: {},
    });
    assert.equal(refused([...two, started("a"), succeeded("a")], start("a")), "step_out_of_turn");
    assert.equal(refused(two, start("b")), "step_out_of_turn");
    assert.equal(refused(two, start("c")), "not_found");
  });

  it("waits twice as long before each further attempt, shortened by jitter to half at most, then fails", () => {
    const first = when([...two, started("a")], fail());
    assert.deepEqual(first[0]?.data, {
      step_id: "a",
      attempt: 1,
      code: "timeout",
      message: "slow",
      retry_at_ms: 10_500,
    });
    const waiting = [...two, started("a"), ...first];
    assert.deepEqual(nextOf(waiting, 10_499), { kind: "wait", until_ms: 10_500 });
    assert.deepEqual(nextOf(waiting, 10_500), { kind: "perform", step: plan("a"), attempt: 2 });
    const second = when([...waiting, started("a", 2)], fail({ attempt: 2, jitter: 0.998 }));
    assert.deepEqual(second[0]?.event_type === "step.failed" && second[0].data.retry_at_ms, 11_998);
    const third = when([...waiting, started("a", 2), ...second, started("a", 3)], fail({ attempt: 3 }));
    const given = [...waiting, started("a", 2), ...second, started("a", 3), ...third];
    assert.deepEqual(nextOf(given, 99_999), { kind: "fail", step_id: "a", code: "timeout", message: "slow" });
  });

  it("does not try again what cannot help", () => {
    const events = when([...two, started("a")], fail({ retryable: false }));
    assert.equal(events[0]?.event_type === "step.failed" && events[0].data.retry_at_ms, null);
  });

  it("does not take the outcome of an attempt that is not the running one", () => {
    assert.equal(refused([...two, started("a", 2)], fail({ attempt: 1 })), "lease_lost");
    assert.equal(refused(two, fail()), "lease_lost");
    const late: RunCommand = { ...engine, type: "succeed_step", step_id: "a", attempt: 1, duration_ms: 1, result: {} };
    assert.equal(refused([...two, started("a"), succeeded("a")], late), "lease_lost");
  });
});

describe("a run that was interrupted", () => {
  const settle: RunCommand = { ...engine, type: "settle_interrupted", step_id: "a", now_ms: 50 };
  const post = (max_attempts: number): RunEvent =>
    created(plan("a", { op: "http.request", effect: "external_write", max_attempts }));

  it("settles the step that was cut short before anything else", () => {
    const given = [created(plan("a")), claimed, started("a")];
    assert.deepEqual(nextOf(given), { kind: "settle_interrupted", step_id: "a", attempt: 1 });
  });

  it("repeats a read at once, as the same attempt: an engine's death uses up no retry", () => {
    const given = [created(plan("a", { max_attempts: 1 })), claimed, started("a")];
    const after = [...given, ...when(given, settle)];
    assert.deepEqual(nextOf(after, 50), { kind: "perform", step: plan("a", { max_attempts: 1 }), attempt: 1 });
  });

  it("repeats an external write only where its op may be repeated", () => {
    const given = [post(3), claimed, started("a")];
    assert.equal(nextOf([...given, ...when(given, settle)], 50)?.kind, "perform");
  });

  it("fails an external write that must not be repeated with outcome_unknown", () => {
    const given = [post(1), claimed, started("a")];
    const next = nextOf([...given, ...when(given, settle)], 50);
    assert.equal(next?.kind === "fail" && next.code, "outcome_unknown");
  });

  it("gives up on a step that dies every time", () => {
    let given: readonly RunEvent[] = [created(plan("a")), claimed];
    for (let death = 0; death < LIMITS.step_interruptions; death += 1) {
      given = [...given, started("a")];
      given = [...given, ...when(given, settle)];
    }
    const next = nextOf(given, 50);
    assert.equal(next?.kind === "fail" && next.code, "interrupted");
  });

  it("goes to a new engine, and the old one's late writes are refused", () => {
    const given = [created(plan("a")), claimed, started("a")];
    const claim = (change: object): RunCommand => ({
      type: "claim",
      engine_id: "engine_2",
      now_ms: 5,
      takeover: false,
      ...change,
    });
    assert.equal(refused(given, claim({})), "already_claimed");
    const taken = [...given, ...when(given, claim({ takeover: true }))];
    assert.deepEqual(taken.at(-1)?.data, { engine_id: "engine_2", fence: 2 });
    assert.equal(refused(taken, fail()), "lease_lost");
  });

  it("can be claimed without force once a lease has run out", () => {
    const leased: RunEvent = {
      event_type: "run.claimed",
      data: { engine_id: "engine_1", fence: 1, lease_until_ms: 100 },
    };
    const claim = (now_ms: number): RunCommand => ({ type: "claim", engine_id: "engine_2", now_ms, takeover: false });
    assert.equal(refused([created(plan("a")), leased], claim(99)), "already_claimed");
    assert.equal(when([created(plan("a")), leased], claim(100)).length, 1);
  });
});

describe("a cancellation", () => {
  const given = [created(plan("a")), claimed];
  const cancel: RunCommand = { type: "cancel", reason: "enough" };

  it("ends the run at the next look, whatever was still to do", () => {
    assert.deepEqual(nextOf([...given, ...when(given, cancel)]), { kind: "cancel", reason: "enough" });
  });
  it("leaves no retry to a step that fails after it", () => {
    const canceled = [...given, started("a"), ...when(given, cancel)];
    assert.deepEqual(nextOf([...canceled, ...when(canceled, fail())]), { kind: "cancel", reason: "enough" });
  });
  it("is said once, and not of a run that has ended or never was", () => {
    assert.deepEqual(when([...given, ...when(given, cancel)], cancel), []);
    const failed: RunEvent = { event_type: "run.failed", data: { step_id: "a", code: "timeout", message: "slow" } };
    assert.equal(refused([...given, failed], cancel), "run_finished");
    assert.equal(refused([], cancel), "not_found");
  });
});

describe("what a run keeps", () => {
  const running = [created(plan("a")), claimed, started("a")];
  const artifact = { artifact_id: "art_1", name: "r.md", media_type: "text/markdown", bytes: 1, sha256: HASH };

  it("keeps an output once, though the attempt was made again", () => {
    const add: RunCommand = { ...engine, type: "add_artifact", step_id: "a", artifact };
    const given = [...running, ...when(running, add)];
    assert.deepEqual(when(given, { ...add, artifact: { ...artifact, artifact_id: "art_2" } }), []);
  });
  it("keeps a bounded number of log lines and says when it stops", () => {
    let given: readonly RunEvent[] = running;
    const log: RunCommand = { ...engine, type: "log", step_id: "a", level: "info", line: { message: "tick" } };
    for (let line = 0; line < LIMITS.run_log_lines + 10; line += 1) given = [...given, ...when(given, log)];
    const lines = given.filter(({ event_type }) => event_type === "run.log");
    assert.equal(lines.length, LIMITS.run_log_lines + 1);
    const last = lines.at(-1);
    assert.ok(last?.event_type === "run.log" && last.data.line?.message.includes("not kept"));
  });
  it("fails plainly when its plan was deleted before it ended", () => {
    const [first] = running;
    assert.ok(first?.event_type === "run.created");
    const { plan: _, inputs: __, ...rest } = first.data;
    assert.equal(nextOf([{ event_type: "run.created", data: rest }, claimed])?.kind, "fail");
  });
});

describe("the completion note", () => {
  const done = (note_relays: readonly string[]): readonly RunEvent[] => [
    created(plan("a")),
    claimed,
    started("a"),
    succeeded("a"),
    { event_type: "run.completed", data: { note_relays } },
  ];
  it("is all that is left to do after a crash: a run that another engine takes over does not complete again", () => {
    const taken: RunEvent = { event_type: "run.claimed", data: { engine_id: "engine_2", fence: 2 } };
    const given = [...done(["wss://relay.example"]), taken];
    assert.equal(foldAll(runDecider, given).status, "succeeded");
    assert.equal(nextOf(given)?.kind, "post_note");
    assert.equal(refused(given, { engine_id: "engine_2", type: "complete", note_relays: [] }), "run_finished");
  });

  it("is not posted where the owner chose no relay", () => {
    assert.equal(nextOf(done([])), undefined);
  });
  it("is posted until a relay takes it, a bounded number of times, and never changes how the run ended", () => {
    let given = done(["wss://relay.example"]);
    for (let attempt = 1; attempt <= LIMITS.note_attempts; attempt += 1) {
      const now_ms = attempt * 10_000_000;
      assert.deepEqual(nextOf(given, now_ms), { kind: "post_note", relays: ["wss://relay.example"], attempt });
      const failed: RunCommand = { ...engine, type: "note_failed", attempt, code: "timeout", message: "no", now_ms };
      given = [...given, ...when(given, failed)];
    }
    assert.equal(nextOf(given, 1e12), undefined);
    assert.equal(foldAll(runProcess, given).status, "succeeded");
  });
  it("is done with when one relay took it", () => {
    const given = done(["wss://relay.example"]);
    const posted: RunCommand = {
      ...engine,
      type: "note_posted",
      note_event_id: HASH,
      accepted: ["wss://relay.example"],
      refused: [],
    };
    assert.equal(nextOf([...given, ...when(given, posted)]), undefined);
    assert.deepEqual(when([...given, ...when(given, posted)], posted), []);
  });
});
