import { createHash, randomBytes } from "node:crypto";
import type { Actor } from "@oa/shared/api/actor.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { refuseRun } from "@oa/shared/capability/scope.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlRunStep } from "@oa/shared/generated/types.ts";
import { type EngineCommand, type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { claimableRuns } from "@oa/shared/run/views.ts";
import type { EngineOptions } from "../engine.ts";
import { noteRelays } from "./note.ts";

type LeaseOptions = Pick<EngineOptions, "store" | "database" | "clock" | "random" | "config" | "kill_switch">;
const CLAIM_TRIES = 8;

/** The workspace's side of leases: engines of other processes claim runs and write what they did. */
export function openLeases(options: LeaseOptions): ControlPorts["leases"] {
  const { store, database, clock, random, config } = options;
  const append = (run_id: string, engine_id: string, command: RunCommand, by: Actor | undefined) => {
    const { actor_type, actor_id } = by?.scope ? by : ({ actor_type: "service", actor_id: engine_id } as const);
    const context: EventContext = {
      now_ms: clock.now_ms(),
      workspace_id: config.workspace_id,
      stream_type: "workspace",
      stream_id: config.workspace_id,
      actor_type,
      actor_id,
      correlation_id: run_id,
    };
    return database.commit(() => store.handle(context, [task(runDecider, run_id, command)]));
  };

  /** Writes for the engine whose token this is, and gives the events; the decider says whether it holds the run. */
  const held = async (
    run_id: string,
    token: string | undefined,
    by: Actor | undefined,
    ask: () => EngineCommand,
  ): Promise<object | Rejection> => {
    if (token === undefined) return reject("missing_claim_token", "send the claim_token that the claim gave");
    const { created, claim } = store.load(runDecider, run_id);
    if (created === null) return reject("not_found", `there is no run ${run_id}`);
    if (claim === null) return reject("lease_lost", "nobody holds the run: claim it again");
    if (claim.token_sha256 === null) return reject("lease_token_mismatch", "the worker carries the run out itself");
    const lease = { token_sha256: hashOf(token, by), now_ms: clock.now_ms() };
    const command = { ...ask(), engine_id: claim.engine_id, lease };
    const recorded = await append(run_id, claim.engine_id, command, by);
    return isRejection(recorded) ? recorded : { events: recorded };
  };

  /** The workspace's own switch holds for whoever carries its runs out. */
  const stopped = (run_id: string, command: ControlRunStep["command"]): Rejection | null => {
    if (command.type !== "start_step" || !options.kill_switch.isOn()) return null;
    const step = store.load(runDecider, run_id).steps.find(({ plan }) => plan.step_id === command.step_id);
    if (step?.plan.effect !== "external_write") return null;
    return reject("kill_switch_active", `the kill switch is on: step ${command.step_id} is not started`);
  };

  const leaseUntil = (lease_ms: number = LIMITS.run_lease_ms): number => clock.now_ms() + lease_ms;

  return {
    claim: async ({ engine_id, manifests, lease_ms }, by) => {
      for (const run_id of claimableRuns(database, manifests, clock.now_ms(), CLAIM_TRIES)) {
        const { created } = store.load(runDecider, run_id);
        if (by?.scope && (created === null || refuseRun(by.scope, created) !== null)) continue;
        const claim_token = randomBytes(32).toString("base64url");
        const until_ms = leaseUntil(lease_ms);
        const lease = { until_ms, token_sha256: hashOf(claim_token, by) };
        const claim: RunCommand = { type: "claim", engine_id, now_ms: clock.now_ms(), takeover: false, lease };
        const recorded = await append(run_id, engine_id, claim, by);
        if (isRejection(recorded)) continue; // somebody was faster
        const { fence } = store.load(runDecider, run_id);
        return { run_id, claim_token, fence, lease_until_ms: until_ms };
      }
      return { run_id: null };
    },
    heartbeat: async (id, { claim_token, lease_ms }, by) => {
      const now_ms = clock.now_ms();
      const lease_until_ms = leaseUntil(lease_ms);
      const done = await held(id, claim_token, by, () => ({ type: "extend_lease", lease_until_ms, now_ms }));
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
    release: (id, { claim_token, reason = "given back" }, by) =>
      held(id, claim_token, by, () => ({ type: "release", reason })),
    start: async (id, { claim_token, manifest_sha256, permission_hash }, by) => {
      const done = await held(id, claim_token, by, () => ({ type: "start", manifest_sha256, permission_hash }));
      return isRejection(done) ? done : { events: store.bySubject(id) };
    },
    step: async (id, { claim_token, command }, by) =>
      stopped(id, command) ?? held(id, claim_token, by, () => whole(id, command, clock.now_ms(), random)),
    complete: (id, { claim_token }, by) =>
      held(id, claim_token, by, () => ({
        type: "complete",
        note_relays: noteRelays(options, store.load(runDecider, id)),
      })),
    fail: (id, { claim_token, step_id, code, message }, by) =>
      held(id, claim_token, by, () =>
        store.load(runDecider, id).cancel_reason === null
          ? { type: "fail", step_id, code, message }
          : { type: "finish_canceled" },
      ),
  };
}

/** The engine's command with what only the workspace may say. */
function whole(
  run_id: string,
  command: ControlRunStep["command"],
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
