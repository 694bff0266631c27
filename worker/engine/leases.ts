import { createHash, randomBytes } from "node:crypto";
import type { Actor } from "@oa/shared/api/actor.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { refuseRun } from "@oa/shared/capability/scope.ts";
import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { knownReason } from "@oa/shared/core/reasons.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlRunStep, ControlStepNext } from "@oa/shared/generated/types.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { type EngineCommand, type LeaseProof, type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { succeedAndStart } from "@oa/shared/run/onward.ts";
import { isFinished, type RunState, runProcess } from "@oa/shared/run/process.ts";
import { claimableRuns } from "@oa/shared/run/views.ts";
import { isRemoved, REMOVED } from "./drive.ts";
import { refuseTaken } from "./judge.ts";
import { noteRelays } from "./note.ts";
import type { EngineOptions } from "./options.ts";
import { identity } from "./own-release.ts";

type LeaseOptions = Pick<EngineOptions, "store" | "database" | "clock" | "random" | "config" | "kill_switch">;
const CLAIM_TRIES = 8;

/** Who writes under the lease, as the workspace knows it. */
interface Holder {
  readonly engine_id: string;
  readonly lease: LeaseProof;
}

/** What an engine shows with a call. */
interface Shown {
  readonly claim_token?: string | undefined;
  readonly idempotency_key?: string;
}

/** The workspace's side of leases: engines of other processes claim runs and write what they did. */
export function openLeases(options: LeaseOptions): ControlPorts["leases"] {
  const { store, database, clock, random, config } = options;
  const append = (run_id: string, engine_id: string, asked: Task, by: Actor | undefined, once: object = {}) => {
    const { actor_type, actor_id } = by?.scope ? by : ({ actor_type: "service", actor_id: engine_id } as const);
    const about = { now_ms: clock.now_ms(), actor_type, actor_id, correlation_id: run_id };
    const context = inWorkspace(config.workspace_id, about);
    return database.commit(() => store.handle({ ...context, ...once }, [asked]));
  };

  /**
   * Writes for the engine whose token this is, and gives the events; the decider says whether it holds the run. What it
   * sends again under the same key is written once.
   */
  const heldTask = async (
    run_id: string,
    { claim_token: token, idempotency_key }: Shown,
    by: Actor | undefined,
    ask: (holder: Holder) => Task,
  ): Promise<object | Rejection> => {
    if (token === undefined) return reject("missing_claim_token", "send the claim_token that the claim gave");
    const state = store.load(runDecider, run_id);
    const { created, claim } = state;
    if (created === null) return reject("not_found", `there is no run ${run_id}`);
    if (claim === null) return reject("lease_lost", "nobody holds the run: claim it again");
    if (claim.token_sha256 === null) return reject("lease_token_mismatch", "the worker carries the run out itself");
    const lease = { token_sha256: hashOf(token, by), now_ms: clock.now_ms() };
    // Who no longer holds the run is told so, whatever was recorded under its key.
    const holds = lease.token_sha256 === claim.token_sha256 && (claim.lease_until_ms ?? 0) > lease.now_ms;
    const once =
      idempotency_key === undefined || !holds
        ? {}
        : { idempotency_key: `lease/${run_id}/${claim.fence}/${idempotency_key}` };
    if (holds && state.cancel_reason === null && !isFinished(state) && isRemoved(store.load, state)) {
      await append(run_id, claim.engine_id, task(runDecider, run_id, REMOVED), by);
    }
    const recorded = await append(run_id, claim.engine_id, ask({ engine_id: claim.engine_id, lease }), by, once);
    return isRejection(recorded) ? recorded : { events: recorded };
  };
  const held = (
    run_id: string,
    shown: Shown,
    by: Actor | undefined,
    ask: () => EngineCommand,
  ): Promise<object | Rejection> =>
    heldTask(run_id, shown, by, (holder) => task(runDecider, run_id, { ...ask(), ...holder }));

  /** What the workspace has against the start of a step, whoever carries its runs out; null: nothing. */
  const refuseStep = (
    load: EventStore["load"],
    state: RunState,
    { step_id, params }: ControlStepNext,
  ): Rejection | null => {
    const { plan } = state.steps.find((step) => step.plan.step_id === step_id) ?? {};
    if (plan === undefined) return null;
    const taken = refuseTaken(load, { state, plan, params }, config.home);
    if (taken !== null) return taken;
    if (plan.effect === "external_write" && options.kill_switch.isOn()) {
      return reject("kill_switch_active", `the kill switch is on: step ${step_id} is not started`);
    }
    const { install_id = null } = state.created ?? {};
    const { quarantine = null } = install_id === null ? {} : load(conductDecider, conductSubject(install_id));
    return quarantine && reject("install_quarantined", `the install is quarantined: ${quarantine.reason}`);
  };

  /** What an engine did of a step; with a success, the start of the next where that may start. */
  const stepTask =
    (run_id: string, command: ControlRunStep["command"]) =>
    (holder: Holder): Task => ({
      subject_id: run_id,
      run: (load) => {
        const state = load(runDecider, run_id);
        const now_ms = clock.now_ms();
        if (command.type === "start_step") {
          const why = refuseStep(load, state, command) ?? refuseStart(state, now_ms);
          if (why !== null) return why;
        }
        if (command.type === "succeed_step") {
          const { next, ...success } = command;
          const bytes = Buffer.byteLength(JSON.stringify(success.result));
          if (bytes > LIMITS.step_result_bytes) {
            const over = `over the limit of ${LIMITS.step_result_bytes}`;
            return reject("too_large", `the result of step ${success.step_id} is ${bytes} bytes, ${over}`);
          }
          const done = { ...success, ...holder };
          const alone = next === undefined || refuseStep(load, state, next) !== null;
          if (alone) return runDecider.decide(state, done);
          return succeedAndStart(state, done, { type: "start_step", run_id, ...next, ...holder }, now_ms);
        }
        return runDecider.decide(state, { ...whole(run_id, command, now_ms, random), ...holder });
      },
    });

  const leaseUntil = (lease_ms: number = LIMITS.run_lease_ms): number => clock.now_ms() + lease_ms;

  return {
    claim: async ({ engine_id, manifests, lease_ms, except = [] }, by) => {
      const left_out = new Set(except.map(identity));
      // Those that are not for this engine must not hide the one that is.
      const tries = by?.scope || left_out.size > 0 ? LIMITS.runs_queued : CLAIM_TRIES;
      for (const run_id of claimableRuns(database, manifests, clock.now_ms(), tries)) {
        const { created } = store.load(runDecider, run_id);
        if (created === null || left_out.has(identity(created))) continue;
        if (by?.scope && refuseRun(by.scope, created) !== null) continue;
        const claim_token = randomBytes(32).toString("base64url");
        const until_ms = leaseUntil(lease_ms);
        const lease = { until_ms, token_sha256: hashOf(claim_token, by) };
        const claim: RunCommand = { type: "claim", engine_id, now_ms: clock.now_ms(), takeover: false, lease };
        const recorded = await append(run_id, engine_id, task(runDecider, run_id, claim), by);
        if (isRejection(recorded)) continue; // somebody was faster
        const { fence } = store.load(runDecider, run_id);
        const { manifest_sha256, permission_hash } = created;
        return { run_id, claim_token, fence, lease_until_ms: until_ms, manifest_sha256, permission_hash };
      }
      return { run_id: null };
    },
    heartbeat: async (id, { claim_token, lease_ms }, by) => {
      const now_ms = clock.now_ms();
      const lease_until_ms = leaseUntil(lease_ms);
      const done = await held(id, { claim_token }, by, () => ({ type: "extend_lease", lease_until_ms, now_ms }));
      if (isRejection(done)) return done;
      const { claim, cancel_reason, paused } = store.load(runDecider, id);
      // Two machines' clocks need not agree: what is left of it is told too.
      const until_ms = claim?.lease_until_ms ?? now_ms;
      return {
        lease_until_ms: until_ms,
        lease_left_ms: until_ms - now_ms,
        cancel_reason,
        paused,
        kill_switch: options.kill_switch.isOn(),
      };
    },
    release: (id, { reason = "given back", ...shown }, by) => held(id, shown, by, () => ({ type: "release", reason })),
    start: async (id, { claim_token, manifest_sha256, permission_hash }, by) => {
      const done = await held(id, { claim_token }, by, () => ({ type: "start", manifest_sha256, permission_hash }));
      return isRejection(done) ? done : { events: store.bySubject(id) };
    },
    step: (id, { command, ...shown }, by) => heldTask(id, shown, by, stepTask(id, command)),
    complete: (id, shown, by) =>
      held(id, shown, by, () => ({
        type: "complete",
        note_relays: noteRelays(options, store.load(runDecider, id)),
      })),
    fail: (id, { step_id, code, message, ...shown }, by) =>
      held(id, shown, by, () =>
        store.load(runDecider, id).cancel_reason === null
          ? { type: "fail", step_id, code, message }
          : { type: "finish_canceled" },
      ),
  };
}

/** Why no step of the run may start now, whichever it is; null: one may. */
function refuseStart(state: RunState, now_ms: number): Rejection | null {
  const due = runProcess.next(state, now_ms);
  if (due?.kind === "cancel") return reject("canceled", `the run was canceled: ${due.reason}`);
  if (due?.kind === "fail" && due.step_id === null) return reject(knownReason(due.code, "internal"), due.message);
  if (due !== undefined || state.paused === null) return null;
  return reject("run_paused", `the run is paused: ${state.paused.reason}`);
}

/** The engine's command with what only the workspace may say. */
function whole(
  run_id: string,
  command: Exclude<ControlRunStep["command"], { readonly type: "succeed_step" }>,
  now_ms: number,
  random: EngineOptions["random"],
): EngineCommand {
  switch (command.type) {
    case "start_step":
      return { ...command, run_id };
    case "fail_step":
      return { ...command, now_ms, jitter: (random(1)[0] ?? 0) / 256 };
    case "settle_interrupted":
      return { ...command, now_ms };
    default:
      return command;
  }
}

/** A claim made with a capability token is of no use with another one. */
function hashOf(claim_token: string, by: Actor | undefined): string {
  const whose = by?.scope ? ` ${by.actor_id}` : "";
  return createHash("sha256").update(`${claim_token}${whose}`).digest("hex");
}
