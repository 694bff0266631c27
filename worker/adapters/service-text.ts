import { dirname } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";

/** What a service is to start. All paths are absolute; settings come from the data folder's config.json. */
export interface ServiceOrder {
  readonly node: string;
  /** The `oa` entry. */
  readonly cli: string;
  readonly data_dir: string;
}

/** Where launchd puts the worker's output, in its data folder; the worker itself keeps it small. */
export const SERVICE_LOG = "worker.log";
export const LAUNCHD_LABEL = "dev.openagents.worker";
export const SYSTEMD_UNIT = "openagents.service";

/** Refuses paths that a unit cannot say. Refusal: usage. */
export function checkOrder({ node, cli, data_dir }: ServiceOrder): Rejection | null {
  for (const path of [node, cli, data_dir]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
    if (!path.startsWith("/") || /[\u0000-\u001f\u007f]/.test(path)) {
      return reject("usage", `a service needs absolute paths without control characters, not ${JSON.stringify(path)}`);
    }
  }
  return null;
}

/** `--service`: `oa up` waits longer after each crash itself, since not every manager can. */
function commandOf({ node, cli, data_dir }: ServiceOrder): readonly string[] {
  return [node, "--disable-warning=ExperimentalWarning", cli, "up", "--service", "--data", data_dir];
}

/** The last words of the command, as each unit writes them: which data folder it is for. */
export function servesData(unit: string, { data_dir }: Pick<ServiceOrder, "data_dir">): boolean {
  const plist = `<string>--data</string>\n    <string>${xml(data_dir)}</string>`;
  return unit.includes(`"--data" ${argument(data_dir, 1)}\n`) || unit.includes(plist);
}

/** Where programs are looked for: this Node, then the usual places. Never the installing shell's own list. */
function searchPath({ node }: ServiceOrder): string {
  const usual = ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
  return [...new Set([dirname(node), ...usual])].join(":");
}

/**
 * The launchd agent: started at login and after a crash (not after a clean end), at most once in
 * `LIMITS.service_restart_s`; in the background class, so that macOS holds its CPU and I/O back. It has no calendar and
 * wakes nothing: due times that the machine slept through are the worker's to catch up. launchd.plist(5). Untested on
 * macOS hardware.
 */
export function launchdPlist(order: ServiceOrder): string {
  const log = xml(`${order.data_dir}/${SERVICE_LOG}`);
  const strings = commandOf(order).map((text) => `    <string>${xml(text)}</string>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LAUNCHD_LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${strings.join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>${xml(searchPath(order))}</string>
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>${LIMITS.service_restart_s}</integer>
  <key>ExitTimeOut</key>
  <integer>${LIMITS.service_stop_s}</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>SoftResourceLimits</key>
  <dict>
    <key>NumberOfFiles</key>
    <integer>8192</integer>
  </dict>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  <string>${log}</string>
  <key>StandardErrorPath</key>
  <string>${log}</string>
</dict>
</plist>
`;
}

/**
 * The systemd user unit: started with the user's manager and after a failure, but not where `oa up` says that its
 * settings are wrong. Hardened as far as a user's manager can without taking away what upgrades need: files, the network,
 * programs in their own sandboxes, and V8's compiler. systemd.service(5), systemd.exec(5).
 */
export function systemdUnit(order: ServiceOrder): string {
  return `${[
    "[Unit]",
    "Description=OpenAgents worker",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${commandOf(order).map(argument).join(" ")}`,
    `Environment=${quoted(`PATH=${searchPath(order)}`)}`,
    "Restart=on-failure",
    "RestartPreventExitStatus=2 3",
    `RestartSec=${LIMITS.service_restart_s}`,
    "KillMode=mixed",
    `TimeoutStopSec=${LIMITS.service_stop_s}`,
    "Nice=10",
    "UMask=0077",
    "LimitCORE=0",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "",
    "[Install]",
    "WantedBy=default.target",
  ].join("\n")}\n`;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** One word in a unit, its specifiers switched off. */
function quoted(word: string): string {
  return `"${word.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%")}"`;
}

/** One word of a command line: in all but the first, the program, variables are switched off too. */
function argument(word: string, index: number): string {
  return quoted(index === 0 ? word : word.replaceAll("$", "$$$$"));
}
