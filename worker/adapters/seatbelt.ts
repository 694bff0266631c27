import { Fault } from "@oa/shared/core/refusal.ts";
import type { Confined, ConfineRequest, Sandbox, Trial } from "./sandbox.ts";
import { openTunnel } from "./tunnel.ts";

const PROGRAM = "/usr/bin/sandbox-exec";

/** The system's programs, libraries and the settings they start with; nothing of anybody's. */
const SYSTEM = [
  ...["/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/Library/Developer", "/Library/Frameworks"],
  ...["/Library/Preferences", "/Applications/Xcode.app", "/opt/homebrew", "/opt/local", "/nix/store"],
  ...["/private/etc", "/private/var/db/dyld", "/private/var/db/timezone", "/private/var/db/xcode_select_link"],
  ...["/private/var/select", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/fd"],
];

/** What a command line program asks of the system to start at all: none of these reaches a file or the network. */
const SERVICES = [
  "com.apple.system.logger",
  "com.apple.system.notification_center",
  "com.apple.system.opendirectoryd.libinfo",
  "com.apple.system.opendirectoryd.membership",
  "com.apple.trustd.agent",
  "com.apple.SecurityServer",
];

/**
 * macOS: Seatbelt through `sandbox-exec`. All is denied but reading the system's own files and what the bounds name.
 * The kernel looks at the file itself, not at the path that led to it, so a path swapped for a link opens nothing.
 * Untested on macOS hardware: the profile's text is tested, and the trial decides on the machine. Fault: sandbox_missing.
 */
export async function seatbelt(trial: Trial): Promise<Sandbox> {
  const node = process.execPath;
  const profile = profileOf({ read: [node], write: [], port: null });
  const { code, stderr } = await trial(PROGRAM, ["-p", profile, node, "-e", "0"]);
  if (code !== 0) throw new Fault("sandbox_missing", `sandbox-exec does not work here: ${stderr.trim().slice(0, 300)}`);
  return { name: "seatbelt", missing: null, confine };
}

async function confine({ program, args, cwd, bounds }: ConfineRequest): Promise<Confined> {
  const tunnel = bounds.connect === null ? null : await openTunnel(bounds.connect, { port: 0 });
  const port = typeof tunnel?.at === "number" ? tunnel.at : null;
  const profile = profileOf({ read: [program, ...bounds.read], write: bounds.write, port });
  return {
    ...{ command: PROGRAM, args: ["-p", profile, program, ...args], cwd, pipes: 0 },
    // The owner's folder for temporary files holds other programs' files.
    env: { ...tunnel?.env, HOME: "/var/empty", TMPDIR: "/var/empty" },
    admit: async () => true,
    release: () => tunnel?.close(),
  };
}

/** The rules as Seatbelt reads them; the last one that fits decides. `port`: of 127.0.0.1, the only one to connect to. */
export function profileOf(bounds: {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly port: number | null;
}): string {
  const places = (paths: readonly string[]): string => paths.map((path) => `(subpath ${quoted(path)})`).join(" ");
  return [
    "(version 1)",
    "(deny default)",
    "(allow process-exec process-fork)",
    "(allow process-info* signal (target same-sandbox))",
    "(allow sysctl-read)",
    "(allow ipc-posix-sem)",
    `(allow mach-lookup ${SERVICES.map((name) => `(global-name ${quoted(name)})`).join(" ")})`,
    // What a path looks like is needed to walk it; what is in it is not shown.
    "(allow file-read-metadata)",
    '(allow file-read* (literal "/"))',
    `(allow file-read* file-map-executable ${places([...SYSTEM, ...bounds.read, ...bounds.write])})`,
    '(allow file-write-data (literal "/dev/null") (literal "/dev/zero"))',
    '(allow file-ioctl (literal "/dev/null"))',
    ...(bounds.write.length === 0 ? [] : [`(allow file-write* ${places(bounds.write)})`]),
    ...(bounds.port === null ? [] : [`(allow network-outbound (remote ip "localhost:${bounds.port}"))`]),
  ].join("\n");
}

/** A path as a string of the profile's language. Control characters could end a rule, so a path with one is refused. */
function quoted(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new Fault("path_invalid", `the path ${JSON.stringify(text)} has a control character`);
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
