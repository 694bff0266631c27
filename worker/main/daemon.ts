import { join } from "node:path";
import { controlApp } from "@oa/shared/api/app.ts";
import type { Fault } from "@oa/shared/core/refusal.ts";
import type { WorkerConfig } from "@oa/shared/generated/types.ts";
import { loadOrCreateToken, removeDaemonFile, writeDaemonFile } from "../adapters/daemon-file.ts";
import { openAdminServer } from "../admin/server.ts";
import { readConfig } from "../config.ts";
import { openWorker } from "../main.ts";

/** A worker that runs until it is closed, with its control API on 127.0.0.1. */
export interface Daemon {
  readonly url: string;
  readonly pid: number;
  readonly token_path: string;
  /** The worker's public key. */
  readonly worker: string;
  readonly broken: Promise<Fault>;
  readonly close: () => Promise<void>;
}

/** Starts the daemon of a data folder, whose lock the caller holds. Faults: config_invalid, port_in_use. */
export async function startDaemon(request: {
  readonly data_dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: Omit<WorkerConfig, "$schema">;
}): Promise<Daemon> {
  const { data_dir } = request;
  await removeDaemonFile(data_dir);
  const config = await readConfig(data_dir, request.env, request.options);
  const token_path = join(data_dir, "admin-token");
  const token = await loadOrCreateToken(token_path);
  const worker = await openWorker(config, token);
  // A promise that some library forgot must not end a night's work.
  process.on("unhandledRejection", worker.report);
  try {
    const server = await openAdminServer(controlApp(worker.ports), {
      ...{ port: config.port, token },
      authorize: worker.authorize,
    });
    const { url, port } = server;
    const { pid } = process;
    await writeDaemonFile(data_dir, { pid, port, url, token_path, started_at: new Date().toISOString() });
    worker.start();
    return {
      ...{ url, pid, token_path, worker: worker.public_key, broken: worker.broken },
      close: async () => {
        await removeDaemonFile(data_dir);
        await server.close();
        await worker.close();
      },
    };
  } catch (error) {
    await worker.close();
    throw error;
  }
}
