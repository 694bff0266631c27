import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { neverExecutes, objectionsTo } from "../../site/src/build/never-executes.ts";
import type { BuildContext, Bundle } from "../../site/src/build/plugin.ts";
import { reachable } from "../../site/src/build/reachable-validators.ts";

const ROOT = "/checkout";
const chunk = (code: string, ...modules: readonly string[]): Bundle => ({
  "page.js": { type: "chunk", code, moduleIds: modules.map((path) => `${ROOT}/${path}`) },
  "page.css": { type: "asset" },
});

describe("a browser bundle", () => {
  it("may hold the site's own code, shared code and packages", () => {
    const modules = ["site/src/browser/install/app.ts", "shared/upgrade/plan.ts", "node_modules/.pnpm/qr/index.js"];
    assert.deepEqual(objectionsTo(chunk("const evaluated=1;evaluate(x);f.eval=1", ...modules), ROOT), []);
    assert.deepEqual(objectionsTo(chunk('const text="a WebAssembly. Module"'), ROOT), []);
  });
  for (const path of ["worker/ops/fs-read.ts", "worker/engine.ts", "worker/backends/ollama.ts", "edge/index.ts"]) {
    it(`may not hold ${path}`, () => {
      const [objection, ...more] = objectionsTo(chunk("", "shared/core/cron.ts", path), ROOT);
      assert.match(objection ?? "", new RegExp(`page\\.js holds ${path}`));
      assert.deepEqual(more, []);
    });
  }
  it("may not hold one by a query or a virtual name either", () => {
    const bundle = { "a.js": { type: "chunk", code: "", moduleIds: [`\0${ROOT}/worker/ops/index.ts?x=1`] } } as const;
    assert.equal(objectionsTo(bundle, ROOT).length, 1);
  });
  for (const code of [
    "eval(text)",
    "new Function(text)",
    "Function(text)()",
    "WebAssembly.instantiate(bytes)",
    "WebAssembly['compile'](bytes)",
    "importScripts(url)",
  ]) {
    it(`may not run text as a program: ${code}`, () => assert.equal(objectionsTo(chunk(code), ROOT).length, 1));
  }
  it("fails its build with what is wrong, and passes it otherwise", () => {
    const said: string[] = [];
    const context: BuildContext = {
      error: (message) => {
        said.push(message);
        throw new Error(message);
      },
      emitFile: () => undefined,
    };
    const plugin = neverExecutes(ROOT);
    assert.throws(() => plugin.generateBundle?.call(context, {}, chunk("", "worker/ops/index.ts")), /never executes/);
    plugin.generateBundle?.call(context, {}, chunk("", "shared/core/cron.ts"));
    assert.equal(said.length, 1);
    const where = (name: string) => plugin.applyToEnvironment?.({ name });
    assert.deepEqual([where("client"), where("ssr")], [true, false]);
  });
});

describe("the validators that a browser gets", () => {
  const generated = readFileSync(join(import.meta.dirname, "../../shared/generated/validators.cjs"), "utf8");
  const load = async (wanted: readonly string[]) => {
    const shared = join(import.meta.dirname, "../../shared/generated/x.js");
    const { createRequire } = await import("node:module");
    const text = reachable(generated, new Set(wanted));
    const linked = text
      .replace(/^import \* as (\w+) from ("[^"]+");$/gm, "const $1 = require($2);")
      .replace("export default", "return");
    // The test stands in for the bundler, which links what the browser loads.
    const table = new Function("require", linked)(createRequire(shared)) as Record<string, (value: unknown) => boolean>;
    return { text, table };
  };
  it("judge as all of them do, and are a small part", async () => {
    const { text, table } = await load(["isPairingClaim", "isWorkerStatus"]);
    assert.ok(text.length < generated.length / 20, `${text.length} of ${generated.length} characters`);
    assert.deepEqual(Object.keys(table), ["isPairingClaim", "isWorkerStatus"]);
    const folder = join(import.meta.dirname, "../../schemas/examples/nostr/worker-status-content");
    const read = (path: string): unknown => JSON.parse(readFileSync(join(folder, path), "utf8"));
    assert.equal(table.isWorkerStatus?.(read("valid/run.json")), true);
    assert.equal(table.isWorkerStatus?.((read("invalid/contents.json") as { value: unknown }).value), false);
  });
  it("are refused where there is no such validator, or the generated code is laid out otherwise", () => {
    assert.throws(() => reachable(generated, new Set(["isNothing"])), /no validator isNothing/);
    assert.throws(() => reachable("function validate1(data){\n", new Set()), /laid out/);
  });
});
