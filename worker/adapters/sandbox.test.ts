import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Fault } from "@oa/shared/core/refusal.ts";
import { needs } from "../../test/needs.ts";
import { openSandbox, thisMachinesSandbox } from "./machine-sandbox.ts";
import { noSandbox } from "./no-sandbox.ts";
import { openConfinedProcesses, openProcesses } from "./process.ts";
import { openRunUsage } from "./run-usage.ts";
import type { Bounds, Sandbox } from "./sandbox.ts";
import { profileOf } from "./seatbelt.ts";
import type { Connect } from "./tunnel.ts";

const skip = needs("bwrap");
let home = "";
let sandbox: Sandbox;
let server: Server;
let asked = 0;
const port = (): number => (server.address() as AddressInfo).port;

before(async () => {
  home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "oa-sandbox-")));
  for (const name of ["in", "out", "work"]) fs.mkdirSync(join(home, name));
  fs.writeFileSync(join(home, "in/a.txt"), "alpha");
  fs.writeFileSync(join(home, "out/secret.txt"), "secret");
  sandbox = await thisMachinesSandbox();
  server = createServer((_, response) => {
    asked += 1;
    response.end("answered");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
  fs.rmSync(home, { recursive: true, force: true });
});

const limits = { timeout_ms: 20_000, max_output_bytes: 100_000 };
const run = (
  command: string,
  args: readonly string[],
  bounds: Partial<Bounds> = {},
  signal = AbortSignal.timeout(30e3),
) =>
  openConfinedProcesses(sandbox).run(command, args, {
    ...{ ...limits, signal, cwd: "/" },
    bounds: { read: [], write: [], connect: null, ...bounds },
  });
const sh = (script: string, bounds: Partial<Bounds> = {}) => run("sh", ["-c", script], bounds);
const node = (script: string, bounds: Partial<Bounds> = {}) =>
  run(process.execPath, ["-e", script], { ...bounds, read: [process.execPath, ...(bounds.read ?? [])] });
const refuses = (code: string, action: Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });

test("a child reads and writes what it was given, and its status and output pass through", { skip }, async () => {
  const read = [join(home, "in")];
  const write = [join(home, "work")];
  const done = await sh(`cat ${home}/in/a.txt; echo beta > ${home}/work/b.txt; echo said >&2; exit 7`, { read, write });
  assert.deepEqual(done, { code: 7, stdout: "alpha", stderr: "said\n" });
  assert.equal(fs.readFileSync(join(home, "work/b.txt"), "utf8"), "beta\n");
});

test("nothing else of the machine is there: no home, no settings, no other process, no program of its own", {
  skip,
}, async () => {
  const look = `ls -A ${home}; ls /root /home /etc /var /run /tmp; ls /proc | grep -c '^[0-9]'; cat ${home}/out/secret.txt`;
  const { stdout } = await sh(look, { read: [join(home, "in")] });
  assert.ok(!stdout.includes("secret"), stdout);
  assert.ok(!/passwd|shadow|ssh/.test(stdout), stdout);
  assert.match(stdout, /^in$/m, "the granted folder is there");
  assert.doesNotMatch(stdout, /^(?:out|work)$/m);
  const processes = Number(/^\d+$/m.exec(stdout)?.[0]);
  assert.ok(processes < 8, `it sees ${processes} processes`);
});

test("what may only be read cannot be written, and the rest of the file system neither", { skip }, async () => {
  const read = [join(home, "in")];
  const tries = [`${home}/in/new`, "/usr/new", "/new", "/dev/shm/new", "/etc/new"];
  for (const path of tries) assert.notEqual((await sh(`echo x > ${path}`, { read })).code, 0, path);
  assert.notEqual((await sh(`rm ${home}/in/a.txt`, { read })).code, 0);
  assert.notEqual((await sh(`ln ${home}/in/a.txt ${home}/work/hard`, { read, write: [join(home, "work")] })).code, 0);
  assert.deepEqual(fs.readdirSync(join(home, "in")), ["a.txt"]);
  // Beside the granted folder is the sandbox's own, empty /tmp.
  assert.equal((await sh(`echo x > ${home}/new`, { read })).code, 0);
  assert.equal(fs.existsSync(join(home, "new")), false);
});

test("a writable folder inside a readable one is writable, and only that", { skip }, async () => {
  fs.mkdirSync(join(home, "in/deep"));
  const bounds = { read: [join(home, "in")], write: [join(home, "in/deep")] };
  assert.equal((await sh(`echo x > ${home}/in/deep/x`, bounds)).code, 0);
  assert.notEqual((await sh(`echo x > ${home}/in/x`, bounds)).code, 0);
  fs.rmSync(join(home, "in/deep"), { recursive: true });
});

test("a link in a granted folder leads nowhere outside it", { skip }, async () => {
  fs.symlinkSync(join(home, "out/secret.txt"), join(home, "work/link"));
  const { code, stdout } = await sh(`cat ${home}/work/link`, { write: [join(home, "work")] });
  assert.notEqual(code, 0);
  assert.equal(stdout, "");
  fs.unlinkSync(join(home, "work/link"));
});

test("the room for temporary files is bounded", { skip }, async () => {
  const { code, stderr } = await sh("head -c 200000000 /dev/zero > /tmp/big");
  assert.notEqual(code, 0);
  assert.match(stderr, /No space left/);
});

test("there is no privilege to gain and no namespace to make", { skip }, async () => {
  const { stdout } = await sh(
    "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; unshare -U true || echo refused",
  );
  assert.match(stdout, /CapEff:\s+0+\n/);
  assert.match(stdout, /CapBnd:\s+0+\n/);
  assert.match(stdout, /NoNewPrivs:\s+1\n/);
  assert.match(stdout, /refused/);
});

const fetchIt = (url: string): string =>
  `require("net").connect(${port()}, "127.0.0.1").on("error", (e) => console.log("direct " + e.code)).on("connect", () => console.log("direct open"));
   fetch(${JSON.stringify(url)}).catch((e) => console.log("fetch " + (e.cause?.code ?? e.message)))`;

test("without a grant there is no network at all, not even this machine's own", { skip }, async () => {
  const before = asked;
  const { stdout } = await node(fetchIt(`http://127.0.0.1:${port()}/`));
  assert.match(stdout, /direct ECONNREFUSED/);
  assert.match(stdout, /fetch ECONNREFUSED/);
  assert.equal(asked, before);
  const unix = await node(
    'require("net").connect("/run/dbus/system_bus_socket").on("error", (e) => console.log(e.code))',
  );
  assert.match(unix.stdout, /ENOENT/);
});

/** curl is what git speaks HTTP with. */
const curl = (url: string, connect: Connect, more: readonly string[] = []) =>
  run("curl", ["--silent", "--show-error", "--max-time", "10", ...more, url], { connect });

test("a connection goes to the addresses it was given, by the name that was asked for", {
  skip: needs("bwrap", "curl"),
}, async () => {
  const wanted: [string, number][] = [];
  const connect: Connect = async (host, to) => {
    wanted.push([host, to]);
    return ["127.0.0.1"];
  };
  const { stdout } = await curl(`http://granted.example:${port()}/`, connect);
  assert.equal(stdout, "answered");
  assert.deepEqual(wanted, [["granted.example", port()]]);
});

test("a connection that is refused is not made, and none goes around the tunnel", {
  skip: needs("bwrap", "curl"),
}, async () => {
  const before = asked;
  const refuse: Connect = async (host) => {
    throw new Fault("egress_denied", `${host} is not granted`);
  };
  assert.notEqual((await curl(`http://denied.example:${port()}/`, refuse)).code, 0);
  const around = await curl(`http://127.0.0.1:${port()}/`, refuse, ["--noproxy", "*"]);
  assert.notEqual(around.code, 0);
  const wrong = await curl(`http://granted.example:${port()}/`, async () => ["127.0.0.1"], [
    ...["--proxy", "socks5h://oa:guessed@127.0.0.1:1080"],
  ]);
  assert.notEqual(wrong.code, 0, "the tunnel asks for its secret");
  assert.equal(asked, before);
});

test("two commands at once have each their own network", { skip: needs("bwrap", "curl") }, async () => {
  const none: Connect = async () => {
    throw new Fault("egress_denied", "no");
  };
  const url = `http://granted.example:${port()}/`;
  const [yes, no] = await Promise.all([curl(url, async () => ["127.0.0.1"]), curl(url, none)]);
  assert.deepEqual([yes.stdout, no.stdout], ["answered", ""]);
});

test("none of the worker's environment is there", { skip }, async () => {
  process.env.OA_TEST_SECRET = "canary";
  try {
    const { stdout } = await sh("env; cat /proc/*/environ", { connect: async () => [] });
    assert.ok(!stdout.includes("canary"));
    assert.match(stdout, /^HOME=\/tmp$/m);
  } finally {
    delete process.env.OA_TEST_SECRET;
  }
});

test("a path that is a link, or is not there, is refused before anything starts", { skip }, async () => {
  fs.symlinkSync(join(home, "out"), join(home, "alias"));
  await refuses("path_linked", sh("true", { read: [join(home, "alias")] }));
  await refuses("path_linked", sh("true", { read: [join(home, "alias/secret.txt")] }));
  await refuses("not_found", sh("true", { read: [join(home, "none")] }));
  fs.unlinkSync(join(home, "alias"));
});

test("a folder swapped for a link after it was checked is noticed before the program begins", { skip }, async () => {
  const real = join(home, "race");
  fs.mkdirSync(real);
  fs.writeFileSync(join(real, "secret.txt"), "inside");
  const swap = (): void => {
    fs.renameSync(real, join(home, "parked"));
    fs.symlinkSync(join(home, "out"), real);
  };
  const swapping: Sandbox = {
    ...sandbox,
    confine: async (request) => {
      const confined = await sandbox.confine(request);
      swap();
      return confined;
    },
  };
  const options = { ...limits, signal: AbortSignal.timeout(20e3), bounds: { read: [], write: [real], connect: null } };
  const script = `cat ${real}/secret.txt; echo x > ${real}/new`;
  await refuses("path_linked", openConfinedProcesses(swapping).run("sh", ["-c", script], options), /swapped/);
  assert.deepEqual(fs.readdirSync(join(home, "out")), ["secret.txt"]);
  fs.unlinkSync(real);
  fs.renameSync(join(home, "parked"), real);
  const kept: Sandbox = {
    ...sandbox,
    confine: async (request) => {
      const confined = await sandbox.confine(request);
      // What is mounted stays what it is, so a swap after the start changes nothing for the program.
      return { ...confined, admit: (pipes) => confined.admit(pipes).finally(swap) };
    },
  };
  const late = `sleep 0.3; ${script}`;
  assert.equal((await openConfinedProcesses(kept).run("sh", ["-c", late], options)).stdout, "inside");
  assert.deepEqual(fs.readdirSync(join(home, "out")), ["secret.txt"]);
});

test("a cancellation ends everything in the sandbox, however it left its group and cleared its marks", {
  skip,
}, async () => {
  const abort = new AbortController();
  const beat = join(home, "work/beat");
  const script = `env -i setsid sh -c 'trap "" TERM; while :; do echo x >> ${beat}; sleep 0.02; done' & sleep 60`;
  const running = run("sh", ["-c", script], { write: [join(home, "work")] }, abort.signal);
  while (!fs.existsSync(beat)) await setTimeout(5);
  abort.abort();
  await refuses("canceled", running);
  const size = fs.statSync(beat).size;
  await setTimeout(200);
  assert.equal(fs.statSync(beat).size, size, "nothing writes any more");
});

test("a program over its memory cap is stopped, though it cleared its marks and left its group", { skip }, async () => {
  const capped = openConfinedProcesses(sandbox, openRunUsage({ memory_bytes: 150_000_000, cpu_ms: 60_000 }));
  const hungry = "const held = []; setInterval(() => held.push(Buffer.alloc(20e6, 1)), 20)";
  const args = ["-c", `env -i setsid '${process.execPath}' -e '${hungry}' & sleep 60`];
  const bounds = { read: [process.execPath], write: [], connect: null };
  const options = { ...limits, signal: AbortSignal.timeout(30e3), bounds };
  await refuses("memory_limit", capped.run("sh", args, options), /MiB of memory/);
});

test("a program that is not installed is said plainly", { skip }, async () => {
  await refuses("process_failed", run("oa-no-such-program", []), /not installed/);
});

test("a sandbox that cannot be made is not taken for the command's own failure", { skip }, async () => {
  const broken: Sandbox = {
    ...sandbox,
    confine: async (request) => {
      const confined = await sandbox.confine(request);
      return { ...confined, args: ["--bind", "/nowhere", "/nowhere", ...confined.args] };
    },
  };
  const options = { ...limits, signal: AbortSignal.timeout(20e3), bounds: { read: [], write: [], connect: null } };
  await refuses("sandbox_failed", openConfinedProcesses(broken).run("true", [], options), /nowhere/);
});

test("where there is no sandbox, git alone runs, and everything else is refused with why", async () => {
  const none = openConfinedProcesses(noSandbox("bubblewrap is not installed"));
  const options = { ...limits, signal: AbortSignal.timeout(20e3), bounds: { read: [], write: [], connect: null } };
  assert.equal(none.sandbox, "none");
  assert.equal((await none.run("git", ["--version"], options)).code, 0);
  await refuses("sandbox_missing", none.run("sh", ["-c", "true"], options), /bubblewrap is not installed/);
  await refuses("sandbox_missing", none.run(process.execPath, ["-e", "0"], options));
});

test("a sandbox that is installed and does not work is none", async () => {
  const refused = await openSandbox("linux", async () => ({
    code: 1,
    stderr: "bwrap: No permissions to create a new namespace\n",
  }));
  assert.equal(refused.name, "none");
  assert.match(refused.missing ?? "", /No permissions to create a new namespace/);
  const absent = await openSandbox("darwin", async (command) => {
    throw new Fault("process_failed", `${command} could not be started`);
  });
  assert.equal(absent.name, "none");
  assert.equal((await openSandbox("freebsd", async () => ({ code: 0, stderr: "" }))).name, "none");
});

test("what is asked of Seatbelt is everything denied but the bounds, with paths that cannot end a rule", async () => {
  const profile = profileOf({ read: ["/Users/a/in"], write: ['/Users/a/o"ut'], port: 4242 });
  const rules = profile.split("\n");
  assert.deepEqual(rules.slice(0, 2), ["(version 1)", "(deny default)"]);
  assert.match(profile, /file-write\* \(subpath "\/Users\/a\/o\\"ut"\)\)/);
  assert.match(profile, /\(allow network-outbound \(remote ip "localhost:4242"\)\)/);
  assert.ok(
    !/\(allow default|\(allow network\*|\(allow file-write\* *\)|\(subpath "\/"\)|\(subpath "\/Users"\)/.test(profile),
  );
  const closed = profileOf({ read: [], write: [], port: null });
  assert.ok(!/network|file-write\*/.test(closed));
  assert.throws(() => profileOf({ read: ["/Users/a\n(allow default)"], write: [], port: null }), /control character/);
  const trial: [string, readonly string[]][] = [];
  const opened = await openSandbox("darwin", async (command, args) => {
    trial.push([command, args]);
    return { code: 0, stderr: "" };
  });
  assert.equal(opened.name, "seatbelt");
  assert.equal(trial[0]?.[0], "/usr/bin/sandbox-exec");
  const made = await opened.confine({
    ...{ program: "/usr/bin/git", args: ["--version"], cwd: "/" },
    bounds: { read: [], write: ["/Users/a/clone"], connect: null },
  });
  assert.deepEqual(made.args.slice(2), ["/usr/bin/git", "--version"]);
  assert.equal(made.env.HOME, "/var/empty");
});

test("outside a sandbox the same script would have seen it all", { skip }, async () => {
  const { stdout } = await openProcesses().run("sh", ["-c", `cat ${home}/out/secret.txt`], {
    ...{ ...limits, signal: AbortSignal.timeout(20e3) },
  });
  assert.equal(stdout, "secret");
});
