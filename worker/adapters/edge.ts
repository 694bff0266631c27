import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Fault } from "@oa/shared/core/refusal.ts";
import { Log, LogLevel, Miniflare } from "miniflare";
import { buildEdge } from "./edge-build.ts";
import { loadOrCreateKey } from "./keys.ts";
import { makeFolder } from "./make-folder.ts";
import { guardWorkerd } from "./workerd-guard.ts";

export interface RunningEdge {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** `ws://127.0.0.1:<port>/`. */
  readonly relay_url: string;
  readonly close: () => Promise<void>;
}

export interface EdgeOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Where the Durable Objects' databases live. */
  readonly data_dir: string;
  /** The checkout. */
  readonly root: string;
  /** Extra text bindings, for a benchmark. */
  readonly bindings?: Readonly<Record<string, string>>;
  /** JavaScript to start in place of the edge's own module, which it imports as `./index.js`: a test's faults. */
  readonly entry?: string;
  /** What the edge writes to its log; stderr where absent. */
  readonly log?: (line: string) => void;
}

const NAME = "openagents-upgrades";
const COMPATIBILITY_DATE = "2026-06-01";
/** As in wrangler.toml, which says why. */
const COMPATIBILITY_FLAGS = ["no_web_socket_compression"];
const OBJECTS = {
  RELAY_DOOR: "RelayDoor",
  RELAY_SHARD: "RelayShard",
  CATALOG: "Catalog",
  MAILBOX: "Mailbox",
  RECEIPTS: "Receipts",
  REPUTATION: "Reputation",
  UPSTREAMS: "Upstreams",
  MODERATION: "Moderation",
};
/** On the owner's own machine the development Lightning node's payments count too. */
const OWN_BINDINGS = { LIGHTNING_NETWORKS: "bitcoin,regtest" };

/**
 * Starts the edge in workerd on 127.0.0.1, building its bundle first where the sources have changed. Throws a Fault:
 * port_in_use, or what the build failed with.
 */
export async function startEdge(options: EdgeOptions): Promise<RunningEdge> {
  const { root, data_dir } = options;
  await makeFolder(data_dir);
  const modules = await readModules(await buildEdge(root));
  const { secret_key } = await loadOrCreateKey(data_dir, "edge", null);
  const bindings = { ...OWN_BINDINGS, EDGE_KEY: Buffer.from(secret_key).toString("hex"), ...options.bindings };
  const own = { ...options, bindings };
  await assertFree(options.port);
  const guard = guardWorkerd();
  const miniflare = keepingSignals(() => new Miniflare(configuration(own, modules)));
  const close = async (): Promise<void> => {
    await miniflare.dispose();
    guard.end();
  };
  try {
    const port = Number((await miniflare.ready).port);
    const url = `http://127.0.0.1:${port}`;
    // Nothing runs a schedule here as Cloudflare does: being asked starts the object that keeps its own.
    await (await miniflare.dispatchFetch(`${url}/v1/upstreams`)).body?.cancel();
    return {
      url,
      relay_url: `${url.replace("http", "ws")}/`,
      close,
    };
  } catch (error) {
    await close().catch(() => undefined); // the start's own failure says more
    throw new Fault("internal", "workerd could not start the edge", { cause: error });
  }
}

/** Miniflare would end the process itself on a signal; whoever started the edge decides that, and closes it first. */
function keepingSignals<T>(start: () => T): T {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const before = signals.map((signal) => new Set(process.listeners(signal)));
  const started = start();
  for (const [index, signal] of signals.entries()) {
    for (const listener of process.listeners(signal)) {
      if (before[index]?.has(listener) === false) process.removeListener(signal, listener);
    }
  }
  return started;
}

function configuration(options: EdgeOptions, modules: Modules): ConstructorParameters<typeof Miniflare>[0] {
  const { port, data_dir, bindings = {}, entry } = options;
  const log = options.log ?? ((line: string) => void process.stderr.write(`edge: ${line}\n`));
  const objects = Object.entries(OBJECTS).map(
    ([binding, exportName]) => [binding, { type: "durable-object" as const, worker: NAME, exportName }] as const,
  );
  const texts = Object.entries(bindings).map(([name, value]) => [name, { type: "text" as const, value }] as const);
  const classes = Object.values(OBJECTS).map(
    (name) => [name, { type: "durable-object" as const, storage: "sqlite" as const }] as const,
  );
  return {
    host: "127.0.0.1",
    port,
    resourcePersistencePath: data_dir,
    cf: false,
    enableDevRegistry: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: ({ message }) => log(message),
    workers: [
      {
        config: {
          name: NAME,
          compatibilityDate: COMPATIBILITY_DATE,
          compatibilityFlags: COMPATIBILITY_FLAGS,
          manifest:
            entry === undefined
              ? { mainModule: "index.js", modules }
              : { mainModule: "entry.js", modules: { ...modules, "entry.js": { type: "esm", contents: entry } } },
          env: {
            ...Object.fromEntries([...objects, ...texts]),
            SITE: { type: "r2" as const, name: "site" },
            // workerd looks at the address a name stands for when it connects: none of this machine or its network.
            PUBLIC_NETWORK: { type: "network" as const, allow: ["public"], tlsOptions: { trustBrowserCas: true } },
          },
          exports: Object.fromEntries(classes),
        },
      },
    ],
  };
}

type Modules = Record<string, { type: "esm" | "wasm"; contents: string | Uint8Array<ArrayBuffer> }>;

async function readModules(bundle: string): Promise<Modules> {
  const modules: Modules = {};
  for (const name of await readdir(bundle)) {
    if (name.endsWith(".js")) modules[name] = { type: "esm", contents: await readFile(join(bundle, name), "utf8") };
    else if (name.endsWith(".wasm")) {
      modules[name] = { type: "wasm", contents: new Uint8Array(await readFile(join(bundle, name))) };
    }
  }
  return modules;
}

/** workerd's own message for a taken port names neither the port nor a way out. */
async function assertFree(port: number): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once("error", reject).listen({ host: "127.0.0.1", port, exclusive: true }, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      throw new Fault("port_in_use", `port ${port} is in use: stop what listens there, or choose another port`);
    }
    throw new Fault("port_in_use", `port ${port} cannot be used on 127.0.0.1 (${code})`, { cause: error });
  }
  await new Promise((resolve) => probe.close(resolve));
}
