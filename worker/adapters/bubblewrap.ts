import { randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readlinkSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { fileFault } from "./file-faults.ts";
import { NO_LINKS, openDirectory } from "./open-beneath.ts";
import type { Confined, ConfineRequest, Sandbox, Trial } from "./sandbox.ts";
import { openTunnel } from "./tunnel.ts";

/** The system's programs and libraries. Of /etc only what those need to start and to check a certificate. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];
const SETTINGS = ["ld.so.cache", "alternatives", "ssl/certs", "ssl/openssl.cnf", "pki", "ca-certificates", "localtime"];
const PORT = 1080;
const SOCKET = "/run/oa-tunnel";
/** The bridge and what tells Node that it is a module. */
const BRIDGE = join(import.meta.dirname, "tunnel-bridge.ts");
const BRIDGE_PACKAGE = resolve(import.meta.dirname, "../package.json");
const O_PATH = 0x200000;

/** Namespaces of its own for everything, no capability, no way to new ones, and nothing mounted that is not named. */
const ISOLATION = [
  ...["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
  ...["--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox"],
];

/**
 * Linux: bubblewrap. The file system is built up from nothing: the system's programs read-only, an empty /tmp, and the
 * paths of the bounds at their own places. Before the command begins it is checked that what was mounted there is what
 * was opened without following a link, so that a path swapped in between is noticed. Fault: sandbox_missing.
 */
export async function bubblewrap(trial: Trial): Promise<Sandbox> {
  // Older ones cannot forbid nested user namespaces.
  const nested = (await trial("bwrap", ["--disable-userns", "--help"])).code === 0 ? ["--disable-userns"] : [];
  const base = [...ISOLATION, ...nested, ...systemMounts()];
  // Node itself has to start in there too: it is the bridge to the network, and what runs code packages.
  const node = process.execPath;
  const { code, stderr } = await trial("bwrap", [...base, ...bound(node, false), "--", node, "-e", "0"]);
  if (code !== 0) throw new Fault("sandbox_missing", `bubblewrap does not work here: ${lastLine(stderr)}`);
  return { name: "bubblewrap", missing: null, confine: (request) => confine(base, request) };
}

async function confine(base: readonly string[], request: ConfineRequest): Promise<Confined> {
  const { program, args, cwd, bounds } = request;
  const seen = open(bounds.read, bounds.write);
  const tunnel = bounds.connect === null ? null : await openTunnel(bounds.connect, { port: PORT, socket: true });
  const bridge = tunnel === null ? [] : [process.execPath, BRIDGE, SOCKET, String(PORT)];
  const ready = `/.${randomBytes(12).toString("hex")}`;
  const mounts = [
    ...[process.execPath, BRIDGE, BRIDGE_PACKAGE].filter(() => tunnel !== null).flatMap((path) => bound(path, false)),
    ...(tunnel === null ? [] : ["--ro-bind", String(tunnel.at), SOCKET]),
    ...bound(program, false),
    ...seen.flatMap(({ path, write }) => [write ? "--bind" : "--ro-bind", path, path]),
    // Made last, so that whoever sees it sees all of the above.
    ...["--dir", ready, "--remount-ro", "/"],
  ];
  const end = ["--chdir", cwd, "--info-fd", "3", "--block-fd", "4", "--", ...bridge, program, ...args];
  return {
    command: "bwrap",
    args: [...base, ...mounts, ...end],
    cwd: "/",
    env: { ...tunnel?.env, HOME: "/tmp", TMPDIR: "/tmp" },
    pipes: 2,
    admit: ([info, block]) => admit(seen, ready, info as Readable, block as Writable),
    release: () => {
      close(seen);
      tunnel?.close();
    },
  };
}

/** Every program of the system, read-only; nothing of anybody's. */
function systemMounts(): readonly string[] {
  const system = SYSTEM.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    return stat.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
  const settings = SETTINGS.map((name) => `/etc/${name}`).flatMap((path) => ["--ro-bind-try", path, path]);
  const room = ["--size", String(LIMITS.sandbox_tmp_bytes), "--tmpfs", "/tmp"];
  return [...system, ...settings, "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", ...room];
}

/** A single file at its own place, unless the system's folders show it already. */
function bound(path: string, write: boolean): readonly string[] {
  return path.startsWith("/usr/") ? [] : [write ? "--bind" : "--ro-bind", path, path];
}

interface Seen {
  readonly path: string;
  readonly write: boolean;
  /** Held, so that what it stands for cannot become another's. */
  readonly fd: number;
}

/** Opens each path without following a link. What lies in another comes after it; writing goes over reading. */
function open(read: readonly string[], write: readonly string[]): readonly Seen[] {
  const writable = new Set(write);
  const opened: Seen[] = [];
  try {
    for (const path of [...new Set([...read, ...write])].sort((a, b) => a.length - b.length)) {
      opened.push({ path, write: writable.has(path), fd: openHeld(path) });
    }
    return opened;
  } catch (error) {
    close(opened);
    throw error;
  }
}

function openHeld(path: string): number {
  const parent = openDirectory(dirname(path));
  try {
    const fd = openSync(parent.at(basename(path) || "."), O_PATH | NO_LINKS | constants.O_RDONLY);
    // O_PATH opens a link itself.
    if (!fstatSync(fd).isSymbolicLink()) return fd;
    closeSync(fd);
    throw new Fault("path_linked", `"${path}" became a link while it was being opened`);
  } catch (error) {
    throw fileFault(error, "read", path);
  } finally {
    parent.close();
  }
}

function close(seen: readonly Seen[]): void {
  for (const { fd } of seen) closeSync(fd);
}

/**
 * Waits until everything is mounted, looks at it through the child's own root, and lets the command begin. What is
 * mounted stays what it is, whatever happens to its path from then on.
 */
async function admit(seen: readonly Seen[], ready: string, info: Readable, block: Writable): Promise<boolean> {
  block.on("error", () => undefined); // it ended; its status says why
  const told = await text(info);
  if (told === "") return false;
  const pid = Number((JSON.parse(told) as { readonly "child-pid": number })["child-pid"]);
  const root = `/proc/${pid}/root`;
  const deadline = performance.now() + LIMITS.sandbox_start_ms;
  while (!existsSync(root + ready)) {
    if (!existsSync(`/proc/${pid}/status`) || performance.now() > deadline) return false;
    await setTimeout(1);
  }
  for (const { path, fd } of seen) {
    const [meant, there] = [fstatSync(fd), statSync(root + path, { throwIfNoEntry: false })];
    if (there === undefined || there.ino !== meant.ino || there.dev !== meant.dev) {
      throw new Fault("path_linked", `"${path}" was swapped while a program was being started`);
    }
  }
  block.end("x");
  return true;
}

function lastLine(stderr: string): string {
  return stderr.trim().split("\n").at(-1)?.slice(0, 300) || "it says nothing";
}
