/**
 * Runs one WebAssembly module for WASI preview 1, inside the sandbox, which is the boundary: `node:wasi` is none. The
 * one argument is JSON: which module, its hash, its arguments and its folders. Ends as the module does; 125 where the
 * module cannot be run at all.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

/** As much of the WebAssembly API as is used here; Node's types leave it to the web's. */
declare const WebAssembly: {
  readonly compile: (bytes: Uint8Array) => Promise<object>;
  readonly instantiate: (module: object, imports: Readonly<Record<string, object>>) => Promise<object>;
  readonly Module: {
    readonly imports: (module: object) => readonly { readonly module: string; readonly name: string }[];
  };
};

interface Order {
  readonly module: string;
  readonly sha256: string;
  readonly args: readonly string[];
  /** The module's names of folders, and where they are. */
  readonly folders: Readonly<Record<string, string>>;
}

const INTERFACE = "wasi_snapshot_preview1";
const CANNOT_RUN = 125;

async function run({ module: path, sha256, args, folders }: Order): Promise<number> {
  // Hashed here once more: these are the very bytes that run.
  const bytes = readFileSync(path);
  if (createHash("sha256").update(bytes).digest("hex") !== sha256) throw new Error("the module was changed");
  const module = await WebAssembly.compile(bytes);
  const foreign = WebAssembly.Module.imports(module).find((wanted) => wanted.module !== INTERFACE);
  if (foreign !== undefined) throw new Error(`the module wants ${foreign.module}.${foreign.name}, which is not WASI`);
  const wasi = new WASI({
    ...{ version: "preview1", args: ["program", ...args], env: {}, returnOnExit: true },
    preopens: { ...folders },
  });
  const instance = await WebAssembly.instantiate(module, { [INTERFACE]: wasi.wasiImport });
  return wasi.start(instance);
}

try {
  process.exitCode = await run(JSON.parse(process.argv[2] ?? "") as Order);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = CANNOT_RUN;
}
