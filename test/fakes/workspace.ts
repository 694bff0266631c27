import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { Fault, isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { getRun, listRuns, type RunView } from "@oa/shared/run/views.ts";
import { openAdminServer } from "@oa/worker/admin/server.ts";
import type { Workspace } from "@oa/worker/engine/join.ts";
import { openLeases } from "@oa/worker/engine/leases.ts";
import type { RunWorld } from "./runs.ts";

export const TOKEN = "t".repeat(43);

/** A world's leases and runs behind the real server. */
export function serveWorld(world: RunWorld): ReturnType<typeof openAdminServer> {
  const { worker } = world.options.config;
  const ports: Partial<ControlPorts> = {
    worker: { describe: async () => ({ worker }) as never },
    leases: openLeases(world.options),
    runs: {
      list: ({ limit }) => listRuns(world.database, { limit }),
      get: () => reject("not_found", "not served"),
      steps: () => reject("not_found", "not served"),
      start: async () => reject("not_found", "not served"),
      pause: async () => reject("not_found", "not served"),
      resume: async () => reject("not_found", "not served"),
      cancel: async () => reject("not_found", "not served"),
    },
    report: (error) => world.reports.push(error),
  };
  const absent = new Proxy({}, { get: () => () => reject("not_found", "not served") });
  const names = ["installs", "events", "market", "schedule", "audit", "pairings"];
  const rest = Object.fromEntries(names.map((name) => [name, absent]));
  return openAdminServer(controlApp({ ...rest, ...ports } as unknown as ControlPorts), { port: 0, token: TOKEN });
}

/** A new run of a manifest that the world installs for it. */
export async function startRun(
  world: RunWorld,
  manifest: UpgradeManifest,
  inputs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const run = await world.engine.start(world.install(manifest, inputs), "manual");
  assert.ok(!isRejection(run), JSON.stringify(run));
  return run.run_id;
}

/** The run once it has come that far; fails where it has not for long. */
export async function untilRun(
  { database }: RunWorld,
  run_id: string,
  reached: (run: RunView) => boolean,
): Promise<RunView> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const run = getRun(database, run_id);
    if (run !== null && reached(run)) return run;
    await delay(10);
  }
  throw new Error(`it never came to that: ${JSON.stringify(getRun(database, run_id))}`);
}

/** The workspace behind a server, as an engine elsewhere reaches it. */
export function workspaceAt(url: string, token: string, lease_ms: number): Workspace {
  return {
    lease_ms,
    post: async <T extends object>(path: string, body: object, signal: AbortSignal) => {
      const response = await fetch(new URL(path, url), {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal,
      }).catch((cause: unknown) => {
        throw new Fault("unreachable", `${url} does not answer`, { cause });
      });
      const value = (await response.json()) as T & { readonly error: { code: ReasonCode; message: string } };
      return response.ok ? value : reject(value.error.code, value.error.message);
    },
  };
}
