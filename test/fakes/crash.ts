import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Op, OpContext } from "@oa/worker/ops/op.ts";
import { manifestOf } from "./runs.ts";

/** A read, a write outside that its server recognises by key, and a local write, each wired to the one before. */
export const CRASH_MANIFEST = manifestOf(
  [
    { op: "http.request", id: "fetch", url: "https://api.example/" },
    { op: "http.request", id: "post", url: "https://api.example/", method: "POST", body: "${steps.fetch.body}" },
    { op: "fs.write", id: "keep", path: "/data/out.txt", content: "${steps.post.body}" },
  ],
  { network: ["api.example"], filesystem: ["/data/**"], tools: ["http.request", "fs.write"] },
);

/**
 * Ops that leave traces in a folder: `acts` has a line for every time one acted, `server` a line for every request the
 * server carried out, which is once for each idempotency key.
 */
export function crashOps(folder: string): Readonly<Record<string, Op<never, object>>> {
  const acts = join(folder, "acts");
  const act = async ({ step_id }: OpContext): Promise<void> => {
    appendFileSync(acts, `${step_id}\n`);
    await delay(3);
  };
  const request = async (params: { readonly method?: string; readonly body?: string }, context: OpContext) => {
    await act(context);
    if (params.method === "POST") {
      const server = join(folder, "server");
      if (!linesOf(server).includes(context.idempotency_key)) appendFileSync(server, `${context.idempotency_key}\n`);
      await delay(3);
    } else {
      context.log("info", "fetching");
      await context.artifact("page.html", "text/html", new Uint8Array(4));
    }
    const body = params.body ?? "page";
    return { status: 200, url: "https://api.example/", headers: {}, body, encoding: "utf8", bytes: body.length };
  };
  const write = async (params: { readonly content: string }, context: OpContext) => {
    await act(context);
    writeFileSync(join(folder, "out.txt"), params.content);
    return { path: "/data/out.txt", bytes: params.content.length, sha256: "e".repeat(64) };
  };
  return { "http.request": request as Op<never, object>, "fs.write": write as Op<never, object> };
}

export function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
