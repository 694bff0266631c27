import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Json } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { redact } from "@oa/shared/core/secrets.ts";
import { resolveWiring } from "@oa/shared/core/wiring.ts";
import type { FixtureFile } from "@oa/shared/generated/types.ts";
import type { Plan, PlannedStep } from "@oa/shared/upgrade/plan.ts";
import type { Clock } from "../adapters/clock.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import type { OwnState } from "../adapters/own-states.ts";
import type { ConfinedProcesses } from "../adapters/process.ts";
import { textOf } from "../adapters/utf8.ts";
import { OPS } from "../ops/index.ts";
import type { Op } from "../ops/op.ts";
import type { SearchIndexes } from "../searchkit/indexes.ts";
import type { FixtureWorld } from "./fixtures.ts";
import { openGate } from "./gate.ts";
import { contractOf, type Outcome, perform } from "./perform.ts";

/** The same in every test, so that what a run writes is the same too. */
const RUN_ID = "run_00000000000000000000000000";

export interface RehearsedStep {
  readonly step_id: string;
  readonly op: string;
  readonly status: "succeeded" | "failed" | "not_run";
  readonly result?: Readonly<Record<string, unknown>>;
  readonly code?: string;
  readonly message?: string;
}

/** Performs a plan's steps once, in order, with a world of fixtures, in the home folder the plan was made for. */
export async function rehearse(
  plan: Plan,
  options: {
    readonly world: FixtureWorld;
    readonly home: string;
    /** What it keeps for itself. */
    readonly state: OwnState;
    readonly processes: ConfinedProcesses;
    readonly indexes: SearchIndexes;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly report: (error: unknown) => void;
  },
): Promise<readonly RehearsedStep[]> {
  const results = new Map<string, Json>();
  const done: RehearsedStep[] = [];
  for (const step of plan.steps) {
    const { id: step_id, op } = step;
    if (done.some(({ status }) => status !== "succeeded")) {
      done.push({ step_id, op, status: "not_run" });
      continue;
    }
    const outcome = await act(step, plan, results, options);
    if (outcome.kind === "succeeded") {
      results.set(step_id, outcome.result as Json);
      done.push({ step_id, op, status: "succeeded", result: outcome.result });
    } else {
      const { code, message } = outcome.kind === "failed" ? outcome : { code: "canceled", message: "stopped" };
      done.push({ step_id, op, status: "failed", code, message });
    }
  }
  return done;
}

async function act(
  step: PlannedStep,
  plan: Plan,
  results: ReadonlyMap<string, Json>,
  { world, home, state, processes, indexes, clock, signal, report }: Parameters<typeof rehearse>[1],
): Promise<Outcome> {
  const { id: step_id, op, effect, timeout_ms } = step;
  const table: Readonly<Record<string, Op<never, object> | undefined>> = { ...OPS, "git.clone": world.gitClone };
  const [run, contract] = [table[op], contractOf(op)];
  const failed = (error: Fault): Outcome => ({ ...error, kind: "failed", message: error.message });
  if (run === undefined || contract === undefined) return failed(new Fault("not_found", `there is no op ${op}`));
  let params: Readonly<Record<string, unknown>>;
  try {
    // No secret is in a test: its name stands for it.
    const secret = (name: string): string => `secret-${name}`;
    const scope = { inputs: plan.inputs as never, steps: results, run: { id: RUN_ID }, secret };
    params = resolveWiring(step.params, scope) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof Fault) return failed(error);
    throw error;
  }
  return perform({
    ...{ run_id: RUN_ID, params, contract, clock, report, redact, grant: plan.grant, op: run, signals: [signal] },
    plan: { step_id, op, params: step.params, effect, timeout_ms, max_attempts: 1, backoff_ms: 0 },
    idempotency_key: `${RUN_ID}/${step_id}`,
    gate: openGate(clock),
    deadline_ms: null,
    effects: {
      ...{ processes, indexes, backends: world.backends, events: world.events },
      files: openGrantedFiles(plan.grant, { home, state }),
      egress: world.egress(plan.grant),
    },
    log: () => {},
    progress: () => {},
    artifact: async (name, media_type, bytes) => {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return { artifact_id: "art_00000000000000000000000000", name, media_type, bytes: bytes.length, sha256 };
    },
  });
}

/** Every file below a folder of the test, clones left out, by path; `as` comes before each. */
export async function filesOf(home: string, clones: readonly string[], as = ""): Promise<readonly FixtureFile[]> {
  const tree = await openGrantedFiles([`filesystem:read:${home}/**`], { home }).tree(home);
  const files: FixtureFile[] = [];
  for await (const { path } of tree.list(new AbortController().signal)) {
    if (clones.some((clone) => `${home}/${path}`.startsWith(`${clone}/`))) continue;
    const content = await readFile(`${home}/${path}`);
    const text = content.length > LIMITS.fixture_text_chars ? null : textOf(content);
    const sha256 = createHash("sha256").update(content).digest("hex");
    files.push({ path: as + path, sha256, ...(text === null ? {} : { text }) });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}
