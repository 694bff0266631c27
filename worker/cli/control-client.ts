import type { Rejection } from "@oa/shared/core/refusal.ts";

/** The control API as a command sees it: paths under `/v1`, JSON in and out; an answer that says no is a rejection. */
export interface ControlClient {
  readonly get: (path: string, signal?: AbortSignal) => Promise<unknown | Rejection>;
  readonly post: (path: string, body: unknown, signal?: AbortSignal) => Promise<unknown | Rejection>;
  readonly close: () => Promise<void>;
}

/** Finds the worker of a data folder: the running daemon over HTTP, else the same app in this process. */
export async function openControlClient(_options: {
  readonly data_dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<ControlClient> {
  throw new Error("no worker yet");
}
