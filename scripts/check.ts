/** The static gate: generated code is fresh, types and style hold, the edge deploys. `--fix` rewrites what can be. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildEdge } from "../worker/adapters/edge-build.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const site = join(root, "site");
const fix = process.argv.includes("--fix");

/** One look at the whole of it; resolves to what it said, and whether all was well. */
interface Step {
  readonly name: string;
  readonly look: () => Promise<{ readonly well: boolean; readonly said: string }>;
}

/** A tool's words are shown in one piece, since others speak at the same time. */
function tool(name: string, command: string, args: readonly string[], cwd = root): Step {
  return {
    name,
    look: async () => {
      const colour = process.stderr.isTTY ? { FORCE_COLOR: "1" } : {};
      const child = spawn(command, args, {
        cwd,
        env: { ...process.env, ...colour },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const said: Buffer[] = [];
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => void said.push(chunk));
      const [code] = (await once(child, "close")) as [number | null];
      return { well: code === 0, said: Buffer.concat(said).toString("utf8") };
    },
  };
}

async function take({ name, look }: Step): Promise<boolean> {
  const started = performance.now();
  const { well, said } = await look();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${said}${well ? "✓" : "✗"} ${name} (${seconds} s)\n`);
  return well;
}

/** Takes the steps in order, as many at a time as there are cores. All are taken, whatever one says. */
async function takeAll(steps: readonly Step[]): Promise<boolean> {
  const left = [...steps];
  let well = true;
  const lane = async (): Promise<void> => {
    for (let step = left.shift(); step !== undefined; step = left.shift()) well = (await take(step)) && well;
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return well;
}

const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const code = tool("generated code", process.execPath, ["schemas/codegen.ts", ...(fix ? [] : ["--check"])]);
const style = tool("style", bin("biome"), ["check", "--error-on-warnings", ...(fix ? ["--write"] : [])]);
const rest: readonly Step[] = [
  // Through astro, which first writes the collections' types that a fresh checkout lacks.
  tool("types of pages", process.execPath, [join(site, "node_modules/astro/bin/astro.mjs"), "check"], site),
  tool("types", bin("tsc"), ["-b"]),
  {
    name: "wrangler deploy --dry-run",
    look: () =>
      buildEdge(root).then(
        () => ({ well: true, said: "" }),
        (error: unknown) => ({ well: false, said: `${String(error)}\n` }),
      ),
  },
];
// What rewrites files is through before anybody looks at them.
const well = fix
  ? (await take(code)) && (await take(style)) && (await takeAll(rest))
  : await takeAll([...rest, code, style]);
process.exitCode = well ? 0 : 1;
