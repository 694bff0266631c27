import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openEgress } from "@oa/worker/adapters/egress.ts";
import { openProcesses } from "@oa/worker/adapters/process.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import type { OpContext } from "@oa/worker/ops/op.ts";
import { writeTinyLlama } from "./gguf.ts";

/** Work outside this process that goes on until somebody ends it, and how to see whether it goes on. */
export interface LongWork {
  readonly name: string;
  readonly act: (context: OpContext) => Promise<unknown>;
  readonly isRunning: () => boolean;
}

/** A tree of child processes, a server's generation, a download and a real model's generation, none of which ends by itself. */
export async function openLongWork(
  folder: string,
): Promise<{ readonly works: readonly LongWork[]; readonly close: () => Promise<void> }> {
  const asked = new Set<string>();
  const server = createServer((request, response) => {
    const kind = request.url === "/v1/chat/completions" ? "model" : "download";
    asked.add(kind);
    response.on("close", () => asked.delete(kind));
    request.resume();
    const drip = kind === "model" ? undefined : setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(drip));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gguf = join(folder, "tiny-llama.gguf");
  writeTinyLlama(gguf);
  const backends = openModelBackends({
    ollama: { base_url: `http://${host}/v1`, generate_model: "m" },
    "llama.cpp": { generate_model_path: gguf, threads: 1 },
  });
  const asking = { prompt: "?", temperature: null, model: null } as const;
  const egress = openEgress([`network:egress:${host}`], { private_allow: [host] });
  const pids = join(folder, "pids");
  // The grandchild writes down itself and its parent once it is deaf, so that the whole tree is there from then on.
  const deaf = `process.on("SIGTERM", () => {});
    require("fs").writeFileSync(${JSON.stringify(pids)}, process.pid + " " + process.ppid); setInterval(() => {}, 1e3)`;
  const tree = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(deaf)}], { detached: true });
    setInterval(() => {}, 1e3)`;
  const limits = { timeout_ms: 60_000, max_output_bytes: 1_000 };
  const works: readonly LongWork[] = [
    {
      name: "a tree of child processes, one of which ignores the polite signal",
      act: async ({ signal }) => {
        writeFileSync(pids, "");
        return openProcesses().run(process.execPath, ["-e", tree], { ...limits, signal });
      },
      isRunning: () => (existsSync(pids) ? readFileSync(pids, "utf8").split(" ").some(isAlive) : false),
    },
    {
      name: "a server's generation",
      act: ({ signal }) => backends.generate({ ...asking, backend: "ollama", max_tokens: 10, signal }),
      isRunning: () => asked.has("model"),
    },
    {
      name: "a download",
      act: ({ signal }) =>
        egress.fetch({
          ...{ url: `http://${host}/`, method: "GET", headers: {}, signal },
          ...{ timeout_ms: 60_000, max_bytes: 1_000_000 },
        }),
      isRunning: () => asked.has("download"),
    },
    {
      name: "the generation of a model on this machine",
      act: ({ signal }) =>
        backends
          .generate({
            ...{ ...asking, backend: "llama.cpp", max_tokens: 1_000_000, signal },
            progress: () => void asked.add("llama"),
          })
          // Its process has said that it stopped, or has ended.
          .finally(() => asked.delete("llama")),
      isRunning: () => asked.has("llama"),
    },
  ];
  return {
    works,
    close: async () => {
      await backends.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isAlive(text: string): boolean {
  const pid = Number(text);
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    // A zombie that nobody has reaped yet has ended too.
    return process.platform !== "linux" || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits for a state of things, looking every few milliseconds. */
export async function until(reached: () => boolean): Promise<void> {
  for (let tries = 0; !reached(); tries += 1) {
    if (tries > 4_000) throw new Error("it never came to that");
    await delay(5);
  }
}
