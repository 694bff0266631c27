import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { ApprovalView } from "@oa/shared/approval/views.ts";
import { listApprovals } from "@oa/shared/approval/views.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlApprovalDecision, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { approvalsPort } from "@oa/worker/admin/approvals.ts";
import { contextOf, fakeClock, manifestOf, type Ops, openRunWorld, type RunWorld } from "./runs.ts";

export interface GateWorld extends RunWorld {
  /** `jump`: time that has passed while nothing was awake. */
  readonly clock: ReturnType<typeof fakeClock> & { readonly jump: (ms: number) => Promise<void> };
  readonly approvals: ControlPorts["approvals"];
  /** The requests that were really made, `METHOD URL`. */
  readonly made: string[];
  readonly start: (install_id: string) => Promise<string>;
  /** What waits for the owner. */
  readonly asked: () => readonly ApprovalView[];
  readonly decide: (approval_id: string, decision: ControlApprovalDecision) => Promise<ApprovalView | Rejection>;
  readonly stop: () => Promise<void>;
}

/** An engine at work on a clock that stands still, whose `http.request` only notes what it was asked to do. */
export function openGateWorld(
  options: {
    readonly says?: () => string;
    readonly ops?: Ops;
    readonly path?: string;
  } & Omit<Parameters<typeof openRunWorld>[0], "ops" | "path" | "clock"> = {},
): GateWorld {
  const made: string[] = [];
  const { says = () => "hello", ops = {}, ...rest } = options;
  const request = async ({ url, method = "GET" }: { readonly url: string; readonly method?: string }) => {
    made.push(`${method} ${url}`);
    const body = says();
    return { status: 200, url, headers: {}, body, encoding: "utf8", bytes: body.length };
  };
  const inner = fakeClock();
  let jumped_ms = 0;
  const clock: GateWorld["clock"] = {
    ...inner,
    now_ms: () => inner.now_ms() + jumped_ms,
    jump: async (ms) => {
      jumped_ms += ms;
      await inner.pass(1_000);
    },
  };
  const world = openRunWorld({ clock, ops: { "http.request": request, ...ops } as unknown as Ops, ...rest });
  const { store, database } = world;
  const approvals = approvalsPort({
    ...{ sql: database, store, now_ms: clock.now_ms },
    decideAll: (id, tasks) => database.commit(() => store.handle(contextOf(clock.now_ms(), id), tasks)),
  });
  const stop = new AbortController();
  const loop = world.engine.loop(stop.signal);
  return {
    ...{ ...world, clock, approvals, made },
    start: async (install_id) => {
      const started = await world.engine.start(install_id, "manual");
      if (isRejection(started)) throw new Error(`${started.code}: ${started.message}`);
      await clock.pass(0);
      return started.run_id;
    },
    asked: () => listApprovals(database, { limit: 100, status: "requested" }),
    decide: async (id, decision) => {
      const done = (await approvals.decide(id, decision)) as ApprovalView | Rejection;
      await clock.pass(1_000);
      return done;
    },
    stop: async () => {
      stop.abort();
      await loop;
      world.close();
    },
  };
}

export const hosts = (...network: string[]) => ({ network, tools: ["http.request"] });
export const LOOK = { id: "look", op: "http.request", url: "https://a.example/state" } as const;
const FOLLOW = { id: "follow", op: "http.request", method: "POST", url: "${steps.look.body}", body: "hi" } as const;

/** Reads where to write, then writes there: what consent cannot know. */
export const FOLLOWS: UpgradeManifest = manifestOf([LOOK, FOLLOW], hosts("a.example", "b.example", "c.example"));
