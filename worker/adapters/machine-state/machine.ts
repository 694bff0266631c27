import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { systemClock } from "../clock.ts";
import type { Processes } from "../process.ts";
import { fileSensors } from "./file.ts";
import { linuxSensors } from "./linux.ts";
import { macosSensors } from "./macos.ts";
import { cpuTimes, type MachineSource, type MachineState, noSensors, openMachineState, type Sensors } from "./port.ts";

/** Programs that ask a session need its addresses, which children do not get otherwise. */
const SESSION = ["DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] as const;

/** The state of this machine, or of the one that `state_file` describes; `~/` is the home folder. */
export function thisMachine(processes: Processes, state_file: string | null): MachineState {
  const source = machineSource(processes);
  if (state_file === null) return openMachineState(sensorsOf(process.platform, source));
  const path = state_file.startsWith("~/") ? join(source.home, state_file.slice(2)) : state_file;
  return openMachineState(fileSensors(path, source));
}

function sensorsOf(platform: NodeJS.Platform, source: MachineSource): Sensors {
  if (platform === "darwin") return macosSensors(source);
  if (platform === "linux") return linuxSensors(source);
  return noSensors(platform);
}

function machineSource(processes: Processes): MachineSource {
  const { env } = process;
  const session = Object.fromEntries(SESSION.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  return {
    ask: (program, args, signal) =>
      processes.run(program, args, {
        env: session,
        timeout_ms: LIMITS.machine_sensor_ms,
        max_output_bytes: LIMITS.machine_sensor_bytes,
        signal,
      }),
    read: readSmall,
    list: (path) => readdir(path).catch(() => []),
    env,
    home: homedir(),
    now_ms: systemClock.now_ms,
    sleep: systemClock.sleep,
    cpuTimes,
  };
}

/** Never more than a sensor needs, and without waiting for a writer where the path is a pipe. */
async function readSmall(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(LIMITS.machine_sensor_bytes + 1);
    let length = 0;
    for (let more = true; more && length < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      length += bytesRead;
      more = bytesRead > 0;
    }
    if (length === bytes.length) throw new Error(`${path} is larger than ${LIMITS.machine_sensor_bytes} bytes`);
    return bytes.toString("utf8", 0, length);
  } finally {
    await file.close();
  }
}
