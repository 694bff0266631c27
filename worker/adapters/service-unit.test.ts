import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { needs } from "../../test/needs.ts";
import type { ProcessResult } from "./process.ts";
import { launchdPlist, type ServiceOrder, systemdUnit } from "./service-text.ts";
import { openServiceUnit, type ServiceHost, type ServiceUnit } from "./service-unit.ts";

const { signal } = new AbortController();
const ORDER: ServiceOrder = {
  node: "/opt/node/bin/node",
  cli: "/srv/open agents/worker/cli/oa.ts",
  data_dir: "/home/ann/Library/Application Support/OpenAgents",
};
const ODD: ServiceOrder = { ...ORDER, data_dir: '/home/a"n\\n/50%/$HOME/<&>' };
const golden = (name: string): string =>
  readFileSync(join(import.meta.dirname, "../../test/vectors/service", name), "utf8");

/** A machine whose manager answers as a test says; every command is kept. */
function host(
  context: TestContext,
  platform: NodeJS.Platform,
  answer: (command: string) => Partial<ProcessResult> | Fault,
) {
  const home = mkdtempSync(join(tmpdir(), "oa-service-"));
  context.after(() => rmSync(home, { recursive: true }));
  const commands: string[] = [];
  const it: ServiceHost = {
    ...{ platform, home, uid: 501, env: { XDG_RUNTIME_DIR: "/run/user/501", SECRET: "hunter2" } },
    processes: {
      run: async (program, args, { env }) => {
        assert.equal(env?.SECRET, undefined);
        const command = [program, ...args].join(" ").replaceAll(home, "~");
        commands.push(command);
        const result = answer(command);
        if (result instanceof Fault) throw result;
        return { code: 0, stdout: "", stderr: "", ...result };
      },
    },
  };
  return { host: it, home, commands };
}
const open = async (on: ServiceHost, order = ORDER): Promise<ServiceUnit> => {
  const unit = await openServiceUnit(on, order, signal);
  assert.ok(!isRejection(unit), JSON.stringify(unit));
  return unit;
};

describe("the systemd unit", () => {
  it("is exactly this, whatever systemd knows of back-off", () => {
    assert.equal(systemdUnit(ORDER), golden("openagents.service"));
  });
  it("takes nothing in a path for its own syntax", () => {
    const line = /^ExecStart=(.*)$/m.exec(systemdUnit(ODD))?.[1];
    assert.ok(line?.endsWith('"--data" "/home/a\\"n\\\\n/50%%/$$HOME/<&>"'), line);
  });
  it("wakes nothing and keeps no timer", () => {
    assert.doesNotMatch(systemdUnit(ORDER), /WakeSystem|OnCalendar|\[Timer\]/);
  });
  it("is a unit to systemd itself", { skip: needs("systemd-analyze") }, (context) => {
    const folder = mkdtempSync(join(tmpdir(), "oa-unit-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const odd = join(folder, "50% $HOME");
    mkdirSync(odd);
    const order = { node: process.execPath, cli: join(odd, "oa.ts"), data_dir: odd };
    const file = join(folder, "openagents.service");
    writeFileSync(file, systemdUnit(order));
    const env = { ...process.env, XDG_RUNTIME_DIR: folder };
    const verified = spawnSync("systemd-analyze", ["--user", "verify", file], { env, encoding: "utf8" });
    assert.deepEqual([verified.status, verified.stdout, verified.stderr], [0, "", ""]);
  });
});

describe("the launchd agent", () => {
  it("is exactly this", () => {
    assert.equal(launchdPlist(ORDER), golden("dev.openagents.worker.plist"));
  });
  it("is a property list to macOS itself", {
    skip: process.platform === "darwin" ? needs("plutil") : "is for macOS",
  }, (context) => {
    const folder = mkdtempSync(join(tmpdir(), "oa-plist-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "dev.openagents.worker.plist");
    writeFileSync(file, launchdPlist(ODD));
    const linted = spawnSync("plutil", ["-lint", file], { encoding: "utf8" });
    assert.equal(linted.status, 0, linted.stdout);
  });
  it("has only keys of launchd.plist(5), each of its type", () => {
    const types: Readonly<Record<string, string>> = {
      ...{ Label: "string", ProgramArguments: "array", EnvironmentVariables: "dict", RunAtLoad: "bool" },
      ...{ KeepAlive: "dict", ThrottleInterval: "integer", ExitTimeOut: "integer", ProcessType: "string" },
      ...{ SoftResourceLimits: "dict", Umask: "integer", StandardOutPath: "string", StandardErrorPath: "string" },
    };
    const plist = propertyList(launchdPlist(ODD));
    assert.deepEqual(Object.fromEntries(Object.entries(plist).map(([key, value]) => [key, typeOf(value)])), types);
    assert.equal((plist.ProgramArguments as readonly string[]).at(-1), ODD.data_dir);
    assert.deepEqual(plist.KeepAlive, { SuccessfulExit: false });
  });
});

describe("installing with systemd", () => {
  const answers = (command: string): Partial<ProcessResult> =>
    command.endsWith("--version")
      ? { stdout: "systemd 257 (257.1)\n" }
      : command.includes("ActiveState")
        ? { stdout: shown }
        : {};
  let shown = "";

  it("writes the unit, enables it and starts it anew; uninstalling leaves nothing", async (context) => {
    shown = "ActiveState=active\nMainPID=42\nExecMainCode=1\nExecMainStatus=1\nExecMainExitTimestampMonotonic=7\n";
    const { host: on, home, commands } = host(context, "linux", answers);
    const unit = await open(on);
    assert.equal(unit.path, join(home, ".config/systemd/user/openagents.service"));
    await unit.install(signal);
    assert.equal(readFileSync(unit.path, "utf8"), golden("openagents.service"));
    assert.deepEqual(commands.slice(2), [
      "systemctl --user --no-pager daemon-reload",
      "systemctl --user --no-pager enable openagents.service",
      "systemctl --user --no-pager reset-failed openagents.service",
      "systemctl --user --no-pager restart openagents.service",
    ]);
    assert.deepEqual(await unit.status(signal), {
      ...{ installed: true, current: true, elsewhere: false, running: true, pid: 42, last_exit: 1 },
      ...{ last_signal: null, restarting: false },
    });
    const moved = await open(on, { ...ORDER, node: "/opt/node-26/bin/node" });
    const { current, elsewhere } = await moved.status(signal);
    assert.deepEqual([current, elsewhere], [false, false]);
    for (const data_dir of [`${ORDER.data_dir} 2`, "/home/ann", "Support/OpenAgents", ODD.data_dir]) {
      const other = await openServiceUnit(on, { ...ORDER, data_dir: join("/", data_dir) }, signal);
      assert.ok(!isRejection(other) && (await other.status(signal)).elsewhere, data_dir);
    }
    const odd = await open(on, ODD);
    await odd.install(signal);
    assert.equal((await odd.status(signal)).elsewhere, false);
    await unit.install(signal);
    writeFileSync(unit.path, "[Service]\n");
    assert.equal((await unit.status(signal)).current, false);
    commands.length = 0;
    assert.equal(await unit.uninstall(signal), true);
    assert.equal(existsSync(unit.path), false);
    assert.deepEqual(commands, [
      "systemctl --user --no-pager disable --now openagents.service",
      "systemctl --user --no-pager daemon-reload",
    ]);
    shown = "ActiveState=inactive\n";
    assert.equal(await unit.uninstall(signal), false);
  });
  it("uninstalling takes away what still runs, or would be started, although its file was deleted", async (context) => {
    const { host: on, home, commands } = host(context, "linux", answers);
    const unit = await open(on);
    const disabled = "systemctl --user --no-pager disable --now openagents.service";
    shown = "ActiveState=active\n";
    assert.equal(await unit.uninstall(signal), true);
    assert.ok(commands.includes(disabled) && !existsSync(unit.path));
    shown = "ActiveState=inactive\n";
    const wants = join(home, ".config/systemd/user/default.target.wants");
    mkdirSync(wants);
    symlinkSync(unit.path, join(wants, "openagents.service"));
    commands.length = 0;
    assert.equal(await unit.uninstall(signal), true);
    assert.ok(commands.includes(disabled) && !existsSync(unit.path));
  });
  it("one that was killed and is about to start again is told as that, and not with a status", async (context) => {
    const { host: on } = host(context, "linux", answers);
    shown = `ActiveState=activating\nSubState=auto-restart\nMainPID=0\nExecMainCode=2\nExecMainStatus=9
ExecMainExitTimestampMonotonic=7\n`;
    const { running, last_exit, last_signal, restarting } = await (await open(on)).status(signal);
    assert.deepEqual([running, last_exit, last_signal, restarting], [false, null, "SIGKILL", true]);
  });
  it("without systemd, or without the user's manager, is refused and writes nothing", async (context) => {
    const none = host(context, "linux", () => new Fault("process_failed", "systemctl could not be started"));
    const refused = await openServiceUnit(none.host, ORDER, signal);
    assert.equal(isRejection(refused) && refused.code, "no_service_manager");
    const mute = host(context, "linux", (command) =>
      command.endsWith("--version")
        ? answers(command)
        : { code: 1, stderr: "Failed to connect to bus: No medium found" },
    );
    const unit = await open(mute.host);
    await assert.rejects(
      unit.install(signal),
      (error) => error instanceof Fault && error.code === "no_service_manager",
    );
    assert.equal(existsSync(unit.path), false);
  });
  it("a command that fails is told in its own words", async (context) => {
    const { host: on } = host(context, "linux", (command) =>
      command.includes("restart") ? { code: 1, stderr: "Unit is masked.\n" } : answers(command),
    );
    await assert.rejects((await open(on)).install(signal), /systemctl restart failed with status 1: Unit is masked/);
  });
});

describe("installing with launchd", () => {
  it("ends the old agent before the new one is loaded; uninstalling leaves nothing", async (context) => {
    let loaded = true;
    const {
      host: on,
      home,
      commands,
    } = host(context, "darwin", (command) => {
      if (command.includes("bootout")) loaded = false;
      if (command.includes("bootstrap")) loaded = true;
      if (!command.includes(" print ")) return {};
      return loaded ? { stdout: "\tstate = running\n\tpid = 77\n\tlast exit code = 3\n" } : { code: 113 };
    });
    const unit = await open(on);
    assert.equal(unit.path, join(home, "Library/LaunchAgents/dev.openagents.worker.plist"));
    await unit.install(signal);
    assert.deepEqual(commands, [
      "launchctl print gui/501/dev.openagents.worker",
      "launchctl bootout gui/501/dev.openagents.worker",
      "launchctl print gui/501/dev.openagents.worker",
      "launchctl bootstrap gui/501 ~/Library/LaunchAgents/dev.openagents.worker.plist",
    ]);
    assert.deepEqual(await unit.status(signal), {
      ...{ installed: true, current: true, elsewhere: false, running: true, pid: 77, last_exit: 3 },
      ...{ last_signal: null, restarting: false },
    });
    assert.equal((await (await open(on, ODD)).status(signal)).elsewhere, true);
    assert.equal(await unit.uninstall(signal), true);
    assert.equal(existsSync(unit.path), false);
    assert.equal((await unit.status(signal)).running, false);
    assert.equal(await unit.uninstall(signal), false);
  });
});

describe("elsewhere", () => {
  it("there is no service, and the refusal says what to do", async (context) => {
    const { host: on, commands } = host(context, "win32", () => ({}));
    const refused = await openServiceUnit(on, ORDER, signal);
    assert.ok(isRejection(refused));
    assert.deepEqual([refused.code, commands], ["no_service_manager", []]);
    assert.match(refused.message, /run oa up instead/);
  });
  it("a path that no unit can say is refused", async (context) => {
    const { host: on } = host(context, "darwin", () => ({}));
    for (const data_dir of ["relative", "/a\nExecStartPre=rm"]) {
      const refused = await openServiceUnit(on, { ...ORDER, data_dir }, signal);
      assert.equal(isRejection(refused) && refused.code, "usage");
    }
  });
});

type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value };

function typeOf(value: Value): string {
  if (Array.isArray(value)) return "array";
  const names: Readonly<Record<string, string>> = { object: "dict", boolean: "bool", number: "integer" };
  return names[typeof value] ?? "string";
}

/** Reads the part of a property list that is used here, and fails on anything else. */
function propertyList(text: string): { readonly [key: string]: Value } {
  const body = /<plist version="1\.0">([\s\S]*)<\/plist>\s*$/.exec(text)?.[1] ?? assert.fail("no plist");
  const tokens = [...body.matchAll(/<(\/?)(\w+)(\/?)>|([^<]+)/g)].filter(([all]) => all.trim() !== "");
  const next = (): RegExpMatchArray => tokens.shift() ?? assert.fail("the plist ends early");
  const content = (name: string): string => {
    const text = tokens[0]?.[4] === undefined ? "" : (next()[4] ?? "");
    assert.equal(next()[0], `</${name}>`);
    return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  };
  const value = (): Value => {
    const [all, , name = ""] = next();
    if (all === "<true/>" || all === "<false/>") return all === "<true/>";
    if (name === "string") return content(name);
    if (name === "integer") return Number(content(name));
    const end = `</${name}>`;
    const items: Value[] = [];
    const entries: [string, Value][] = [];
    while (tokens[0]?.[0] !== end) {
      if (name === "array") items.push(value());
      else {
        assert.equal(next()[0], "<key>");
        entries.push([content("key"), value()]);
      }
    }
    next();
    return name === "array" ? items : Object.fromEntries(entries);
  };
  const root = value();
  assert.equal(tokens.length, 0);
  return root as { readonly [key: string]: Value };
}
