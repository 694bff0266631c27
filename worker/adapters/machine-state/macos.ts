import { join } from "node:path";
import { cpuPercentage, type MachineSource, type Reading, type Sensors, unknown } from "./port.ts";

/**
 * macOS: `pmset`, `route` with `networksetup`, `ioreg`, and the files in which Focus keeps its state. Tested against
 * text in the form that they print; untested on macOS hardware.
 */
export function macosSensors(source: MachineSource): Sensors {
  return {
    plugged_in: async (signal) => readPmset((await said(source, "pmset", ["-g", "batt"], signal)).stdout),
    network: (signal) => network(source, signal),
    cpu_percentage: (signal) => cpuPercentage(source, signal),
    idle_ms: async (signal) =>
      readIoreg((await said(source, "ioreg", ["-c", "IOHIDSystem", "-d", "4"], signal)).stdout),
    dnd: () => focus(source),
  };
}

async function said(source: MachineSource, program: string, args: readonly string[], signal: AbortSignal) {
  const answer = await source.ask(program, args, signal);
  if (answer.code !== 0) throw new Error(`${program} failed: ${answer.stderr.trim().slice(0, 200)}`);
  return answer;
}

function readPmset(text: string): Reading<"plugged_in"> {
  const from = /Now drawing from '([^']+)'/.exec(text)?.[1];
  if (from === "AC Power") return { value: true };
  // Behind an uninterruptible power supply that runs on its battery, the mains are gone.
  if (from === "Battery Power" || from === "UPS Power") return { value: false };
  return unknown("pmset does not say where power is drawn from");
}

function readIoreg(text: string): Reading<"idle_ms"> {
  const times = [...text.matchAll(/"HIDIdleTime" = (\d{1,18})\b/g)].map(([, digits]) => Number(digits));
  if (times.length === 0) return unknown("ioreg does not say how long the user has been idle");
  return { value: Math.floor(Math.min(...times) / 1_000_000) };
}

async function network(source: MachineSource, signal: AbortSignal): Promise<Reading<"network">> {
  const route = await source.ask("route", ["-n", "get", "default"], signal);
  if (/not in table/.test(route.stdout + route.stderr)) return { value: "none" };
  const device = /^\s*interface: (\S+)$/m.exec(route.stdout)?.[1];
  if (device === undefined) return unknown("route does not say where the default route goes");
  const { stdout } = await said(source, "networksetup", ["-listallhardwareports"], signal);
  for (const [, port = "", of] of stdout.matchAll(/^Hardware Port: (.+)\nDevice: (\S+)$/gm)) {
    if (of !== device) continue;
    if (/^(Wi-Fi|AirPort)$/.test(port)) return { value: "wifi" };
    return { value: /Ethernet|LAN|Thunderbolt/.test(port) ? "wired" : "other" };
  }
  return unknown(`the default route goes through ${device}, which is no hardware port (a tunnel?)`);
}

interface Assertions {
  readonly data?: readonly { readonly storeAssertionRecords?: readonly unknown[] }[];
}
interface Trigger {
  readonly enabledSetting?: number;
}
interface Mode {
  readonly triggers?: { readonly triggers?: readonly Trigger[] };
}
interface Modes {
  readonly data?: readonly { readonly modeConfigurations?: Readonly<Record<string, Mode>> }[];
}
const ENABLED = 2;

/** A Focus that was switched on is an assertion. One that a timetable or an app switches on leaves none. */
async function focus(source: MachineSource): Promise<Reading<"dnd">> {
  const folder = join(source.home, "Library", "DoNotDisturb", "DB");
  let assertions: Assertions;
  let modes: Modes;
  try {
    assertions = JSON.parse(await source.read(join(folder, "Assertions.json")));
    modes = JSON.parse(await source.read(join(folder, "ModeConfigurations.json")));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return unknown(`the state of Focus cannot be read (it needs Full Disk Access): ${why}`);
  }
  if (!Array.isArray(assertions.data) || !Array.isArray(modes.data))
    return unknown("Focus keeps its state another way");
  if (assertions.data.some(({ storeAssertionRecords = [] }) => storeAssertionRecords.length > 0)) {
    return { value: true };
  }
  const configured = modes.data.flatMap(({ modeConfigurations = {} }) => Object.values<Mode>(modeConfigurations));
  const automatic = configured.some(({ triggers }) =>
    triggers?.triggers?.some(({ enabledSetting }) => enabledSetting === ENABLED),
  );
  return automatic ? unknown("a Focus switches itself on, and does not say when it has") : { value: false };
}
