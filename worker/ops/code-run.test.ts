import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { CodeRunParams } from "@oa/shared/generated/types.ts";
import { growUntilFull, i32, ifZero, loop, type Writer, wasiModule } from "../../test/fakes/wasi-module.ts";
import { needs } from "../../test/needs.ts";
import { openCodePackages } from "../adapters/code-packages.ts";
import { openEgress } from "../adapters/egress.ts";
import { openGrantedFiles } from "../adapters/granted-files.ts";
import { thisMachinesSandbox } from "../adapters/machine-sandbox.ts";
import { noSandbox } from "../adapters/no-sandbox.ts";
import { openOwnStates } from "../adapters/own-states.ts";
import { type ConfinedProcesses, openConfinedProcesses, openProcesses } from "../adapters/process.ts";
import { openRunUsage } from "../adapters/run-usage.ts";
import { codeRun } from "./code-run.ts";
import type { OpContext } from "./op.ts";

const skip = needs("bwrap");
const sandbox = await thisMachinesSandbox();
let home = "";
let server: Server;
/** What the author's host serves, by path. */
const served = new Map<string, Uint8Array>();
let fetched = 0;
const host = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

before(async () => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-code-")));
  server = createServer((request, response) => {
    fetched += 1;
    const bytes = served.get(request.url ?? "");
    if (bytes === undefined) response.writeHead(404).end();
    else response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
beforeEach(() => {
  for (const name of fs.readdirSync(home)) fs.rmSync(join(home, name), { recursive: true, force: true });
  for (const name of ["in", "work", "out", "data"]) fs.mkdirSync(join(home, name));
  fs.writeFileSync(join(home, "in/a.txt"), "alpha");
  fs.writeFileSync(join(home, "out/secret.txt"), "secret");
});
after(() => {
  server.closeAllConnections();
  server.close();
  fs.rmSync(home, { recursive: true, force: true });
});

/** What an op of a run is given, for a grant; the parts that code.run has no use for are absent. */
function context(changes: Partial<OpContext> = {}): OpContext {
  const grant = [
    ...["filesystem:read:~/in/**", "filesystem:read:~/work/**", "filesystem:write:~/work/**", "process:spawn"],
    `network:egress:${host()}`,
  ];
  return {
    files: openGrantedFiles(grant, { home }),
    egress: openEgress(grant, { private_allow: [] }),
    processes: openConfinedProcesses(sandbox),
    code: openCodePackages(join(home, "data"), openProcesses()),
    signal: AbortSignal.timeout(60_000),
    ...changes,
  } as unknown as OpContext;
}
const publish = (bytes: Uint8Array, path = "/program.wasm"): CodeRunParams => {
  served.set(path, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { url: `http://${host()}${path}`, sha256, bytes: bytes.length };
};
const FOLDERS = { read: ["~/in"], write: ["~/work"] };
const run = (
  program: (writer: Writer) => readonly number[],
  params: Partial<CodeRunParams> = {},
  changes: Partial<OpContext> = {},
) => codeRun({ ...publish(wasiModule(program)), ...params }, context(changes));
const refuses = (code: string, action: Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });
/** Descriptors of the named folders: 3 is /read/0, 4 is /write/0. */
const [IN, WORK] = [3, 4];
/** Opens, and prints the file or that it could not. */
const show =
  (folder: number, path: string) =>
  ({ open, copy, opened, say }: Writer) =>
    ifZero(open(folder, path), copy(opened, i32(1)), say(i32(1), "refused"));

test("a module reads what it was given to read and writes what it was given to write", { skip }, async () => {
  const { stdout, stderr } = await run(
    ({ open, copy, opened, say }) => [
      ...ifZero(open(IN, "a.txt"), copy(opened, i32(1)), say(i32(2), "no input")),
      ...ifZero(open(WORK, "b.txt", "create"), say([...opened], "beta"), say(i32(2), "no output")),
    ],
    FOLDERS,
  );
  assert.deepEqual([stdout, stderr], ["alpha", ""]);
  assert.equal(fs.readFileSync(join(home, "work/b.txt"), "utf8"), "beta");
});

test("a module keeps its own state from run to run, within what was agreed to", { skip }, async () => {
  const state = openOwnStates(join(home, "data")).of({ install_id: "install_a", chain: [1], bytes_max: 8 });
  const grant = ["state:keep:1", "process:spawn", `network:egress:${host()}`];
  const files = () => openGrantedFiles(grant, { home, hidden: join(home, "data"), state });
  const keep = (text: string) => (writer: Writer) =>
    ifZero(writer.open(3, "a.txt", "create"), writer.say([...writer.opened], text), writer.say(i32(2), "no output"));
  const own = { write: ["state:"] };
  assert.equal((await run(keep("kept"), own, { files: files() })).stderr, "");
  assert.equal(fs.readFileSync(join(home, "data/state/install_a/1/a.txt"), "utf8"), "kept");
  const again = await run(show(3, "a.txt"), { read: ["state:"] }, { files: files() });
  assert.equal(again.stdout, "kept");
  await refuses("state_full", run(keep("more than that"), own, { files: files() }));
  await refuses("state_full", run(keep("x"), own, { files: files() }), /over the/);
});

test("its input passes through, and it has no environment", { skip }, async () => {
  const { stdout } = await run(({ copy, sayEnvironment }) => [...copy(i32(0), i32(1)), ...sayEnvironment], {
    stdin: "asked ",
  });
  assert.equal(stdout, "asked 0");
});

test("no path leads out of its folders: up, absolute, through a link that is there or one it makes", {
  skip,
}, async () => {
  fs.symlinkSync(join(home, "out/secret.txt"), join(home, "in/link"));
  fs.symlinkSync("../out", join(home, "work/up"));
  for (const path of [
    "../out/secret.txt",
    `${home}/out/secret.txt`,
    "/etc/passwd",
    "link",
    "./../in/../out/secret.txt",
  ]) {
    assert.equal((await run(show(IN, path), FOLDERS)).stdout, "refused", path);
  }
  assert.equal((await run(show(WORK, "up/secret.txt"), FOLDERS)).stdout, "refused");
  const planted = await run(
    (writer) => [...writer.link("../out/secret.txt", WORK, "mine"), 0x1a, ...show(WORK, "mine")(writer)],
    FOLDERS,
  );
  assert.equal(planted.stdout, "refused");
});

test("a folder to read is not written to", { skip }, async () => {
  const { stdout } = await run(
    ({ open, opened, say }) => ifZero(open(IN, "new", "create"), say([...opened], "x"), say(i32(1), "refused")),
    FOLDERS,
  );
  assert.equal(stdout, "refused");
  assert.deepEqual(fs.readdirSync(join(home, "in")), ["a.txt"]);
});

test("git's own folder in a folder to write is not written to, and one inside it is no folder to write", {
  skip,
}, async () => {
  fs.mkdirSync(join(home, "work/.git"));
  const { stdout } = await run(
    ({ open, opened, say }) =>
      ifZero(open(WORK, ".git/config", "create"), say([...opened], "x"), say(i32(1), "refused")),
    FOLDERS,
  );
  assert.equal(stdout, "refused");
  await refuses(
    "path_not_granted",
    run(() => [], { write: ["~/work/.git"] }),
    /git's own folder/,
  );
});

test("an endless loop ends at the limit of the step", { skip }, async () => {
  // As the engine does it when the time of a step is over.
  const over = new AbortController();
  setTimeout(() => over.abort(new Fault("timeout", "code.run took longer than 400 ms")), 400);
  await refuses(
    "timeout",
    run(() => loop([]), {}, { signal: over.signal }),
    /400 ms/,
  );
  const capped = openConfinedProcesses(sandbox, openRunUsage({ memory_bytes: 1e9, cpu_ms: 300 }));
  await refuses(
    "cpu_limit",
    run(() => loop([]), {}, { processes: capped }),
    /processor time/,
  );
});

test("a module gets no more memory than it may have", { skip }, async () => {
  await refuses(
    "code_failed",
    run(() => growUntilFull, { memory_mb: 8 }),
    /unreachable/,
  );
  const large = publish(wasiModule(() => [], { pages: 2_000 }));
  await refuses("code_failed", codeRun({ ...large, memory_mb: 8 }, context()), /memory/i);
  const capped = openConfinedProcesses(sandbox, openRunUsage({ memory_bytes: 20_000_000, cpu_ms: 60_000 }));
  await refuses(
    "memory_limit",
    run(() => loop([]), {}, { processes: capped }),
  );
});

test("a module that writes too much is stopped", { skip }, async () => {
  const endless = ({ say }: Writer) => loop(say(i32(1), "x".repeat(1_000)));
  await refuses(
    "process_output",
    run(endless, { max_output_bytes: 50_000 }),
    /^the program http\S+ wrote more than 50000 bytes$/,
  );
});

test("a module that fails is a failed step with what it said", { skip }, async () => {
  const failing = ({ say }: Writer) => [...say(i32(2), "cannot parse\n"), ...i32(3), 0x10, 5];
  await refuses("code_failed", run(failing), /ended with 3: cannot parse/);
  await refuses("code_failed", codeRun(publish(Uint8Array.of(1, 2, 3)), context()), /WebAssembly/);
});

test("a module that wants more than WASI is not started", { skip }, async () => {
  const foreign = publish(wasiModule(() => [], { foreign: ["env", "system"] }));
  await refuses("code_failed", codeRun(foreign, context()), /env\.system, which is not WASI/);
});

test("only the bytes that were signed for are run: others are refused, fetched or kept", { skip }, async () => {
  const right = publish(wasiModule(({ say }) => say(i32(1), "right")));
  served.set(
    "/program.wasm",
    wasiModule(({ say }) => say(i32(1), "wrong")),
  );
  await refuses("artifact_mismatch", codeRun(right, context()), /signed for/);
  assert.deepEqual(fs.existsSync(join(home, "data/code")), false, "nothing is kept of it");
  const params = publish(wasiModule(({ say }) => say(i32(1), "right")));
  assert.equal((await codeRun(params, context())).stdout, "right");
  const kept = join(home, `data/code/${params.sha256}.wasm`);
  assert.equal(fs.statSync(kept).mode & 0o777, 0o400);
  fs.chmodSync(kept, 0o600);
  fs.writeFileSync(
    kept,
    wasiModule(({ say }) => say(i32(1), "evil!")),
  );
  await refuses("artifact_mismatch", codeRun(params, context()), /was changed/);
  assert.equal(fs.existsSync(kept), false);
  assert.equal((await codeRun(params, context())).stdout, "right", "fetched again");
});

test("a program is fetched once", { skip }, async () => {
  const params = publish(wasiModule(({ say }) => say(i32(1), "once")));
  await codeRun(params, context());
  const before = fetched;
  assert.equal((await codeRun(params, context())).stdout, "once");
  assert.equal(fetched, before);
});

test("folders are checked against the grant before anything is fetched", { skip }, async () => {
  const before = fetched;
  for (const path of ["~/out", "~", "/etc", "~/in/../out"]) {
    const action = codeRun({ ...publish(wasiModule(() => [])), read: [path] }, context());
    await refuses(path.includes("..") ? "path_invalid" : "path_not_granted", action);
  }
  await refuses("path_not_granted", codeRun({ ...publish(wasiModule(() => [])), write: ["~/in"] }, context()));
  const partly = openGrantedFiles(["filesystem:read:~/in/*.md"], { home });
  await refuses(
    "path_not_granted",
    codeRun({ ...publish(wasiModule(() => [])), read: ["~/in"] }, context({ files: partly })),
  );
  assert.equal(fetched, before);
});

test("programs of upgrades are off unless the owner turned them on, and never run without a sandbox", async () => {
  const { code: _, ...off } = context();
  await refuses("code_packages_off", codeRun(publish(wasiModule(() => [])), off as OpContext), /config\.json/);
  const open: ConfinedProcesses = openConfinedProcesses(noSandbox("bwrap is not installed"));
  await refuses("sandbox_missing", codeRun(publish(wasiModule(() => [])), context({ processes: open })));
  if (process.platform !== "darwin") {
    const params = { ...publish(wasiModule(() => [])), kind: "macos_plugin" } as const;
    if (skip === false) await refuses("platform_unsupported", codeRun(params, context()), /for macOS/);
  }
});
