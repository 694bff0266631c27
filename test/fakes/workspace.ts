import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { Fault, reject } from "@oa/shared/core/refusal.ts";
import { listRuns } from "@oa/shared/run/views.ts";
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
